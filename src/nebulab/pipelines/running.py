"""A pipeline run here: each node by `nebulab run` in its own folder, several at once where the arrows allow it; runs in
a terminal, and as a process of the Lab's page."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from nebulab import contract
from nebulab.errors import PipelineFailed, RunStopped
from nebulab.files import matching
from nebulab.pipelines.model import Node, Pipeline
from nebulab.pipelines.telling import DONE, FAILED, RUNNING, SKIPPED, STOPPED, WAITING, Telling

DEFAULT_LIMIT = 2
RUNTIME, RUN_NAME = "ELYRA_RUNTIME_ENV", "ELYRA_RUN_NAME"
"""What notebooks made for Elyra read: where they run, and a name that no other run has."""
_CELL = re.compile(contract.CELL_RAN)
_STOP_SECONDS = 15
_LONGEST_LINE = 2**20


@dataclass
class Runner:
    """One run of a pipeline on this machine."""

    pipeline: Pipeline
    telling: Telling
    limit: int = DEFAULT_LIMIT
    in_place: bool = False
    _stopped: bool = False
    _processes: set[asyncio.subprocess.Process] = field(default_factory=set)
    _stems: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._stems = file_names(self.pipeline)

    def run(self) -> None:
        """Run it.

        Raises
        ------
        PipelineFailed
            A node failed; those that do not come after it have run all the same.
        RunStopped
            A signal ended it.
        """
        asyncio.run(self._run())
        if self._stopped:
            raise RunStopped("The pipeline was stopped.", "Run it again: it begins with its first node.")
        if self.telling.failed:
            raise PipelineFailed(self.telling.failure(), f"Logs and executed notebooks lie in {self.folder}.")

    @property
    def folder(self) -> Path:
        """Where logs and executed notebooks go."""
        return self.pipeline.path.with_name(f"{self.pipeline.path.stem}.run")

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        self.folder.mkdir(exist_ok=True)
        slots = asyncio.Semaphore(self.limit)
        for node in self.pipeline.nodes:
            self.telling.state(node, WAITING)
        over: dict[str, asyncio.Task[bool]] = {}
        name = f"{self.pipeline.name}-{time.strftime('%m%d%H%M%S')}"
        for node in self.pipeline.nodes:  # in an order in which parents come first
            parents = [over[parent] for parent in node.after]
            over[node.id] = asyncio.create_task(self._node(node, parents, slots, name))
        await asyncio.gather(*over.values())

    async def _node(
        self, node: Node, parents: list[asyncio.Task[bool]], slots: asyncio.Semaphore, run_name: str
    ) -> bool:
        """Run a node once its parents are over; return whether those after it may run."""
        well = all([await parent for parent in parents])
        async with slots:
            if not well or self._is_stopped():
                self.telling.state(node, SKIPPED)
                return False
            self.telling.state(node, RUNNING)
            reason = await self._execute(node, run_name)
        if self._is_stopped():
            self.telling.state(node, STOPPED)
            return False
        if not reason:
            reason = missing_outputs(self.pipeline.folder, node)
        if reason:
            self.telling.state(node, FAILED, reason=reason)
        else:
            self.telling.state(node, DONE)
        return not reason

    def _is_stopped(self) -> bool:
        return self._stopped

    async def _execute(self, node: Node, run_name: str) -> str:
        """Run one node's file; return why it failed, or nothing."""
        program = self.pipeline.folder / node.filename
        stem = self.folder / self._stems[node.id]
        output = Path(f"{stem}.ipynb")
        with tempfile.TemporaryDirectory(prefix="nebulab-", ignore_cleanup_errors=True) as own:
            failure = Path(own) / "failure"
            command = [sys.executable, "-P", "-m", "nebulab", "run", str(program), "--work", str(program.parent)]
            command += ["--no-harvest", "--output", str(output), "--failure", str(failure)]
            variables = self.pipeline.environment(node) | {RUNTIME: "local", RUN_NAME: run_name}
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=program.parent,
                env=os.environ | variables,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                limit=_LONGEST_LINE,
                start_new_session=True,  # a Ctrl-C is passed on once, by us
            )
            self._processes.add(process)
            try:
                last = await self._follow(node, process, Path(f"{stem}.log"))
                code = await process.wait()
            finally:
                self._processes.discard(process)
            if code == 0 and not failure.exists():
                if self.in_place and node.kind == "notebook":
                    shutil.copyfile(output, program)
                return ""
            with contextlib.suppress(OSError):
                return failure.read_text(encoding="utf-8")
            return last or f"It ended with exit code {code}."

    async def _follow(self, node: Node, process: asyncio.subprocess.Process, log: Path) -> str:
        """Write a node's log, tell its cells, and return its last lines."""
        assert process.stderr is not None  # noqa: S101 - a pipe was asked for
        last: list[str] = []
        with log.open("w", encoding="utf-8") as file:
            while True:
                try:
                    line = (await process.stderr.readline()).decode("utf-8", "replace")
                except ValueError:  # a line longer than the limit
                    continue
                if not line:
                    return "".join(last).strip()
                file.write(line)
                file.flush()
                last = [*last[-3:], line]
                if found := _CELL.search(line):
                    self.telling.state(node, RUNNING, cell=[int(found[1]), int(found[2])])

    def _stop(self) -> None:
        """End what runs, as Ctrl-C and SIGTERM ask; each node saves its notebook first."""
        if not self._stopped:
            self._stopped = True
            for process in self._processes:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
            asyncio.get_running_loop().call_later(_STOP_SECONDS, self._kill)

    def _kill(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def missing_outputs(folder: Path, node: Node) -> str:
    """Return a sentence on outputs that a node has not made, or nothing."""
    missing = [
        written for written, output in zip(node.outputs, node.makes, strict=True) if not any(matching(folder, output))
    ]
    if not missing:
        return ""
    return (
        f"It ran to its end, and did not make {', '.join(map(repr, missing))}, which it lists under its outputs. "
        "Correct the list, or have it write the file."
    )


def file_names(pipeline: Pipeline) -> dict[str, str]:
    """Return for each node the name of its files in the run's folder, without an extension; no two are the same."""
    found: dict[str, str] = {}
    for node in pipeline.nodes:
        stem = re.sub(r"\.(ipynb|py|r)$", "", node.name, flags=re.IGNORECASE)
        name = wanted = re.sub(r"[^\w\-. ()]", "_", stem).strip(". ")[:100] or "node"
        number = 1
        while name.lower() in {other.lower() for other in found.values()}:
            number += 1
            name = f"{wanted} {number}"
        found[node.id] = name
    return found


__all__ = ["DEFAULT_LIMIT", "RUNTIME", "RUN_NAME", "Runner", "file_names", "missing_outputs"]
