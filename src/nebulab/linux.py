"""What Linux tells of processes, and what it can be asked for by `prctl`: the tree, memory, commands, ports; runs in a
session, and in its JupyterLab.

A process may end while it is looked at: it is left out then, or counts as nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
# Places of env_start and env_end among the fields of /proc/self/stat that follow the program's name (proc(5)).
_ENVIRONMENT_FIELDS = slice(47, 49)
_LISTENING = "0A"
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIBC = ctypes.CDLL(None, use_errno=True)


def keep_memory_private() -> None:
    """Forbid other processes of the same user to read this one's memory and environment, and core dumps of it."""
    _prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans(*, adopt: bool = True) -> None:
    """Become the parent of processes whose parents end, so that none of a session's outlives it unseen; or no more."""
    _prctl(_PR_SET_CHILD_SUBREAPER, int(adopt))


def parent_death_signal() -> None:
    """Ask, in a child before it starts its program (`preexec_fn`), to be ended when its parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _prctl(option: int, value: int) -> None:
    _LIBC.prctl(option, value, 0, 0, 0)


def environment_block() -> tuple[int, int]:
    """Return the addresses between which this process holds the environment that it was started with."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = (int(field) for field in fields[_ENVIRONMENT_FIELDS])
    return start, end


def parent(pid: int) -> int:
    """Return the parent of a process, or 0 if it has none any more."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def parents() -> dict[int, int]:
    """Return the parent of every process that can be seen."""
    found = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                stat = Path(entry.path, "stat").read_bytes()
                # The second field is the program's name in brackets, and may hold anything.
                found[int(entry.name)] = int(stat[stat.rindex(b")") + 2 :].split()[1])
    return found


def children() -> dict[int, list[int]]:
    """Return the children of every process that has some."""
    found: dict[int, list[int]] = {}
    for pid, above in parents().items():
        found.setdefault(above, []).append(pid)
    return found


def descendants(root: int, tree: Mapping[int, Sequence[int]] | None = None) -> list[int]:
    """Return every process below `root`, parents before children; `tree` is what `children` told."""
    tree = children() if tree is None else tree
    found: list[int] = []
    queue = [root]
    while queue:
        below = tree.get(queue.pop(0), [])
        found.extend(below)
        queue.extend(below)
    return found


def commands(pids: Iterable[int]) -> dict[int, list[bytes]]:
    """Return the arguments of each process that is still there."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return found


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


def listening(port: int) -> set[str]:
    """Return the sockets of this network that listen on `port`, as the links in /proc/<pid>/fd name them."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            found.add(f"socket:[{fields[9]}]")
    return found
