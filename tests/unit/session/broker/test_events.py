"""Galaxy's stream of events through the broker: what tells of histories passes as it comes, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from nebulab.session.broker.server import Broker

KEY = "the-users-own-key"
TOKEN = "good-for-this-session"
READY = b"event: ready\ndata: \n\n"
CHANGED = b'event: history_update\ndata: {"history_ids": ["0a"]}\nid: 2026-11-29T12:00:00\n\n'
PRIVATE = [
    b'event: notification_update\ndata: {"content": "a private word"}\n\n',
    b'event: notification_status\ndata: {"content": "a private word"}\n\n',
    b"event: history_update\nevent: notification_update\ndata: a private word\n\n",
    b"data: a private word\n\n",
    b"event: history_update\nother: a private word\n\n",
]
PATH = "/api/events/stream"


@dataclass
class Session:
    """A running broker, the Galaxy behind it, and a client with the token."""

    broker: Broker
    client: aiohttp.ClientSession
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    def ask(self, method: str, path: str, **options: Any) -> aiohttp.client._RequestContextManager:
        return self.client.request(method, self.broker.address + path, headers={"x-api-key": TOKEN}, **options)


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async def handle(request: web.Request) -> web.StreamResponse:
        made.seen.append((request.method, request.path, request.headers.get("x-api-key")))
        return await made.answer(request) if made.answer else web.json_response({"done": True})

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    broker = Broker(url, KEY, TOKEN, status=dict, extend=lambda: None)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await broker.start(sock)
    async with aiohttp.ClientSession() as client:
        made = Session(broker, client)
        yield made
    await broker.stop()
    await runner.cleanup()


def streaming(session: Session, *frames: bytes) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        for frame in frames:
            await response.write(frame)
        return response

    session.answer = answer


async def test_what_tells_of_histories_passes_as_it_comes(session: Session) -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await response.write(READY)
            await response.write(CHANGED[:20])
            await asyncio.sleep(0.05)
            await response.write(CHANGED[20:])
            await asyncio.sleep(60)
        finally:
            ended.set()
        return response

    session.answer = answer
    async with session.ask("GET", PATH) as stream:
        assert stream.content_type == "text/event-stream"
        received = b""
        async with asyncio.timeout(10):
            while len(received) < len(READY + CHANGED):
                received += await stream.content.readany()
        assert received == READY + CHANGED
        stream.close()
    # Whoever leaves ends the stream of Galaxy too.
    async with asyncio.timeout(10):
        await ended.wait()
    assert session.seen == [("GET", PATH, KEY)]


@pytest.mark.parametrize("frame", PRIVATE)
async def test_what_belongs_to_galaxys_page_ends_here(session: Session, frame: bytes) -> None:
    streaming(session, READY, frame, b": keepalive\n\n", CHANGED)
    async with session.ask("GET", PATH) as stream:
        received = await stream.read()
    assert b"private" not in received
    assert received == READY + b": keepalive\n\n" + CHANGED


async def test_lines_may_end_otherwise(session: Session) -> None:
    streaming(session, CHANGED.replace(b"\n", b"\r\n"), PRIVATE[0].replace(b"\n", b"\r\n"))
    async with session.ask("GET", PATH) as stream:
        assert await stream.read() == CHANGED


async def test_a_refusal_and_a_galaxy_without_events_are_told(session: Session) -> None:
    async def refuse(_: web.Request) -> web.StreamResponse:
        return web.json_response({"err_msg": "no such thing"}, status=404)

    session.answer = refuse
    async with session.ask("GET", PATH) as answer:
        assert (answer.status, await answer.json()) == (404, {"err_msg": "no such thing"})
    session.answer = None
    async with session.ask("GET", PATH) as answer:
        assert answer.status == 502


async def test_a_frame_without_an_end_is_not_kept(session: Session) -> None:
    streaming(session, *[b"data: " + b"x" * 100_000] * 20)
    with pytest.raises(aiohttp.ClientError):
        async with session.ask("GET", PATH) as stream:
            await stream.read()


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_the_stream_is_only_read(session: Session, method: str) -> None:
    async with session.ask(method, PATH) as answer:
        assert answer.status == 403
    async with session.ask("POST", "/api/events/history-subscriptions", json={"history_ids": ["0a"]}) as answer:
        assert answer.status == 403
    assert not session.seen
