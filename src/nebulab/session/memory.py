"""The session's memory against its job's limit; runs in the session.

Past the limit the machine or the batch system would end the whole job. Before that what holds the most is ended, mostly
a kernel: the server, the other kernels and every saved file stay.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nebulab.session.guardian import descendants

ENOUGH = 0.95
"""Share of the limit at which the largest is ended: what it takes until the next look must still fit."""

_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Where a container sees what happened to it: control groups of the second kind, and of the first."""
_OURS = frozenset({b"jupyterlab", b"nebulab.kernel.zygote"})
"""Modules, as an argument names them, that are not the user's to lose."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Hog:
    """A kernel, or another program of the user's, with what it started."""

    pid: int
    bytes: int
    is_kernel: bool


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


def largest(root: int) -> Hog | None:
    """Return what holds the most memory below `root` among the kernels and the programs started in terminals."""
    found = []
    counted: set[int] = set()
    for pid, arguments in _commands(root).items():
        # One that has just ended has no arguments any more.
        if pid in counted or not arguments[0] or arguments[0].endswith(b"bwrap") or _OURS & set(arguments):
            continue
        # A kernel is a process whose arguments name a connection file, as every kernelspec's do.
        is_kernel = any(Path(os.fsdecode(one)).match("kernel-*.json") for one in arguments)
        with_children = (pid, *descendants(pid)) if is_kernel else (pid,)
        counted.update(with_children)
        found.append(Hog(pid, sum(map(proportional, with_children)), is_kernel))
    return max(found, key=lambda hog: hog.bytes, default=None)


def ended_by_system(files: Iterable[str] = _EVENTS) -> int:
    """Return how many programs of this container the system has ended because its memory was used up."""
    for path in files:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(path).read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def _commands(root: int) -> dict[int, list[bytes]]:
    """Return the arguments of every process below `root`, parents first."""
    found = {}
    for pid in descendants(root):
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return found


def end(hog: Hog) -> None:
    """End it and what it started, at once: it may fill the memory before it heeds a request."""
    for pid in (*descendants(hog.pid), hog.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
