"""The browser tabs that show the Lab, and asking them to save what is not saved yet; runs in JupyterLab's process.

What a tab shows is in its browser alone until it is saved. Each tab asks for the session's state twice a minute, by
which it is known here. The request to save goes out as an event of Jupyter's own, which every tab listens to.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

SCHEMA_ID = "urn:nebulab:save"
SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Save",
    "description": "Every tab saves its documents and answers with the number of this request.",
    "type": "object",
    "properties": {"request": {"type": "string"}, "ending": {"type": "boolean"}},
    "required": ["request", "ending"],
}
_OPEN_SECONDS = 75.0
"""A tab in the background may be kept from its timers for a minute."""
_MOST_TABS = 100


class Tabs:
    """Knows the open tabs; `emit` sends them an event with the data that it is given."""

    def __init__(self, emit: Callable[[dict[str, Any]], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._seen: dict[str, float] = {}
        self._awaited: dict[str, set[str]] = {}
        self._unsaved: dict[str, int] = {}
        self._answered = asyncio.Event()

    def see(self, tab: str) -> None:
        """Note that `tab` is open."""
        if tab in self._seen or len(self._seen) < _MOST_TABS:
            self._seen[tab] = self._clock()

    def forget(self, tab: str) -> None:
        """Note that `tab` was closed."""
        self._seen.pop(tab, None)
        for awaited in self._awaited.values():
            awaited.discard(tab)
        self._answered.set()

    def answer(self, request: str, tab: str, unsaved: int) -> None:
        """Note that `tab` has saved all but `unsaved` documents, as `request` asked it to."""
        if tab in self._awaited.get(request, ()):
            self._awaited[request].discard(tab)
            self._unsaved[request] += unsaved
            self._answered.set()

    async def save(self, seconds: float, *, ending: bool) -> dict[str, int]:
        """Have all open tabs save, and wait for their answers, `seconds` at most.

        With `ending` they are told that the session ends: they ask for nothing any more.

        Returns
        -------
        dict
            `tabs`: how many are open; `silent`: how many of them did not answer; `unsaved`: how many documents the
            others could not save.
        """
        since = self._clock() - _OPEN_SECONDS
        self._seen = {tab: seen for tab, seen in self._seen.items() if seen >= since}
        request = uuid.uuid4().hex
        tabs = len(self._seen)
        awaited = self._awaited[request] = set(self._seen)
        self._unsaved[request] = 0
        self._emit({"request": request, "ending": ending})
        try:
            async with asyncio.timeout(seconds):
                while awaited:
                    self._answered.clear()
                    await self._answered.wait()
        except TimeoutError:
            pass
        del self._awaited[request]
        return {"tabs": tabs, "silent": len(awaited), "unsaved": self._unsaved.pop(request)}
