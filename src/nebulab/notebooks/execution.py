"""One notebook or script from its first cell to its harvest, whatever happens on the way; runs in a batch job.

On nbclient, the library under Jupyter's own tools. The notebook is on disk after every cell; a failing cell, a time
limit, a signal or a kernel that dies ends the cells, and what there is by then is harvested all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import resource
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellExecutionError, DeadKernelError

from nebulab import contract
from nebulab.errors import CellFailed, NotebookError, RunStopped
from nebulab.notebooks import failure, files
from nebulab.notebooks.client import Client, join_streams, save_images
from nebulab.notebooks.log import RunLog
from nebulab.notebooks.reading import Program
from nebulab.notebooks.saving import NotebookFile
from nebulab.notebooks.usage import Usage

_INTERRUPT_SECONDS = 3.0
_STOPPED_HARVEST_SECONDS = 20.0
_STOP_FILE_SECONDS = 0.3
_KILLED = -signal.SIGKILL
_NEARLY_ALL = 0.8
_NAMED_FILES = 20


class Ending(Enum):
    """How the cells ended."""

    DONE = "all cells ran"
    CELL_FAILED = "a cell failed"
    CELL_TIMEOUT = "a cell took too long"
    TIME_LIMIT = "the time limit was reached"
    STOPPED = "the run was stopped"
    OUT_OF_MEMORY = "the kernel ran out of memory"
    KERNEL_DIED = "the kernel died"


@dataclass(frozen=True)
class RunSettings:
    """Where and how a program is run."""

    work: Path
    """The folder that its cells start in."""
    output: Path
    """The executed notebook."""
    kernel: str
    results: Path | None = None
    """The harvest's folder; without one nothing is harvested."""
    allow_errors: bool = False
    cell_seconds: float | None = None
    total_seconds: float | None = None
    export_models: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)
    stop_file: Path | None = None
    memory_bytes: int | None = None
    """The job's memory limit, which tells running out of memory from other deaths."""
    disk_bytes: int | None = None
    """The job's disk limit, which copies of files of holes have to keep."""


@dataclass
class Outcome:
    """How a run ended."""

    ending: Ending = Ending.DONE
    cell: int | None = None
    """Number of the cell (from 1, text cells counted) that did not end well."""
    message: str = ""
    seconds: float = 0.0
    harvested: bool = False


def execute(program: Program, settings: RunSettings, log: RunLog) -> Outcome:
    """Run `program`, save it, harvest.

    Returns
    -------
    Outcome
        How it ended; `raise_for` makes an error of one that did not end well.

    Raises
    ------
    NotebookError
        The kernel does not start.
    """
    return asyncio.run(_Run(program, settings, log).run())


def raise_for(outcome: Outcome) -> None:
    """Raise the error for an outcome that is no success.

    Raises
    ------
    CellFailed, RunStopped, NotebookError
    """
    if outcome.ending is Ending.DONE:
        return
    if outcome.ending is Ending.CELL_FAILED:
        raise CellFailed(outcome.message)
    hint = "What was saved and collected until then is kept."
    if outcome.ending in {Ending.OUT_OF_MEMORY, Ending.KERNEL_DIED}:
        more = "Read the data in parts, or ask for more memory. " if outcome.ending is Ending.OUT_OF_MEMORY else ""
        raise NotebookError(outcome.message, more + hint)
    raise RunStopped(outcome.message, hint)


class _CellTooLong(Exception):
    """A cell exceeded its time limit and was interrupted."""


class _Run:
    def __init__(self, program: Program, settings: RunSettings, log: RunLog) -> None:
        self._program = program
        self._settings = settings
        self._log = log
        self._usage = Usage()
        self._outcome = Outcome()
        self._began = time.monotonic()
        self._current = 0
        self._python = program.language.lower() in {"python", "ipython"}
        self._started = False
        self._stuck = False
        self._stop: asyncio.Event
        self._client: Client
        self._file: NotebookFile

    async def run(self) -> Outcome:
        settings = self._settings
        notebook = self._program.notebook
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        settings.output.parent.mkdir(parents=True, exist_ok=True)
        if settings.results is not None:
            settings.results.mkdir(parents=True, exist_ok=True)
        files_before = files.snapshot(settings.work)
        self._stop = asyncio.Event()
        self._log.begin(len(notebook.cells))
        with tempfile.TemporaryDirectory(prefix="nebulab-", ignore_cleanup_errors=True) as sockets:
            self._client = Client(
                notebook,
                printed=self._log.printed,
                sockets=Path(sockets) if self._python else None,
                kernel_name=settings.kernel,
                allow_errors=settings.allow_errors,
                timeout=None,
                resources={"metadata": {"path": str(settings.work)}},
            )
            try:
                with NotebookFile(notebook, settings.output) as self._file:
                    self._file.save()
                    await self._in_kernel()
            finally:
                self._usage.stop()
        self._outcome.seconds = time.monotonic() - self._began
        if settings.results is not None:
            self._collect_files(files_before, settings.results)
        return self._outcome

    async def _in_kernel(self) -> None:
        code = "\n\n".join(cell.source for cell in self._program.notebook.cells if cell.cell_type == "code")
        hashed = hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()
        environment = os.environ | {contract.CODE_SHA256: hashed}
        try:
            context = self._client.async_setup_kernel(env=environment)
            await context.__aenter__()
        except Exception as error:
            raise NotebookError(
                f"The kernel {self._settings.kernel!r} does not start: {error}",
                "Is it installed? `jupyter kernelspec list`.",
            ) from error
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        stopped = asyncio.ensure_future(self._until_stopped())
        try:
            self._usage.start(self._client.km.provisioner.pid)
            await self._cells_until_stopped(stopped)
            await self._harvest(stopped)
        finally:
            stopped.cancel()
            with contextlib.suppress(Exception):  # a kernel that hangs is killed below
                await asyncio.wait_for(self._client.km.shutdown_kernel(now=True), 10)
            with contextlib.suppress(Exception):
                await context.__aexit__(None, None, None)

    async def _cells_until_stopped(self, stopped: asyncio.Future[None]) -> None:
        cells = asyncio.ensure_future(self._cells())
        done, _ = await asyncio.wait(
            {cells, stopped}, timeout=self._settings.total_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if cells not in done:
            self._ended_early(f"while cell {self._current} ran")
            await self._interrupt(cells)
        with contextlib.suppress(asyncio.CancelledError):
            await cells
        cell = self._cell()
        if cell is not None:
            join_streams(cell)
        self._file.save()

    def _ended_early(self, when: str) -> None:
        if self._stop.is_set():
            self._ended(Ending.STOPPED, f"The run was stopped {when}.")
        else:
            limit = _duration(self._settings.total_seconds or 0)
            self._ended(Ending.TIME_LIMIT, f"The time limit of {limit} was reached {when}.")

    async def _until_stopped(self) -> None:
        file = self._settings.stop_file
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _STOP_FILE_SECONDS if file else None)
            if file is not None and file.exists():
                self._stop.set()

    async def _cells(self) -> None:
        total = len(self._program.notebook.cells)
        try:
            await self._begin()
            for index, cell in enumerate(self._program.notebook.cells):
                self._current = index + 1
                self._log.cell_begins()
                begun = time.monotonic()
                runs = cell.cell_type == "code" and bool(cell.source.strip())
                if runs:
                    await self._run_cell(cell, index)
                    join_streams(cell)
                    if not self._python and self._settings.results is not None:
                        save_images(cell, self._settings.results / "figures", index + 1)
                self._file.cell_done(index, keep=self._client.may_change(index))
                self._log.cell_ends()
                if runs:
                    took = _duration(time.monotonic() - begun)
                    self._log.say(contract.cell_ran(index + 1, total, took, self._usage.text()))
            self._client.set_widgets_metadata()
        except CellExecutionError as error:
            if self._outcome.ending is Ending.DONE:
                self._ended(Ending.CELL_FAILED, failure.describe(self._current, total, self._cell(), error))
        except _CellTooLong:
            limit = _duration(self._settings.cell_seconds or 0)
            self._ended(
                Ending.CELL_TIMEOUT,
                f"Cell {self._current} took longer than {limit}:\n{failure.shortened(self._source())}",
            )
        except DeadKernelError:
            self._died()

    async def _run_cell(self, cell: Any, index: int) -> None:
        """Run one cell, within its time."""
        running = asyncio.ensure_future(self._client.async_execute_cell(cell, index))
        try:
            done, _ = await asyncio.wait({running}, timeout=self._settings.cell_seconds)
        except asyncio.CancelledError:
            running.cancel()
            raise
        if running not in done:
            await self._interrupt(running)
            raise _CellTooLong
        running.result()

    async def _begin(self) -> None:
        if not self._python or self._settings.results is None:
            return
        folder = json.dumps(str(self._settings.results))
        self._started = await self._client.call(
            f"import nebulab.harvest, nebulab.models.samples\n"
            f"nebulab.models.samples.watch(); nebulab.harvest.start({folder})\ndel nebulab",
            60,
        )
        if not self._started:
            self._log.say("This kernel has no nebulab: the notebook's variables can't be kept.")

    async def _interrupt(self, running: asyncio.Future[Any]) -> bool:
        """Interrupt the kernel (SIGINT) and wait a little; return whether it became idle."""
        with contextlib.suppress(Exception):
            await self._client.km.interrupt_kernel()
        done, _ = await asyncio.wait({running}, timeout=_INTERRUPT_SECONDS)
        self._stuck = running not in done
        if running in done:
            running.exception()  # looked at, so that asyncio does not complain
        running.cancel()
        return not self._stuck

    async def _harvest(self, stopped: asyncio.Future[None]) -> None:
        """Execute the harvest in the kernel; a stop or the time limit interrupts it."""
        settings, ending = self._settings, self._outcome.ending
        if not self._started or settings.results is None:
            return
        if ending in {Ending.KERNEL_DIED, Ending.OUT_OF_MEMORY}:
            self._log.say("The kernel's variables went with it; files, checkpoints and the notebook are kept.")
            return
        if self._stuck:
            self._log.say(
                "The kernel did not let go of its cell (it could not be interrupted): its variables are lost."
            )
            return
        models = settings.export_models
        limits = json.dumps(dict(settings.limits))
        code = f"""
import os; os.environ.setdefault({contract.GPUS!r}, {self._usage.gpus!r})
import nebulab.harvest
nebulab.harvest.finish({json.dumps(str(settings.results))}, {limits!r}, models={models})
"""
        self._log.say("collecting results")
        call = asyncio.ensure_future(self._client.call(code, None))
        # A stop that ended the cells is over; the next one ends the harvest.
        ends: set[asyncio.Future[Any]] = {call} if stopped.done() else {call, stopped}
        done, _ = await asyncio.wait(ends, timeout=self._harvest_seconds(), return_when=asyncio.FIRST_COMPLETED)
        if call not in done:
            if ending is Ending.DONE:
                self._ended_early("while what it made was collected")
            self._log.say("There was no time to collect everything: harvest.json lists what was reached.")
            if not await self._interrupt(call):
                self._log.say("The kernel went on writing when it was to stop: what it was writing is lost.")
                return
        error = call.exception()
        if error is not None:
            self._log.say(f"Collecting the results failed: {error}")
        well = error is None and call.result()
        if not well and not await self._client.km.is_alive():
            self._log.say("The kernel died while its results were collected: harvest.json lists what was reached.")
        self._outcome.harvested = well

    def _harvest_seconds(self) -> float | None:
        """Return the harvest's time limit: the rest of the run's, but at least a little."""
        if self._outcome.ending in {Ending.STOPPED, Ending.TIME_LIMIT}:
            return _STOPPED_HARVEST_SECONDS
        if self._settings.total_seconds is None:
            return None
        left = self._settings.total_seconds - (time.monotonic() - self._began)
        return max(left, _STOPPED_HARVEST_SECONDS)

    def _died(self) -> None:
        code = None
        with contextlib.suppress(AttributeError):
            code = self._client.km.provisioner.process.returncode
        limit = self._settings.memory_bytes
        # The last look may have been long before the end on a busy machine; the system has seen all of it.
        peak = max(self._usage.peak_memory, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
        used = f"it had used up to {peak / 2**30:.2f} GB"
        if code == _KILLED and (limit is None or peak >= _NEARLY_ALL * limit):
            of = f" of the job's {limit / 2**30:.2f} GB" if limit else ""
            self._ended(
                Ending.OUT_OF_MEMORY,
                f"The kernel died in cell {self._current}, most likely out of memory: it was killed, and {used}{of}.\n"
                f"{failure.shortened(self._source())}",
            )
            return
        how = f" (signal {-code})" if code is not None and code < 0 else f" (exit code {code})" if code else ""
        self._ended(
            Ending.KERNEL_DIED,
            f"The kernel died in cell {self._current}{how}; {used}.\n{failure.shortened(self._source())}",
        )

    def _ended(self, ending: Ending, message: str) -> None:
        self._outcome.ending, self._outcome.message, self._outcome.cell = ending, message, self._current
        self._log.say(ending.value)

    def _cell(self) -> Any:
        return self._program.notebook.cells[self._current - 1] if self._current else None

    def _source(self) -> str:
        cell = self._cell()
        return "" if cell is None else str(cell["source"])

    def _collect_files(self, files_before: files.Snapshot, results: Path) -> None:
        """Add the working folder's new files, and how the run ended, to what the kernel has reported."""
        runner_files = frozenset(
            {self._settings.output, self._settings.output.with_name(f".~{self._settings.output.name}")}
        )
        collected = files.collect(
            self._settings.work, files_before, results, besides=runner_files, disk_bytes=self._settings.disk_bytes
        )
        path = results / contract.HARVEST_REPORT
        report: dict[str, Any] = {}
        with contextlib.suppress(OSError, ValueError):
            report = json.loads(path.read_text(encoding="utf-8"))
        report["run"] = {
            "ending": self._outcome.ending.value,
            "cell": self._outcome.cell,
            "seconds": round(self._outcome.seconds, 2),
            "peak_memory_bytes": self._usage.peak_memory,
            "peak_gpu_memory_bytes": self._usage.peak_gpu_memory,
            "message": self._outcome.message,
        }
        report["files"] = {"kept": collected.kept, "refused": collected.refused}
        path.write_text(json.dumps(report, indent=1, ensure_ascii=True), encoding="utf-8")
        counts = {fate: count for fate, count in report.get("counts", {}).items() if fate != "code"}
        summary = ", ".join(_counted(count, fate) for fate, count in sorted(counts.items()))
        self._log.say(
            f"collected in {results.name}: {summary or 'no variables'}; {_counted(len(collected.kept), 'file')}"
        )
        for entry in report.get("globals", ()):
            if entry.get("reason"):
                self._log.say(f"  {entry['name']}: {entry['fate']}: {entry['reason']}")
        for name, reason in islice(collected.refused.items(), _NAMED_FILES):
            self._log.say(f"  file {name!r} was not kept: {reason}")
        if len(collected.refused) > _NAMED_FILES:
            self._log.say(f"  {len(collected.refused)} files were not kept: {contract.HARVEST_REPORT} names them all")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


__all__ = ["Ending", "Outcome", "RunSettings", "execute", "raise_for"]


def _counted(count: int, fate: str) -> str:
    """Return `2 tables`, `1 file`, `3 not kept`."""
    plural = "" if count == 1 or fate.startswith("not ") else "s"
    return f"{count} {fate}{plural}"
