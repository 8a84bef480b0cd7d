"""Which kernels and programs of a session write, and holding those that may not go on; runs in the session.

A held program is stopped where it is, not ended: it keeps its variables, and goes on when there is room.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from nebulab.linux import descendants
from nebulab.session.limits.memory import Program, programs


class Written:
    """What each kernel and program below the process `root` has written since `begin`, in bytes."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._before: dict[int, tuple[int, int]] = {}

    def begin(self) -> None:
        """Count from now on."""
        self._before = {pid: _written(pid) for pid in descendants(self._root)}

    def since(self) -> list[tuple[Program, int]]:
        """Return the programs with what they wrote, the most first; one that is new counts with all it wrote."""
        found = [(one, [self._more(pid) for pid in one.pids]) for one in programs(self._root)]
        # File systems in memory, and some of those that programs provide, are not counted as disks.
        kind = 0 if any(more[0] for _, each in found for more in each) else 1
        sums = [(one, sum(more[kind] for more in each)) for one, each in found]
        return sorted(sums, key=lambda each: -each[1])

    def _more(self, pid: int) -> tuple[int, int]:
        to_disk, passed = _written(pid)
        before = self._before.get(pid, (0, 0))
        return max(to_disk - before[0], 0), max(passed - before[1], 0)


def _written(pid: int) -> tuple[int, int]:
    """Return the bytes that a process has made the system write to disks, also through mapped files, and those that
    it passed to write(), also to pipes and terminals."""
    with contextlib.suppress(OSError, ValueError):
        fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        return int(fields["write_bytes"]), int(fields["wchar"])
    return 0, 0


@dataclass
class Held:
    """A program that is stopped until there is room."""

    program: Program
    since: float = field(default_factory=time.monotonic)
    _handles: list[int] = field(default_factory=list)
    """Of its processes: their numbers may be another's by the time it is let go on."""

    @classmethod
    def hold(cls, program: Program) -> Held:
        """Stop it and what it started."""
        held = cls(program)
        # The parent first, which then starts no more; what it started meanwhile is found the second time.
        stopped: set[int] = set()
        for _ in range(2):
            for pid in (*program.pids, *(descendants(program.pid) if program.is_kernel else ())):
                if pid not in stopped:
                    stopped.add(pid)
                    with contextlib.suppress(OSError):
                        held._handles.append(os.pidfd_open(pid))
                        signal.pidfd_send_signal(held._handles[-1], signal.SIGSTOP)
        return held

    @property
    def alive(self) -> bool:
        """Whether it is still there: its user may have ended it."""
        poll = select.poll()
        for handle in self._handles[:1]:
            poll.register(handle, select.POLLIN)
        return bool(self._handles) and not poll.poll(0)

    def release(self, number: int = signal.SIGCONT) -> None:
        """Let it go on, or end it with SIGKILL."""
        for handle in self._handles:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(handle, number)
            os.close(handle)
        self._handles.clear()
