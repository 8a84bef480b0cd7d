"""What changes in Galaxy, told to the tabs that show the Galaxy panel; runs in JupyterLab's process.

One listener serves all tabs, and only while one of them shows the panel. A Galaxy with `enable_sse_updates` pushes its
changes; any other is asked by one request for all histories, every few seconds.
"""

# tornado's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from tornado.web import HTTPError

from nebulab.session.lab.asking import ask

SCHEMA_ID = "urn:nebulab:galaxy"
SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Galaxy",
    "description": "What changed in Galaxy, or in the panel's transfers, for the tabs that show it.",
    "type": "object",
    "properties": {
        "what": {"enum": ["changed", "away", "back", "transfer"]},
        "histories": {"type": "array", "items": {"type": "string"}},
        "transfer": {"type": "object"},
    },
    "required": ["what"],
}
POLL_SECONDS = 12.0
_WATCHED_SECONDS = 100.0
"""A tab in the background may be kept from its timers for a minute."""
_MOST_TABS = 100
_RETRY_SECONDS = (3.0, 5.0, 10.0, 20.0, 30.0)
_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 90.0
"""Galaxy sends a comment every 30 s."""
_MOST_HISTORIES = 30
_log = logging.getLogger(__name__)

Emit = Callable[[dict[str, Any]], None]


class Unsupported(Exception):
    """This Galaxy has no stream of events, or none with what changes in histories."""


class Listener:
    """Listens while a tab watches a history; `emit` sends all tabs an event."""

    def __init__(self, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._watched: dict[str, tuple[str, float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._away = False
        self.mode = ""
        """`events` or `poll`, once it is known."""

    def watch(self, tab: str, history: str) -> None:
        """Note that `tab` shows `history`, or no history any more where that is empty."""
        if not history:
            self._watched.pop(tab, None)
        elif tab in self._watched or len(self._watched) < _MOST_TABS:
            self._watched[tab] = history, self._clock()
        if self._watched and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._listen())

    @property
    def is_away(self) -> bool:
        """Whether Galaxy did not answer when it was last asked."""
        return self._away

    @property
    def histories(self) -> set[str]:
        """The histories that some tab shows."""
        since = self._clock() - _WATCHED_SECONDS
        self._watched = {tab: (history, seen) for tab, (history, seen) in self._watched.items() if seen >= since}
        return {history for history, _ in self._watched.values()}

    async def _listen(self) -> None:
        """Go on until nobody watches, whatever happens on the way."""
        failures = 0
        while self.histories:
            try:
                async for changed in self._changes():
                    failures = 0
                    self._tell(changed)
                    if not self.histories:
                        return
            except (HTTPError, OSError, TimeoutError, ValueError) as error:
                _log.info("Galaxy's changes can't be followed: %s", type(error).__name__)
            except Exception:  # noqa: BLE001 - whoever listens goes on, and the log tells
                _log.exception("Galaxy's changes can't be followed")
            self._tell_away()
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
            failures += 1

    def _tell(self, changed: Iterable[str]) -> None:
        histories = self.histories
        if self._away:
            # Nobody knows what was missed.
            self._away = False
            self._emit({"what": "back", "histories": sorted(histories)})
        elif of_interest := histories.intersection(changed):
            self._emit({"what": "changed", "histories": sorted(of_interest)})

    def _tell_away(self) -> None:
        if not self._away:
            self._away = True
            self._emit({"what": "away"})

    async def _changes(self) -> AsyncIterator[Iterable[str]]:
        """Yield the histories that changed, again and again; often none."""
        try:
            if await _pushes():
                self.mode = "events"
                async for changed in pushed():
                    yield changed
                return
        except Unsupported:
            pass
        self.mode = "poll"
        async for changed in polled():
            yield changed


async def _pushes() -> bool:
    """Whether this Galaxy pushes what changes; one that does not know the setting does not."""
    configuration = await ask("GET", "configuration", {"keys": "enable_sse_updates"})
    return bool(isinstance(configuration, dict) and configuration.get("enable_sse_updates"))


async def pushed() -> AsyncIterator[list[str]]:
    """Yield the histories that Galaxy's stream of events names, and nothing where it has just begun or is alive.

    Read from the broker's socket itself: JupyterLab's HTTP client can't leave a request that never ends.

    Raises
    ------
    Unsupported
        There is no such stream.
    OSError, TimeoutError
        It ended, or is dead.
    """
    address = urlsplit(os.environ.get("GALAXY_URL", ""))
    async with asyncio.timeout(_CONNECT_SECONDS):
        reader, writer = await asyncio.open_connection(address.hostname, address.port or 80)
    try:
        # Of HTTP/1.0: the stream then comes as it is, and not in chunks.
        path = f"{address.path.rstrip('/')}/api/events/stream"
        key = os.environ.get("API_KEY", "")
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {address.netloc}\r\nx-api-key: {key}\r\n\r\n".encode())
        await writer.drain()
        _check(await _line(reader))
        while await _line(reader):
            pass
        yield []
        kind = ""
        while True:
            name, _, value = (await _line(reader)).partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "history_update":
                yield _named(value)
            elif not name:
                kind = ""
                yield []
    finally:
        writer.close()


async def _line(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(_SILENT_SECONDS):
        line = await reader.readline()
    if not line:
        raise ConnectionError("the stream ended")
    return line.decode(errors="replace").rstrip("\r\n")


def _check(status_line: str) -> None:
    status = status_line.split(" ")[1:2]
    if status in (["403"], ["404"], ["405"]):
        raise Unsupported
    if status != ["200"]:
        raise ConnectionError(f"the stream answered {' '.join(status)}")


def _named(data: str) -> list[str]:
    try:
        named = json.loads(data)
    except ValueError:
        return []
    histories = named.get("history_ids") if isinstance(named, dict) else None
    return [str(each) for each in histories] if isinstance(histories, list) else []


async def polled() -> AsyncIterator[list[str]]:
    """Yield the histories that changed since the last look, by one request for all of them."""
    known: dict[str, str] | None = None
    while True:
        listed = await ask(
            "GET",
            "histories",
            {"v": "dev", "keys": "id,update_time", "order": "update_time-dsc", "limit": _MOST_HISTORIES},
        )
        times = {str(each["id"]): str(each["update_time"]) for each in listed}
        yield [] if known is None else [each for each, time in times.items() if known.get(each) != time]
        known = times
        await asyncio.sleep(POLL_SECONDS)
