"""The state of a stack, `run/state.json`: written by the supervisor, read in a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nebulab.files import locked, read_json, write_private
from nebulab.stack.running.processes import is_alive


@dataclass
class PartState:
    """One part: `state` is starting, running, restarting, stopping, stopped, failed or gone."""

    name: str
    state: str
    address: str | None = None
    pid: int | None = None
    restarts: int = 0
    message: str = ""


@dataclass
class StackState:
    """All parts, whether all of them answered once (`ready`), and why the stack could not start (`failure`).

    `uncollected` holds the folders of sessions that were ended although Galaxy had not collected their outputs.
    """

    stack_id: str
    supervisor: int
    started: float
    ready: bool = False
    isolation: str = ""
    failure: str = ""
    hint: str = ""
    parts: list[PartState] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)

    def part(self, name: str) -> PartState:
        """Return the part called `name`."""
        return next(part for part in self.parts if part.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return what `status --json` prints, and the state file holds."""
        return asdict(self)


def lock_file(data_dir: Path) -> Path:
    """Return the file which a supervisor holds locked as long as it lives."""
    return data_dir / "run" / "lock"


def write(data_dir: Path, state: StackState) -> None:
    """Replace the state file."""
    write_private(data_dir / "run" / "state.json", json.dumps(state.to_dict(), indent=2))


def read(data_dir: Path) -> StackState | None:
    """Return the state of the stack on `data_dir`, or None if none ever ran there.

    If the supervisor was killed, all parts are `gone`.
    """
    content = read_json(data_dir / "run" / "state.json")
    if not content:
        return None
    parts = [PartState(**part) for part in content.pop("parts")]
    state = StackState(**content, parts=parts)
    if not supervised(state):
        state.ready = False
        for part in state.parts:
            if part.state not in {"stopped", "failed"}:
                part.state = "gone"
                part.message = "its supervisor died"
            part.pid = None
    return state


def supervised(state: StackState) -> bool:
    """Tell whether the supervisor of `state` lives."""
    return is_alive(state.supervisor, state.started)


def is_locked(data_dir: Path) -> bool:
    """Tell whether a supervisor works on `data_dir`."""
    if not lock_file(data_dir).exists():
        return False
    with locked(lock_file(data_dir), wait=False) as free:
        return not free


def wait_unlocked(data_dir: Path, seconds: float) -> bool:
    """Wait at most `seconds` until no supervisor works on `data_dir`; tell whether that is so."""
    return _comes_true(lambda: not is_locked(data_dir), seconds)


def wait_over(state: StackState, seconds: float) -> bool:
    """Wait until the supervisor of `state` has ended, and tell as above: it unlocks a moment before it ends."""
    return _comes_true(lambda: not supervised(state), seconds)


def _comes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
