"""Idle time of a session: since when no kernel and no terminal was active, by JupyterLab's API; runs in the session.

A kernel that computes is active, and so is a terminal that shows output. An open browser tab is not: it keeps a GPU
from others without using it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_LONGEST_WARNING_SECONDS = 600.0


@dataclass
class Idleness:
    """Time since the last activity, against a limit; all times in seconds."""

    limit: float
    clock: Callable[[], float] = time.time
    _last: float = field(init=False)

    def __post_init__(self) -> None:
        self._last = self.clock()

    def extend(self) -> None:
        """Start again: the user asked for more time."""
        self._last = self.clock()

    def observe(self, kernels: Iterable[Mapping[str, Any]], terminals: Iterable[Mapping[str, Any]]) -> None:
        """Update the time of the last activity from JupyterLab's answers to `/api/kernels` and `/api/terminals`."""
        for kernel in kernels:
            # Not "starting": a kernel that nobody connects to stays so for ever.
            if kernel.get("execution_state") == "busy":
                self._last = self.clock()
                return
        for entry in (*kernels, *terminals):
            last_activity = entry.get("last_activity")
            if last_activity:
                # A clock that runs ahead must not postpone the end for ever.
                self._last = min(max(self._last, datetime.fromisoformat(last_activity).timestamp()), self.clock())

    @property
    def seconds(self) -> float:
        """Time without activity."""
        return max(self.clock() - self._last, 0.0)

    @property
    def warning_seconds(self) -> float:
        """Time between the warning and the end."""
        return min(_LONGEST_WARNING_SECONDS, self.limit / 2)

    @property
    def remaining(self) -> float:
        """Time until the end if nothing happens."""
        return max(self.limit - self.seconds, 0.0)

    @property
    def ends_in(self) -> float | None:
        """Time until the end once the user has to be warned, else None."""
        return self.remaining if self.remaining <= self.warning_seconds else None
