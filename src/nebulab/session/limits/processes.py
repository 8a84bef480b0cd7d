"""Count and limit of the processes and threads in the session's container; runs in the session."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nebulab.linux import children, descendants

WARN_SHARE = 0.95
"""Share of the limit at which the user is warned."""
CLEAR_SHARE = 0.8
"""Share of the limit below which the warning is taken back."""
KILL_SHARE = 0.5
"""Share of the limit from which on a single process group is killed."""
_COUNTS = (
    ("/sys/fs/cgroup/pids.current", "/sys/fs/cgroup/pids.max"),
    ("/sys/fs/cgroup/pids/pids.current", "/sys/fs/cgroup/pids/pids.max"),
)
"""Files of the control group: v2, then v1."""


@dataclass(frozen=True)
class Count:
    """Processes and threads together, as the control group counts them."""

    running: int
    most: int


def of_container(files: Iterable[tuple[str, str]] = _COUNTS) -> Count | None:
    """Return the count, or None if there is no limit, or it can't be read."""
    for running, most in files:
        with contextlib.suppress(OSError, ValueError):
            return Count(int(Path(running).read_text()), int(Path(most).read_text()))
    return None


@dataclass(frozen=True)
class ProcessGroup:
    """A process group: a kernel or a program with the processes that it started."""

    pgid: int
    size: int

    def kill(self) -> None:
        """Kill the whole group with one signal: one by one, it could start others meanwhile."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pgid, signal.SIGKILL)


def largest(root: int) -> ProcessGroup | None:
    """Return the largest process group below `root`, aside from that of `root` itself, which is JupyterLab's too.

    Nothing is read that a busy process delays, such as its command line: there may be hundreds.
    """
    tree = children()
    sizes = Counter(_pgid(pid) for pid in descendants(root, tree))
    groups = [ProcessGroup(pgid, size) for pgid, size in sizes.items() if pgid not in {0, _pgid(root)}]
    return max(groups, key=lambda group: group.size, default=None)


def _pgid(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0
