"""Processes as /proc shows them (tree, memory, command lines, listening sockets), and `prctl`; runs in a session and in
its JupyterLab.

A process may end while it is read: it is then left out, or counts as nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
# Indices of env_start and env_end among the fields of /proc/self/stat that follow the program's name (proc(5)).
_ENVIRONMENT_FIELDS = slice(47, 49)
# Indices of utime, stime, cutime and cstime among the same fields.
_TIME_FIELDS = slice(11, 15)
_TICKS = os.sysconf("SC_CLK_TCK")
_LISTENING = "0A"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_OCTAL = re.compile(r"\\([0-7]{3})")
_LIBC = ctypes.CDLL(None, use_errno=True)


def keep_memory_private() -> None:
    """Clear the dumpable flag: no other process of this user can read this one's memory, and it leaves no core dump."""
    _prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans(*, adopt: bool = True) -> None:
    """Become a child subreaper, the parent of all descendants whose own parents end; or stop being one."""
    _prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))


def parent_death_signal() -> None:
    """Have this process terminated (SIGTERM) when its parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    _LIBC.prctl(option, value, 0, 0, 0)


def environment_block() -> tuple[int, int]:
    """Return the start and end address of the environment that this process was started with."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (int(field) for field in fields[_ENVIRONMENT_FIELDS])
    return start, end


def parent(pid: int) -> int:
    """Return the pid of a process's parent, or 0 if the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def parents() -> dict[int, int]:
    """Return the parent's pid of every visible process, by the process's pid."""
    by_pid = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                stat = Path(entry.path, "stat").read_bytes()
                # The second field is the program's name in brackets, and may hold anything.
                by_pid[int(entry.name)] = int(stat[stat.rindex(b")") + 2 :].split()[1])
    return by_pid


def children() -> dict[int, list[int]]:
    """Return the pids of the children of every process that has some, by its pid."""
    by_parent: dict[int, list[int]] = {}
    for pid, parent_pid in parents().items():
        by_parent.setdefault(parent_pid, []).append(pid)
    return by_parent


def descendants(root: int, tree: Mapping[int, Sequence[int]] | None = None) -> list[int]:
    """Return the pid of every process below `root`, parents before children; `tree` is the result of `children`."""
    tree = children() if tree is None else tree
    pids: list[int] = []
    queue = [root]
    while queue:
        below = tree.get(queue.pop(0), [])
        pids.extend(below)
        queue.extend(below)
    return pids


def commands(pids: Iterable[int]) -> dict[int, list[bytes]]:
    """Return the command-line arguments of each process that still exists, by its pid."""
    by_pid = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            by_pid[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return by_pid


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process and the children which it has waited for have taken.

    Summed over a whole tree it only grows: a process that ends adds its time to its parent's.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        return sum(int(field) for field in fields[_TIME_FIELDS]) / _TICKS
    return 0.0


def pid_inside(pid: int) -> int:
    """Return the pid that a process has in its own PID namespace, as programs in a sandbox show it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return int(line.split()[-1])
    return pid


def resident(pid: int) -> int:
    """Return the resident set size (RSS) of a process in bytes; shared pages count in full."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def proportional(pid: int) -> int:
    """Return the proportional set size (PSS) of a process in bytes; shared pages are divided among their users."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return resident(pid)


def proportional_shared(pid: int) -> int:
    """Return the part of a process's PSS in bytes that is shared memory and files in memory (tmpfs)."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Shmem:"):
                return int(line.split()[1]) * 1024
    return 0


def unescaped(path: str) -> str:
    """Return a path of /proc/<pid>/mountinfo with its octal escapes (of blanks and the like) undone."""
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), path)


def listening(port: int) -> set[str]:
    """Return the sockets that listen on TCP `port` in this network namespace, as links in /proc/<pid>/fd name them."""
    sockets = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            sockets.add(f"socket:[{fields[9]}]")
    return sockets
