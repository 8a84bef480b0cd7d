"""Bytes written by each kernel and program of a session, and suspending those that write too much; runs in the session.

A suspended program (SIGSTOP) keeps its variables, and is resumed (SIGCONT) when there is room.
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


class WriteCounter:
    """Bytes that each kernel and program below the process `root` has written since `begin`."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._before: dict[int, tuple[int, int]] = {}

    def begin(self) -> None:
        """Start to count, from zero."""
        self._before = {pid: _written(pid) for pid in descendants(self._root)}

    def since(self) -> list[tuple[Program, int]]:
        """Return the programs with the bytes that they wrote, the most first; a new program counts from zero."""
        counts = [(program, [self._delta(pid) for pid in program.pids]) for program in programs(self._root)]
        # File systems in memory, and some in user space, are missing from `write_bytes`; `wchar` has them.
        field_ = 0 if any(delta[0] for _, deltas in counts for delta in deltas) else 1
        sums = [(program, sum(delta[field_] for delta in deltas)) for program, deltas in counts]
        return sorted(sums, key=lambda item: -item[1])

    def _delta(self, pid: int) -> tuple[int, int]:
        to_disk, passed = _written(pid)
        before = self._before.get(pid, (0, 0))
        return max(to_disk - before[0], 0), max(passed - before[1], 0)


def _written(pid: int) -> tuple[int, int]:
    """Return two fields of /proc/<pid>/io: `write_bytes`, bytes that reached a disk, also through mapped files; and
    `wchar`, bytes passed to write(), also to pipes and terminals."""
    with contextlib.suppress(OSError, ValueError):
        fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        return int(fields["write_bytes"]), int(fields["wchar"])
    return 0, 0


@dataclass
class Suspended:
    """A program that is suspended until there is room."""

    program: Program
    since: float = field(default_factory=time.monotonic)
    _pidfds: list[int] = field(default_factory=list)
    """Of all its processes: pids may be reused before SIGCONT, pidfds are not."""

    @classmethod
    def suspend(cls, program: Program) -> Suspended:
        """Send SIGSTOP to the program and every process that it started."""
        suspended = cls(program)
        # The parent first, so that it starts no more; the second round finds children started during the first.
        stopped: set[int] = set()
        for _ in range(2):
            for pid in (*program.pids, *(descendants(program.pid) if program.is_kernel else ())):
                if pid not in stopped:
                    stopped.add(pid)
                    with contextlib.suppress(OSError):
                        suspended._pidfds.append(os.pidfd_open(pid))
                        signal.pidfd_send_signal(suspended._pidfds[-1], signal.SIGSTOP)
        return suspended

    @property
    def alive(self) -> bool:
        """Whether it still exists: its user may have killed it."""
        poll = select.poll()
        for pidfd in self._pidfds[:1]:
            poll.register(pidfd, select.POLLIN)
        return bool(self._pidfds) and not poll.poll(0)

    def resume(self) -> None:
        """Send SIGCONT."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        for pidfd in self._pidfds:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(pidfd, number)
            os.close(pidfd)
        self._pidfds.clear()
