"""Chores that the portal does again and again, and the keeper of each: nothing of it ends silently; runs beside Galaxy.

A look that raises is logged, shown on the administrators' page, and tried again with exponential backoff; one that
hangs is shown. Neither ends the chore or any other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from nebulab.errors import NebulabError

_log = logging.getLogger(__name__)
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0
_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Health:
    """How a chore is: `trouble` is empty, or says what is wrong since `since` seconds."""

    name: str
    trouble: str
    since: float


class Keeper:
    """Runs one chore in a thread of its own, whatever its looks raise.

    Parameters
    ----------
    look
        Looks once, and returns the seconds until the next look.
    name
        What it does, for the administrators: "Mails and memberships".
    """

    def __init__(self, name: str, look: Callable[[], float], *, patience: float = _PATIENCE_SECONDS) -> None:
        self.name = name
        self._look = look
        self._patience = patience
        self._failures = 0
        self._trouble = ""
        self._since = time.monotonic()
        self._looking_since: float | None = None
        self._woken = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look now, and not only when the pause is over."""
        self._woken.set()

    def stop(self, seconds: float = 10.0) -> None:
        """End after the look that is under way, for which `seconds` are waited."""
        self._ending = True
        self._woken.set()
        self._thread.join(seconds)

    def health(self) -> Health:
        """Return how the chore is."""
        now = time.monotonic()
        looking = self._looking_since
        if not self._thread.is_alive() and not self._ending:
            return Health(self.name, "It does not run.", now - self._since)
        if looking is not None and now - looking > self._patience:
            return Health(self.name, "It waits for an answer.", now - looking)
        return Health(self.name, self._trouble, now - self._since)

    def _keep(self) -> None:
        while not self._ending:
            pause = self.once()
            self._woken.wait(pause)
            self._woken.clear()

    def once(self) -> float:
        """Look once, and return the seconds until the next look."""
        self._looking_since = time.monotonic()
        try:
            pause = self._look()
        except Exception as error:  # noqa: BLE001 - a chore goes on, whatever its look raised
            return self._failed(error)
        finally:
            self._looking_since = None
        if self._trouble:
            _log.info("%s: works again", self.name)
            self._trouble, self._since = "", time.monotonic()
        self._failures = 0
        return pause

    def _failed(self, error: Exception) -> float:
        told = error.message if isinstance(error, NebulabError) else str(error)
        trouble = f"{type(error).__name__}: {told}"
        if trouble != self._trouble:
            _log.error("%s: %s", self.name, trouble, exc_info=error)
            self._trouble, self._since = trouble, time.monotonic()
        pause = min(_FIRST_RETRY_SECONDS * 2.0**self._failures, _LONGEST_RETRY_SECONDS)
        # Bounded: 2.0**failures overflows in a portal that lives for months.
        self._failures = min(self._failures + 1, 10)
        return pause
