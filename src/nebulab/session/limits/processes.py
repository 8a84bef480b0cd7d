"""How many processes and threads the session's container runs, and may run; runs in the session."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nebulab.linux import children, descendants

ENOUGH = 0.95
"""Share of the limit at which the user is told."""
FEW = 0.8
"""Share below which it is over."""
CROWD = 0.5
"""Share of the limit that one kernel's or program's processes must be to be ended for it."""
_COUNTS = (
    ("/sys/fs/cgroup/pids.current", "/sys/fs/cgroup/pids.max"),
    ("/sys/fs/cgroup/pids/pids.current", "/sys/fs/cgroup/pids/pids.max"),
)
"""Control groups of the second kind, and of the first."""


@dataclass(frozen=True)
class Count:
    """Processes and threads together, as the system counts them."""

    running: int
    most: int


def of_container(files: Iterable[tuple[str, str]] = _COUNTS) -> Count | None:
    """Return the count, or None where there is no limit, or none to be seen."""
    for running, most in files:
        with contextlib.suppress(OSError, ValueError):
            return Count(int(Path(running).read_text()), int(Path(most).read_text()))
    return None


@dataclass(frozen=True)
class Crowd:
    """A process group: a kernel or a program with all that it started."""

    group: int
    size: int

    def end(self) -> None:
        """End all of it at one stroke, between which and the next it could start others."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)


def largest(root: int) -> Crowd | None:
    """Return the largest process group below `root`, aside from that of `root` itself, which is JupyterLab's too.

    Nothing is asked of a process that would have to wait for it: one of hundreds takes its time.
    """
    tree = children()
    sizes = Counter(_group(pid) for pid in descendants(root, tree))
    crowds = [Crowd(group, size) for group, size in sizes.items() if group not in {0, _group(root)}]
    return max(crowds, key=lambda crowd: crowd.size, default=None)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return 0
