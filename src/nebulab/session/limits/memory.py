"""The session's memory against its job's limit; runs in the session.

Past the limit the machine or the batch system would kill the whole job. Before that the program that uses the most
memory is killed, mostly a kernel: the server, the other kernels and every saved file stay.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.linux import children, commands, descendants, proportional, proportional_shared, resident

KILL_SHARE = 0.95
"""Share of the limit at which the largest program is killed: what it takes until the next look must still fit."""

_EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
"""Files of a container's control group (v2, then v1) that count kills for memory."""
_OURS = frozenset({b"jupyterlab", b"nebulab.kernel.zygote"})
"""Modules, as an argument of a process names them, that are never killed."""
_STATISTICS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.stat", "anon", "shmem"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.stat", "total_rss", "total_shmem"),
)
"""For each cgroup version (v2, then v1): the file with the limit, the file with the figures, and the two figures that
can't be reclaimed: anonymous memory and files in memory."""
_LARGEST_LIMIT = 2**60


def used(root: int, limit: int, files: int = 0) -> int:
    """Return the bytes of memory that `root`, every process below it and `files` in memory (bytes) use.

    The exact figure costs milliseconds a process, so it is taken only where the quick one nears `limit`.
    """
    pids = [root, *descendants(root)]
    quick = files + sum(resident(pid) for pid in pids)
    if quick < limit * KILL_SHARE:
        return quick
    return exact({pid: proportional(pid) for pid in pids}, files)


def exact(sizes: Mapping[int, int], files: int = 0) -> int:
    """Return the bytes of memory that processes, each with its `proportional` size, and `files` in memory use."""
    # Files in memory that processes have mapped, as data loaders do, are among both figures.
    mapped = sum(map(proportional_shared, sizes)) if files else 0
    return sum(sizes.values()) + max(files - mapped, 0)


@dataclass(frozen=True)
class Program:
    """A kernel with the processes that it started, or another program of the user's."""

    pid: int
    pids: tuple[int, ...]
    """Its own first."""
    is_kernel: bool
    name: str = ""
    """A kernel's id, as JupyterLab knows it; of another program the name of its file."""

    def memory(self) -> int:
        """Return the bytes of memory that its processes use, pages shared with others divided among them."""
        return sum(map(proportional, self.pids))


def programs(root: int, tree: Mapping[int, Sequence[int]] | None = None) -> list[Program]:
    """Return the kernels below `root` and the programs started in terminals: those that may be killed."""
    listed = []
    counted: set[int] = set()
    tree = children() if tree is None else tree
    for pid, arguments in commands(descendants(root, tree)).items():
        # A process that has just ended has no arguments any more.
        if pid in counted or not arguments[0] or arguments[0].endswith(b"bwrap") or _OURS & set(arguments):
            continue
        # A kernel is a process whose arguments name a connection file, as every kernelspec's do.
        files = (Path(os.fsdecode(argument)) for argument in arguments)
        file = next((file for file in files if file.match("kernel-*.json")), None)
        is_kernel = file is not None
        name = Path(os.fsdecode(arguments[0])).name if file is None else file.stem.removeprefix("kernel-")
        pids = (pid, *descendants(pid, tree)) if is_kernel else (pid,)
        counted.update(pids)
        listed.append(Program(pid, pids, is_kernel, name))
    return listed


def largest(root: int) -> tuple[Program, int] | None:
    """Return the program below `root` that uses most memory, and its bytes, or None if there is no program."""
    sizes = [(program, program.memory()) for program in programs(root)]
    return max(sizes, key=lambda item: item[1], default=None)


def killed_by_system(files: Iterable[str] = _EVENTS) -> int:
    """Return how many processes of this container the kernel has killed for want of memory (`oom_kill`)."""
    for path in files:
        with contextlib.suppress(OSError, ValueError):
            for line in Path(path).read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def of_container(files: Iterable[tuple[str, str, str, str]] = _STATISTICS) -> int | None:
    """Return the bytes of memory of this container that can't be reclaimed, those of files in its /tmp among them.

    None if the container has no limit of its own, or can't see it.
    """
    for limit, statistics, *fields in files:
        with contextlib.suppress(OSError, ValueError, KeyError):
            if int(Path(limit).read_text()) < _LARGEST_LIMIT:
                figures = dict(line.split() for line in Path(statistics).read_text().splitlines())
                return sum(int(figures[field]) for field in fields)
    return None


def kill(program: Program) -> None:
    """Send SIGKILL to the program and its descendants; SIGTERM would give it time to fill the memory."""
    for pid in (*descendants(program.pid), program.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
