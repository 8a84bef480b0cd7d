"""How many processes and threads the session's container runs, and may run; runs in the session."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ENOUGH = 0.95
"""Share of the limit at which the user is told."""
FEW = 0.8
"""Share below which it is over."""
_LAST = 19
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


def put_last(pids: Iterable[int]) -> None:
    """Have them compute in what time everything else leaves; they, and what they start, can't take it back."""
    for pid in pids:
        with contextlib.suppress(OSError):
            if os.getpriority(os.PRIO_PROCESS, pid) < _LAST:
                os.setpriority(os.PRIO_PROCESS, pid, _LAST)


def of_container(files: Iterable[tuple[str, str]] = _COUNTS) -> Count | None:
    """Return the count, or None where there is no limit, or none to be seen."""
    for running, most in files:
        with contextlib.suppress(OSError, ValueError):
            return Count(int(Path(running).read_text()), int(Path(most).read_text()))
    return None
