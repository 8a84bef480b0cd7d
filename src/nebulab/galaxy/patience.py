"""Retries while Galaxy does not answer: exponential backoff within a total time; runs everywhere."""

from __future__ import annotations

import random
import time

from nebulab.errors import GalaxyAway

_FIRST_DELAY_SECONDS = 0.25
_LONGEST_DELAY_SECONDS = 8.0

# Statuses of a server that restarts, or of a proxy before one: the request itself is not at fault.
AWAY_STATUSES = frozenset({502, 503, 504})


class Patience:
    """Waits between attempts, twice as long each time, and gives up after `seconds` without progress."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self.progressed()

    def progressed(self) -> None:
        """Reset time and delay: bytes have arrived."""
        self._since = time.monotonic()
        self._delay = _FIRST_DELAY_SECONDS

    def wait(self, reason: str, cause: BaseException | None = None, retry_after: str | None = None) -> None:
        """Sleep before the next attempt.

        Raises
        ------
        GalaxyAway
            The time is used up.
        """
        remaining = self._since + self._seconds - time.monotonic()
        if remaining <= 0:
            raise GalaxyAway(
                f"Galaxy at {self._url} does not answer, for {self._seconds:.0f} s now: {reason}.",
                "Nothing was lost here. Run the cell again once Galaxy is back; its administrators know more.",
            ) from cause
        # Jitter: many notebooks retry after one restart, and not at the same moment.
        delay = self._delay * random.uniform(0.8, 1.2)  # noqa: S311
        if retry_after is not None and retry_after.isdigit():
            delay = max(delay, float(retry_after))
        time.sleep(min(delay, remaining))
        self._delay = min(self._delay * 2, _LONGEST_DELAY_SECONDS)
