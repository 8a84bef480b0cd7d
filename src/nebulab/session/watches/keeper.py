"""Watches, which poll one thing each while a session lives, and the keeper that runs each; runs in the session.

A look that fails is logged with its traceback, told on the Lab's page and retried with exponential backoff; a look that
hangs is told. Neither ends the watch or any other.
"""

from __future__ import annotations

import asyncio
import traceback
from typing import Protocol

from nebulab.session.journal import Journal, log

_PATIENCE_SECONDS = 60.0
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 60.0


class Watch(Protocol):
    """One thing to look at."""

    trouble: str
    """The beginning of the message when a look fails: "The disk space can't be measured"."""

    async def look(self) -> float | None:
        """Look once; return the seconds until the next look, None if there is nothing more to look at."""


class Keeper:
    """Runs one watch, whatever its looks raise.

    Parameters
    ----------
    patience
        Seconds after which a look counts as hanging.
    """

    def __init__(self, watch: Watch, journal: Journal, *, patience: float = _PATIENCE_SECONDS) -> None:
        self._watch = watch
        self._journal = journal
        self._patience = patience
        self._failures = 0
        self._last_error = ""

    async def keep(self, *, after: float = 0) -> None:
        """Look until there is nothing more to look at, for the first time `after` so many seconds."""
        pause: float | None = after
        while pause is not None:
            await asyncio.sleep(pause)
            pause = await self.once()

    async def once(self) -> float | None:
        """Look once, and return the result of `look`, or the seconds until the retry if it failed."""
        looking = asyncio.ensure_future(self._watch.look())
        try:
            done, _ = await asyncio.wait((looking,), timeout=self._patience)
            if not done:
                self._tell(f"no answer for {self._patience:.0f} seconds. Nebulab waits; a disk or Galaxy may hang.")
            pause = await looking
        except asyncio.CancelledError:
            looking.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - a watch goes on, whatever its look raised
            return self._failed(error)
        self._failures, self._last_error = 0, ""
        self._journal.take_back(self._watch.trouble)
        return pause

    def _failed(self, error: Exception) -> float:
        if repr(error) != self._last_error:
            self._last_error = repr(error)
            log("".join(traceback.format_exception(error)).rstrip())
        why = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
        self._tell(f"{why}. Nebulab tries again.")
        pause = min(_FIRST_RETRY_SECONDS * 2.0**self._failures, _LONGEST_RETRY_SECONDS)
        # Bounded: 2.0**failures overflows in a session that lives for weeks.
        self._failures = min(self._failures + 1, 10)
        return pause

    def _tell(self, why: str) -> None:
        self._journal.tell_while(self._watch.trouble, f"{self._watch.trouble}: {why}")
