"""The session's memory against its job's limit; runs in the session.

Past the limit the machine or the batch system would end the whole job. Before that the largest kernel is ended: the
server, the other kernels and every saved file stay.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from nebulab.session.guardian import descendants

ENOUGH = 0.95
"""Share of the limit at which a kernel is ended: what it takes until the next look must still fit."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Kernel:
    """A kernel's process, with what it started."""

    pid: int
    bytes: int


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, pages shared with others counted as often as they are held."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def proportional(pid: int) -> int:
    """Return the bytes of memory of a process, pages shared with others divided among them."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return resident(pid)


def used(root: int, limit: int) -> int:
    """Return the bytes that `root` and everything below it hold.

    The exact figure costs milliseconds a process, so it is taken only where the quick one nears `limit`.
    """
    pids = [root, *descendants(root)]
    quick = sum(resident(pid) for pid in pids)
    return quick if quick < limit * ENOUGH else sum(proportional(pid) for pid in pids)


def largest_kernel(root: int) -> Kernel | None:
    """Return the kernel below `root` that holds the most memory."""
    kernels = [Kernel(pid, sum(proportional(one) for one in (pid, *descendants(pid)))) for pid in _kernels(root)]
    return max(kernels, key=lambda kernel: kernel.bytes, default=None)


def _kernels(root: int) -> list[int]:
    """A kernel is a process whose arguments name a connection file, as every kernelspec's do."""
    found = []
    for pid in descendants(root):
        with contextlib.suppress(OSError):
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if any(Path(os.fsdecode(one)).name.startswith("kernel-") and one.endswith(b".json") for one in arguments):
                found.append(pid)
    return found


def end(kernel: Kernel) -> None:
    """End a kernel and what it started, at once: it may fill the memory before it heeds a request."""
    for pid in (*descendants(kernel.pid), kernel.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
