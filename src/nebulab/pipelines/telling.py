"""The states of a running pipeline's nodes, as lines for people or as JSON for the Lab's page; runs in a terminal."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any, TextIO

from nebulab.pipelines.model import Node, Pipeline

WAITING, QUEUED, RUNNING, DONE = "waiting", "queued", "running", "done"
FAILED, STOPPED, SKIPPED = "failed", "stopped", "skipped"
_WORDS = {QUEUED: "queued in Galaxy", FAILED: "FAILED", SKIPPED: "not run"}


@dataclass
class Telling:
    """Writes each change of a node's state once; `as_json` as one object a line."""

    pipeline: Pipeline
    as_json: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    states: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    _began: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _last: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def say(self, text: str, **more: Any) -> None:
        """Tell something about the whole run."""
        if self.as_json:
            self._write({"message": text, **more})
        else:
            print(f"{self._clock()}  {text}", file=self.stream, flush=True)

    def state(self, node: Node, state: str, *, reason: str = "", **more: Any) -> None:
        """Tell a node's state, where it differs from what was told last."""
        if self._last.get(node.id) == (state, more):
            return
        self._last[node.id] = state, more
        changed = self.states.get(node.id) != state
        self.states[node.id] = state
        if reason:
            self.reasons[node.id] = reason
        now = time.monotonic()
        if state == RUNNING:
            self._began.setdefault(node.id, now)
        seconds = round(now - self._began.get(node.id, now), 1)
        if self.as_json:
            told: dict[str, Any] = {"node": node.id, "name": node.name, "state": state, "seconds": seconds}
            self._write(told | ({"reason": reason} if reason else {}) | more)
        elif changed and state != WAITING:
            took = f" in {seconds:.1f} s" if state == DONE else ""
            why = f": {reason.splitlines()[0]}" if reason else ""
            name = node.name.ljust(max(len(other.name) for other in self.pipeline.nodes))
            print(f"{self._clock()}  {name}  {_WORDS.get(state, state)}{took}{why}", file=self.stream, flush=True)

    def result(self, **more: Any) -> None:
        """Tell that all is over."""
        if self.as_json:
            self._write({"result": {"states": self.states, **more}})

    @property
    def failed(self) -> list[Node]:
        """The nodes that failed."""
        return [node for node in self.pipeline.nodes if self.states.get(node.id) == FAILED]

    def failure(self) -> str:
        """Return what failed, with each reason, and what was not run for it."""
        lines = [f"{node.name} failed:\n{self.reasons.get(node.id, '')}".rstrip() for node in self.failed]
        left = [node.name for node in self.pipeline.nodes if self.states.get(node.id) == SKIPPED]
        if left:
            lines.append(f"Not run, since they come after it: {', '.join(left)}.")
        return "\n".join(lines)

    def _clock(self) -> str:
        seconds = int(time.monotonic() - self._started)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

    def _write(self, told: dict[str, Any]) -> None:
        self.stream.write(json.dumps(told) + "\n")
        self.stream.flush()
