"""Limits of a harvest in size, time and memory, and its stop by SIGINT; runs in the kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulab.linux import resident

_AGAIN_SECONDS = 0.2
"""What is raised while Python runs a destructor is lost: it is raised again until it arrives."""
_TURN_SECONDS = 1e-4
_LOOK_SECONDS = 0.05
_GROUP = Path("/sys/fs/cgroup")
STOPPED = "the run was stopped before it was reached"


@dataclass(frozen=True)
class Limits:
    """How much a harvest takes; what hits a limit is reported."""

    object_bytes: int = 64 * 2**30
    """The largest single object."""
    total_bytes: int = 256 * 2**30
    objects: int = 100_000
    object_seconds: float = 600.0
    """How long one object may take; a model's export and proof may take three times that."""
    model_memory_share: float = 0.8
    """How much of the memory that is free before it a model's export and proof may take."""
    total_seconds: float = 2 * 3600.0
    """How long all of them may take together."""


class TooSlow(BaseException):
    """An object's time is over; no `except Exception` of the object's code may catch it."""


class TooLarge(BaseException):
    """An object's memory is used up; no `except Exception` of the object's code may catch it."""


class Stopped(BaseException):
    """The harvest's time is over, or somebody ended it: what is written by now is what is kept."""


class Clock:
    """The time of one harvest; `over` is why it has ended, or nothing while it goes on.

    Objects are interrupted by signals, which reach the main thread alone. Elsewhere time is looked at between them.
    """

    def __init__(self, total_seconds: float) -> None:
        self._total_seconds = total_seconds
        self._deadline = time.monotonic() + total_seconds
        self._interruptible = False
        self._large = False
        self._over = ""

    @property
    def over(self) -> str:
        """Why the harvest has ended, for its report."""
        if not self._over and time.monotonic() >= self._deadline:
            self._over = f"the harvest as a whole had {self._total_seconds:g} s, and they were over"
        return self._over

    @contextlib.contextmanager
    def stoppable(self) -> Iterator[None]:
        """Let SIGINT end the harvest: in the middle of an object, else before the next."""
        if not _takes_signals():
            yield
            return
        previous = signal.signal(signal.SIGINT, self._stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    @contextlib.contextmanager
    def within(self, seconds: float, share: float = 0.0) -> Iterator[None]:
        """Interrupt what runs for longer, takes more than a share of the free memory, or goes beyond the harvest's end.

        Memory is looked at while Python runs; a single call of a library that takes all of it is not interrupted.

        Raises
        ------
        TooSlow
            This object's time is over.
        TooLarge
            Its memory is used up.
        Stopped
            The harvest is.
        """
        if self.over:
            raise Stopped
        if not _takes_signals():
            yield
            return
        previous = signal.signal(signal.SIGALRM, self._alarm)
        hook, sys.unraisablehook = sys.unraisablehook, _without_ours(sys.unraisablehook)
        self._interruptible, self._large = True, False
        left = threading.Event()
        if share:
            most = resident(os.getpid()) + int(share * free_bytes())
            threading.Thread(target=self._watch, args=(most, left), daemon=True).start()
        first = max(min(seconds, self._deadline - time.monotonic()), 1e-3)
        signal.setitimer(signal.ITIMER_REAL, first, _AGAIN_SECONDS)
        try:
            yield
        finally:
            self._interruptible = False
            left.set()
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
            sys.unraisablehook = hook

    def _watch(self, most: int, left: threading.Event) -> None:
        while not left.wait(_LOOK_SECONDS):
            if resident(os.getpid()) > most:
                self._large = True
                signal.setitimer(signal.ITIMER_REAL, 1e-3, _AGAIN_SECONDS)
                return

    def _alarm(self, *_: Any) -> None:
        if self._interruptible:
            raise Stopped if self.over else TooLarge if self._large else TooSlow

    def _stop(self, *_: Any) -> None:
        self._over = self._over or STOPPED
        if self._interruptible:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
            raise Stopped


def free_bytes() -> int:
    """Return the memory that is free for this process: the machine's, or less where its control group has a limit."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    machine = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    try:
        limit = int((_GROUP / "memory.max").read_text())
        figures = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
        # Files that are only cached make room.
        used = int((_GROUP / "memory.current").read_text()) - int(figures["inactive_file"])
    except (OSError, ValueError, KeyError):  # no control group, or one without a limit: `max`
        return machine
    return max(min(machine, limit - used), 0)


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Let threads take turns fifty times as often.

    HDF5's calls let go of the interpreter; a thread of the notebook that never waits then keeps it for a whole turn:
    beside one a dictionary of 1,000 lists takes 2 s like this, and 36 s without.
    """
    previous = sys.getswitchinterval()
    sys.setswitchinterval(min(previous, _TURN_SECONDS))
    try:
        yield
    finally:
        sys.setswitchinterval(previous)


def _without_ours(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the hook for what a destructor swallows, without what is raised again anyway."""

    def quiet(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, TooSlow | TooLarge | Stopped):
            hook(unraisable)

    return quiet


def _takes_signals() -> bool:
    return threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer")
