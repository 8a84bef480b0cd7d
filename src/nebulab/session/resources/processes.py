"""Memory and processor time of a session's processes, as a whole and by program; runs in the session."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from nebulab import linux
from nebulab.session.limits import memory
from nebulab.session.limits.memory import Program


@dataclass(frozen=True)
class Used:
    """What one program, a kernel mostly, uses; memory in bytes, `cpu` in processors."""

    program: Program
    memory: int
    cpu: float | None


@dataclass(frozen=True)
class Measured:
    """What all of a session's processes use at one moment."""

    memory: int
    cpu: float | None
    """None at the first look, which has none before it to compare with."""
    programs: tuple[Used, ...]
    """Those that use most memory first."""


class Processes:
    """The processes of this session: this one and all below it.

    Parameters
    ----------
    process
        A pid; every process below it is the user's.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._before: Mapping[int, float] = {}
        self._measured_at = 0.0

    def measure(self, files: int = 0, whole: int | None = None) -> Measured:
        """Measure once; takes about a millisecond a process.

        Parameters
        ----------
        files
            Bytes of files in memory, which no process holds.
        whole
            Bytes of memory where a container counts them for all.
        """
        tree = linux.children()
        own = os.getpid()
        pids = [own, *linux.descendants(own, tree)]
        sizes = {pid: linux.proportional(pid) for pid in pids}
        now, times = time.monotonic(), {pid: linux.processor_seconds(pid) for pid in pids}
        passed = now - self._measured_at
        before, self._before, self._measured_at = self._before, times, now

        def rate(of: tuple[int, ...] | list[int], gone: float = 0.0) -> float | None:
            taken = sum(times.get(pid, 0.0) - before.get(pid, 0.0) for pid in of) - gone
            return max(taken, 0.0) / passed if before and passed > 0 else None

        # The time of a process that has ended is its parent's now.
        ended = sum(seconds for pid, seconds in before.items() if pid not in times)
        used = [
            Used(program, sum(sizes.get(pid, 0) for pid in program.pids), rate(program.pids))
            for program in memory.programs(self._process, tree)
        ]
        return Measured(
            memory.exact(sizes, files) if whole is None else whole,
            rate(pids, ended),
            tuple(sorted(used, key=lambda each: -each.memory)),
        )
