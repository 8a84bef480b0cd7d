"""Keeps what Galaxy would collect up to date, as often as a scan is cheap; runs in the session."""

from __future__ import annotations

import asyncio

from nebulab.session.outputs.collected import Collected

_SHORTEST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_SHARE = 20.0
"""A scan may take one part in this many of the time."""


class Mirroring:
    """The watch on the user's files."""

    trouble = "Outputs could not be prepared for Galaxy"

    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    async def look(self) -> float:
        """Scan once, in a thread; return the seconds until the next scan."""
        await asyncio.to_thread(self._collected.update)
        return min(max(self._collected.scan_seconds * _SHARE, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
