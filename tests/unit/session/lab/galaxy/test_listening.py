"""What changes in Galaxy reaches the tabs that watch: pushed or polled, through ends and absences, and at no cost while
nobody looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from nebulab.session.lab.galaxy import listening
from nebulab.session.lab.galaxy.listening import Listener

TOKEN = "good-for-this-session"


class Broker:
    """A broker on loopback, with a Galaxy that pushes or does not."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.pushes: object = True
        self.away = False
        self.stream_status = 200
        self.times = {"11": "1", "22": "1"}
        self.streams: set[web.StreamResponse] = set()
        self._end = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        assert request.headers["x-api-key"] == TOKEN
        if self.away:
            return web.json_response({"err_msg": "Galaxy is away"}, status=503)
        match request.path:
            case "/api/configuration":
                return web.json_response({"enable_sse_updates": self.pushes} if self.pushes is not None else {})
            case "/api/histories":
                return web.json_response([{"id": each, "update_time": time} for each, time in self.times.items()])
            case "/api/events/stream":
                return await self.stream(request)
        return web.Response(status=404)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if self.stream_status != 200:
            return web.json_response({}, status=self.stream_status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"event: ready\ndata: \n\n")
        self.streams.add(response)
        try:
            await self._end.wait()
        finally:
            self.streams.discard(response)
        return response

    async def push(self, *histories: str, kind: str = "history_update") -> None:
        await until(lambda: bool(self.streams))
        for stream in self.streams:
            await stream.write(f"event: {kind}\ndata: {json.dumps({'history_ids': histories})}\n\n".encode())

    async def cut(self) -> None:
        self._end.set()
        await until(lambda: not self.streams)
        self._end = asyncio.Event()


@pytest.fixture
async def broker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Broker]:
    made = Broker()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", made.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    monkeypatch.setenv("GALAXY_URL", f"http://127.0.0.1:{runner.addresses[0][1]}")
    monkeypatch.setenv("API_KEY", TOKEN)
    monkeypatch.setattr(listening, "_RETRY_SECONDS", (0.01,))
    monkeypatch.setattr(listening, "POLL_SECONDS", 0.05)
    yield made
    await runner.cleanup()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
async def listener(broker: Broker, told: list[dict[str, Any]], clock: Clock) -> AsyncIterator[Listener]:
    made = Listener(told.append, clock)
    yield made
    if made._task is not None:
        made._task.cancel()
        await asyncio.gather(made._task, return_exceptions=True)


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not probe():
            await asyncio.sleep(0.005)


async def test_what_galaxy_pushes_is_told_to_who_watches(
    broker: Broker, listener: Listener, told: list[dict[str, Any]]
) -> None:
    listener.watch("a tab", "11")
    listener.watch("another", "33")
    await broker.push("22")
    await broker.push("11", kind="notification_update")
    await broker.push("11", "22")
    await until(lambda: bool(told))
    assert told == [{"what": "changed", "histories": ["11"]}]
    assert listener.mode == "events"
    # One listener for all tabs.
    assert broker.asked == ["/api/configuration", "/api/events/stream"]


async def test_nothing_is_asked_while_nobody_looks(broker: Broker, listener: Listener) -> None:
    await asyncio.sleep(0.05)
    assert broker.asked == []


@pytest.mark.parametrize("leaves", ["by itself", "without a word"])
async def test_the_listener_ends_with_the_last_who_watches(
    broker: Broker, listener: Listener, clock: Clock, leaves: str
) -> None:
    listener.watch("a tab", "11")
    await until(lambda: bool(broker.streams))
    if leaves == "by itself":
        listener.watch("a tab", "")
    else:
        clock.now += 200
    await broker.push("11")
    await until(lambda: listener._task is not None and listener._task.done())
    await until(lambda: not broker.streams)
    listener.watch("a tab", "11")
    await until(lambda: bool(broker.streams))


@pytest.mark.parametrize(("pushes", "status"), [(None, 200), (False, 200), (True, 403), (True, 404)])
async def test_a_galaxy_that_does_not_push_is_asked_by_one_request(
    broker: Broker, listener: Listener, told: list[dict[str, Any]], pushes: object, status: int
) -> None:
    broker.pushes, broker.stream_status = pushes, status
    listener.watch("a tab", "11")
    listener.watch("another", "22")
    await until(lambda: broker.asked.count("/api/histories") >= 2)
    assert told == []
    assert listener.mode == "poll"
    broker.times["22"] = "2"
    await until(lambda: bool(told))
    assert told == [{"what": "changed", "histories": ["22"]}]
    assert set(broker.asked) <= {"/api/configuration", "/api/events/stream", "/api/histories"}


async def test_a_stream_that_breaks_is_followed_again_and_what_was_missed_is_told(
    broker: Broker, listener: Listener, told: list[dict[str, Any]]
) -> None:
    listener.watch("a tab", "11")
    await until(lambda: bool(broker.streams))
    await broker.cut()
    await until(lambda: len(told) >= 2)
    assert told[:2] == [{"what": "away"}, {"what": "back", "histories": ["11"]}]
    await broker.push("11")
    await until(lambda: len(told) >= 3)
    assert told[2] == {"what": "changed", "histories": ["11"]}


async def test_an_absence_is_told_once_and_its_end_too(
    broker: Broker, listener: Listener, told: list[dict[str, Any]]
) -> None:
    broker.away = True
    listener.watch("a tab", "11")
    await until(lambda: broker.asked.count("/api/configuration") >= 3)
    assert told == [{"what": "away"}]
    assert listener.is_away
    broker.away = False
    await until(lambda: len(told) == 2)
    assert told[1] == {"what": "back", "histories": ["11"]}
    assert not listener.is_away


async def test_what_galaxy_says_wrongly_ends_nothing(
    broker: Broker, listener: Listener, told: list[dict[str, Any]]
) -> None:
    listener.watch("a tab", "11")
    await until(lambda: bool(broker.streams))
    for stream in broker.streams:
        await stream.write(b'event: history_update\ndata: {"history_ids"\n\n')
        await stream.write(b"event: history_update\ndata: [1, 2]\n\nevent: history_update\ndata: \xff\n\n")
    await broker.push("11")
    await until(lambda: bool(told))
    assert told == [{"what": "changed", "histories": ["11"]}]


async def test_a_thousand_tabs_are_not_kept(listener: Listener, broker: Broker) -> None:
    for number in range(1000):
        listener.watch(f"tab {number}", "11")
    assert len(listener._watched) == 100
