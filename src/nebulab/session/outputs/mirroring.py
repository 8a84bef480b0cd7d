"""The watch on the user's files, which keeps the outputs up to date; runs in the session."""

from __future__ import annotations

import asyncio

from nebulab.session.outputs.collected import Collected

_SHORTEST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_SHARE = 20.0
"""The pause between two scans is at least this many times the last one's duration."""


class Mirroring:
    """The watch on the user's files."""

    trouble = "Outputs could not be prepared for Galaxy"

    def __init__(self, collected: Collected) -> None:
        self._collected = collected

    async def look(self) -> float:
        """Scan once, in a thread; return the seconds until the next scan."""
        await asyncio.to_thread(self._collected.update)
        return min(max(self._collected.scan_seconds * _SHARE, _SHORTEST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
