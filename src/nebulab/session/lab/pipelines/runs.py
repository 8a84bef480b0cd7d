"""Runs of pipelines that the page started, each a process of `nebulab pipeline run`; in JupyterLab's process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nebulab.errors import SettingsError

HERE, GALAXY = "here", "galaxy"
_MOST_KEPT = 50
_MOST_MESSAGES = 200
_LINE_BYTES = 4 * 1024 * 1024


@dataclass
class Run:
    """One run, as it is told to the page."""

    id: str
    path: str
    where: str
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    error: str = ""
    hint: str = ""
    over: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    """What Galaxy calls it: `workflow`, `invocation`, `history`."""
    process: asyncio.subprocess.Process | None = None
    following: asyncio.Task[None] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what the page shows."""
        return {
            "id": self.id,
            "path": self.path,
            "where": self.where,
            "nodes": self.nodes,
            "messages": self.messages,
            "error": self.error,
            "hint": self.hint,
            "over": self.over,
            "facts": self.facts,
        }

    def take(self, told: dict[str, Any]) -> None:
        """Note a line of the process."""
        if "node" in told:
            self.nodes[told["node"]] = told
        elif "message" in told:
            self.messages = [*self.messages, str(told["message"])][-_MOST_MESSAGES:]
            self.facts |= {name: told[name] for name in ("workflow", "invocation", "history") if name in told}
        elif "error" in told:
            self.error, self.hint = str(told["error"]), str(told.get("hint") or "")


class Runs:
    """All runs of this server, the last ones kept."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._runs: dict[str, Run] = {}
        self._numbers = itertools.count(1)

    def path(self, name: str) -> Path:
        """Return the file that the page means.

        Raises
        ------
        SettingsError
            It lies outside of the Lab's folder, or is not there.
        """
        root = self._root.resolve()
        path = (root / name.lstrip("/")).resolve()
        if root not in path.parents or path.suffix != ".pipeline":
            raise SettingsError(f"{name!r} is no pipeline of this session.", "Save it in the session's folder.")
        return path

    def of(self, path: str) -> Run | None:
        """Return the last run of a pipeline."""
        return next((run for run in reversed(self._runs.values()) if run.path == path), None)

    async def start(self, name: str, where: str) -> Run:
        """Run a pipeline as it is saved.

        Raises
        ------
        SettingsError
            There is no such pipeline, or it runs already.
        """
        path = self.path(name)
        last = self.of(name)
        if last is not None and not last.over:
            raise SettingsError("This pipeline is running.", "Stop it first, or wait until it is over.")
        command = [sys.executable, "-P", "-m", "nebulab", "pipeline", "run", str(path), "--json", "--on", where]
        run = Run(f"run-{next(self._numbers)}", name, where)
        run.process = await asyncio.create_subprocess_exec(
            *command,
            cwd=path.parent,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        run.following = asyncio.create_task(self._follow(run, run.process))
        self._runs[run.id] = run
        for old in list(self._runs)[:-_MOST_KEPT]:
            if self._runs[old].over:
                del self._runs[old]
        return run

    def stop(self, run_id: str) -> Run:
        """End a run: the nodes that run save their notebooks first.

        Raises
        ------
        SettingsError
            There is no such run.
        """
        run = self._runs.get(run_id)
        if run is None:
            raise SettingsError("There is no such run.", "It may have been of an earlier server. Look again.")
        if not run.over and run.process is not None:
            with contextlib.suppress(ProcessLookupError):
                run.process.send_signal(signal.SIGTERM)
        return run

    async def _follow(self, run: Run, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None and process.stderr is not None  # noqa: S101 - pipes were asked for
        complaint = asyncio.create_task(process.stderr.read())
        async for line in process.stdout:
            with contextlib.suppress(ValueError):
                run.take(json.loads(line))
        code = await process.wait()
        last = (await complaint).decode("utf-8", "replace").strip().splitlines()[-1:]
        if code and not run.error:
            run.error = last[0] if last else f"It ended with exit code {code}."
        run.over = True


def checked(path: Path, content: str) -> dict[str, Any]:
    """Return the problems of a pipeline that need not be saved, and its text in the current form if it is an older one.

    Raises
    ------
    PipelineError
        It is no pipeline.
    """
    from nebulab.pipelines import reading, upgrading
    from nebulab.pipelines.checking import check

    flow = reading.parse(content, path.name)
    pipeline, problems = check(path, flow)
    upgraded = upgrading.upgrade(flow, path.parent)
    return {
        "problems": [problem.as_json() for problem in problems],
        "order": [{"id": node.id, "name": node.name} for node in pipeline.nodes],
        "upgraded": json.dumps(flow, indent=2) if upgraded else None,
    }
