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

from nebulab.linux import children, commands, descendants, proportional, resident

ENOUGH = 0.95
"""Share of the limit at which the largest is ended: what it takes until the next look must still fit."""

_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Where a container sees what happened to it: control groups of the second kind, and of the first."""
_OURS = frozenset({b"jupyterlab", b"nebulab.kernel.zygote"})
"""Modules, as an argument names them, that are not the user's to lose."""
_STATISTICS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.stat", "anon", "shmem"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.stat", "total_rss", "total_shmem"),
)
"""The limit, the figures, and those of them that can't be given back: processes' own, and files in memory."""
_LARGEST_LIMIT = 2**60


@dataclass(frozen=True)
class Hog:
    """A kernel, or another program of the user's, with what it started."""

    pid: int
    bytes: int
    is_kernel: bool


def used(root: int, limit: int) -> int:
    """Return the bytes that `root` and everything below it hold.

    The exact figure costs milliseconds a process, so it is taken only where the quick one nears `limit`.
    """
    pids = [root, *descendants(root)]
    quick = sum(resident(pid) for pid in pids)
    return quick if quick < limit * ENOUGH else sum(proportional(pid) for pid in pids)


@dataclass(frozen=True)
class Program:
    """A kernel with what it started, or another program of the user's."""

    pid: int
    pids: tuple[int, ...]
    """Its own first."""
    is_kernel: bool


def programs(root: int) -> list[Program]:
    """Return the kernels below `root` and the programs started in terminals: what may be ended, JupyterLab may not."""
    found = []
    counted: set[int] = set()
    tree = children()
    for pid, arguments in commands(descendants(root, tree)).items():
        # One that has just ended has no arguments any more.
        if pid in counted or not arguments[0] or arguments[0].endswith(b"bwrap") or _OURS & set(arguments):
            continue
        # A kernel is a process whose arguments name a connection file, as every kernelspec's do.
        is_kernel = any(Path(os.fsdecode(one)).match("kernel-*.json") for one in arguments)
        with_children = (pid, *descendants(pid, tree)) if is_kernel else (pid,)
        counted.update(with_children)
        found.append(Program(pid, with_children, is_kernel))
    return found


def largest(root: int) -> Hog | None:
    """Return what holds the most memory below `root` among the kernels and the programs started in terminals."""
    found = [Hog(one.pid, sum(map(proportional, one.pids)), one.is_kernel) for one in programs(root)]
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


def of_container(files: Iterable[tuple[str, str, str, str]] = _STATISTICS) -> int | None:
    """Return the bytes of memory that this container can't give back, also those of files in its /tmp.

    None where no limit of its own stands around it, or it can't see it.
    """
    for limit, statistics, *fields in files:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if int(Path(limit).read_text()) < _LARGEST_LIMIT:
                found = dict(line.split() for line in Path(statistics).read_text().splitlines())
                return sum(int(found[field]) for field in fields)
    return None


def end(hog: Hog) -> None:
    """End it and what it started, at once: it may fill the memory before it heeds a request."""
    for pid in (*descendants(hog.pid), hog.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
