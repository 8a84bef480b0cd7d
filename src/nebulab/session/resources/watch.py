"""The watch on what a session uses: its figures now, those of its last hour, and warnings; runs in the session."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from nebulab import linux
from nebulab.accelerators import diagnosis, machine
from nebulab.accelerators.following import Following
from nebulab.accelerators.gpus import Trouble
from nebulab.session.journal import in_words
from nebulab.session.limits import file_systems, memory
from nebulab.session.resources import gpus
from nebulab.session.resources.history import Figures, History
from nebulab.session.resources.idle_gpu import IdleGpu
from nebulab.session.resources.processes import Measured, Processes, Used

if TYPE_CHECKING:
    from nebulab.session.limits.disk import Disk
    from nebulab.session.prepared import Prepared

_CALM_SECONDS = 10.0
_LOOKED_AT_SECONDS = 5.0
_STAYS_LOOKED_AT_SECONDS = 20.0
_COST_SHARE = 200.0
"""Between two looks at least this many times the last one's duration passes."""
_NO_NVML = frozenset({Trouble.NO_LIBRARY, Trouble.NO_BINDING})
_WARN_SHARES = (0.8, 0.9)
"""Shares of the memory at which the user is warned; at `memory.KILL_SHARE` a program is killed."""
_CLEAR_SHARE = 0.05
_MOST_PROGRAMS = 50
_CAME_LATER = "It could not be used when this session began, which computes on the CPU: start a new one to use it."


class Resources:
    """Measures the session's figures: every ten seconds, twice as often while a page looks.

    Parameters
    ----------
    process
        A pid; every process below it is the user's.
    disk
        The watch that walks through the files.
    quiet_seconds
        Returns the time since a cell has run.
    end_for_gpu
        Ends the session for its idle GPU, where the settings have it so.
    """

    trouble = "The session's figures can't be measured"

    def __init__(
        self,
        prepared: Prepared,
        process: int,
        disk: Disk,
        *,
        quiet_seconds: Callable[[], float],
        end_for_gpu: Callable[[], None] = lambda: None,
    ) -> None:
        settings = prepared.settings
        self._journal = prepared.journal
        self._contained = prepared.isolation == "container"
        self._memory_limit = None if settings.memory_mb is None else settings.memory_mb * 2**20
        self._slots = settings.slots or len(os.sched_getaffinity(0))
        self._gpu_memory_mb = settings.gpu_memory_mb
        self._disk = disk
        self._quiet_seconds = quiet_seconds
        self._processes = Processes(process)
        self._seen = prepared.gpus
        self._has_gpu = bool(prepared.gpus.look.usable)
        has_nvml = prepared.gpus.look.trouble not in _NO_NVML
        self._following = Following(prepared.inherited) if has_nvml else None
        self._idle_gpu = IdleGpu(
            settings.gpu_idle_minutes * 60,
            prepared.journal,
            is_shared=settings.gpu_memory_mb is not None,
            end=end_for_gpu if settings.gpu_idle_then == "end" else None,
            kept_seconds=settings.gpu_keep_minutes * 60,
        )
        self._history = History()
        self._measured: Measured | None = None
        self._devices: tuple[gpus.Shown, ...] = ()
        self._figures: Figures | None = None
        self._warned = 0
        self._asked_at = float("-inf")

    async def look(self) -> float:
        """Measure once; return the seconds until the next time."""
        began = time.monotonic()
        measured = await asyncio.to_thread(self._measure)
        taken = time.monotonic() - began
        if self._following is not None:
            self._seen = diagnosis.examine(await self._following.look(), machine.read())
        self._devices = gpus.shown(self._seen, self._gpu_memory_mb, _pids() if self._seen.look.gpus else ())
        self._measured = measured
        self._figures = Figures(
            time.time(),
            measured.memory,
            measured.cpu,
            self._disk_used(),
            {device.identity: device.figures for device in self._devices},
        )
        self._history.add(self._figures)
        self._idle_gpu.observe(self._devices, gpus.memory_by_pid(self._devices), self._quiet_seconds())
        self._warn(measured)
        looked_at = time.monotonic() - self._asked_at < _STAYS_LOOKED_AT_SECONDS
        return max(_LOOKED_AT_SECONDS if looked_at else _CALM_SECONDS, taken * _COST_SHARE)

    @property
    def idle_gpu(self) -> IdleGpu:
        """Since when the GPU is idle, and whether the session ends for it."""
        return self._idle_gpu

    async def close(self) -> None:
        """End the process that asks NVML."""
        if self._following is not None:
            await self._following.close()

    def now(self) -> Mapping[str, object]:
        """Return the figures of the last look for JSON, with each program's; without `memory` before the first."""
        self._asked_at = time.monotonic()
        held = gpus.memory_by_pid(self._devices)
        programs = () if self._measured is None else self._measured.programs[:_MOST_PROGRAMS]
        return {**self.summary(), "programs": [_to_json(used, held) for used in programs]}

    def summary(self) -> Mapping[str, object]:
        """Return the figures of the last look without those of programs."""
        text, hint = gpus.in_words(self._seen)
        if self._seen.look.usable and not self._has_gpu:
            hint = f"{hint} {_CAME_LATER}".strip()
        gpu = {
            "text": text,
            "hint": hint,
            "usable": bool(self._seen.look.usable),
            "driver": self._seen.look.driver,
            "idle_seconds": self._idle_gpu.seconds,
            "devices": [device.to_json() for device in self._devices],
        }
        if self._figures is None:
            return {"gpu": gpu}
        return {
            "gpu": gpu,
            "time": self._figures.time,
            "memory": {"used": self._figures.memory, "limit": self._memory_limit},
            "cpu": {"used": self._figures.cpu, "limit": self._slots},
            "disk": self._disk_to_json(),
        }

    def last_hour(self) -> Mapping[str, object]:
        """Return the figures of the last hour for JSON."""
        self._asked_at = time.monotonic()
        return self._history.to_json()

    def _measure(self) -> Measured:
        whole = memory.of_container() if self._contained else None
        files = 0
        if whole is None:
            files = sum(each.used() for each in file_systems.in_memory(self._disk.file_systems))
        return self._processes.measure(files, whole)

    def _disk_used(self) -> int | None:
        return None if self._disk.usage is None else self._disk.usage.bytes

    def _disk_to_json(self) -> dict[str, object]:
        usage = self._disk.usage
        holding = [each for each in self._disk.file_systems if each.holds_the_work]
        free = [room for each in holding if (room := each.free()) is not None]
        return {
            "used": None if usage is None else usage.bytes,
            "limit": self._disk.limit,
            "free": min(free, default=None),
            "largest": [] if usage is None else [[part.name, part.bytes] for part in usage.parts[:5]],
        }

    def _warn(self, measured: Measured) -> None:
        limit = self._memory_limit
        if limit is None:
            return
        share = measured.memory / limit
        reached = sum(share >= mark for mark in _WARN_SHARES)
        if reached == self._warned or (
            reached < self._warned and share >= _WARN_SHARES[self._warned - 1] - _CLEAR_SHARE
        ):
            return
        self._warned = reached
        self._journal.take_back("memory")
        if not reached:
            return
        largest = measured.programs[0] if measured.programs else None
        title = "" if largest is None else "A kernel" if largest.program.is_kernel else "A program"
        most = "" if largest is None else f" {title} uses {in_words(largest.memory)}: restart it if you don't need it."
        self._journal.tell_while(
            "memory",
            f"{in_words(measured.memory)} of the session's {in_words(limit)} of memory are used.{most} "
            f"At {memory.KILL_SHARE:.0%} what uses most is ended, and its variables are lost. "
            "The tab Resources shows what each notebook uses.",
        )


def _to_json(used: Used, held: Mapping[int, int]) -> dict[str, object]:
    program = used.program
    gpu = [held[pid] for pid in program.pids if pid in held]
    return {
        "pid": linux.pid_inside(program.pid),
        "is_kernel": program.is_kernel,
        "name": program.name,
        "memory": used.memory,
        "cpu": None if used.cpu is None else round(used.cpu, 2),
        "gpu_memory": sum(gpu) if gpu else None,
    }


def _pids() -> Collection[int]:
    return frozenset(linux.descendants(os.getpid()))
