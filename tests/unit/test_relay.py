"""The relay passes what it gets, byte for byte, between real servers on loopback."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from nebulab.relay import (
    SERVER_OPTIONS,
    end_to_end_headers,
    is_websocket,
    relay_client,
    relay_http,
    relay_websocket,
)

MEBIBYTE = b"\0" * 2**20
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Server:
    """Something that listens on loopback."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


Relay = Callable[[Handler], Awaitable[Server]]


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
async def relay_to() -> AsyncIterator[Relay]:
    """Start a server with the given handler and a relay before it; return the relay."""
    runners: list[web.AppRunner] = []
    upstream = relay_client()

    async def serve(handler: Handler, **options: Any) -> Server:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1, **options)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return Server(runner.addresses[0][1])

    async def start(handler: Handler) -> Server:
        target = await serve(handler, auto_decompress=False)

        async def relay(request: web.Request) -> web.StreamResponse:
            address = f"http://127.0.0.1:{target.port}{request.raw_path}"
            headers = end_to_end_headers(request.headers)

            def edit(response: CIMultiDict[str]) -> None:
                response["X-Edited"] = "yes"

            how = relay_websocket if is_websocket(request) else relay_http
            try:
                return await how(request, upstream, address, headers=headers, response_headers=edit)
            except aiohttp.ClientError as error:
                return web.Response(status=502, text=type(error).__name__)

        return await serve(relay, **SERVER_OPTIONS)

    yield start
    await upstream.close()
    for runner in reversed(runners):
        await runner.cleanup()


async def test_method_address_headers_and_body_arrive_unchanged(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": [list(pair) for pair in request.headers.items()],
                "body": (await request.read()).decode(),
            }
        )

    relay = await relay_to(echo)
    path = "/a%2Fb/%C3%BC/../c//d?q=%20x&q=+&empty"
    url = URL(relay.url.rstrip("/") + path, encoded=True)
    async with client.patch(url, data="body", headers={"X-Custom": "1", "Host": "abc.localhost"}) as answer:
        told = await answer.json()
    assert told["method"] == "PATCH"
    assert told["path"] == path
    assert told["body"] == "body"
    headers = {name.lower(): value for name, value in told["headers"]}
    assert headers["x-custom"] == "1"
    assert headers["host"] == "abc.localhost"
    assert answer.headers["X-Edited"] == "yes"


async def test_only_the_given_headers_are_sent(relay_to: Relay) -> None:
    async def names(request: web.Request) -> web.Response:
        return web.Response(text=",".join(sorted(name.lower() for name in request.headers)))

    relay = await relay_to(names)
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nX-Kept: 2\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.endswith(b"host,x-kept")


def test_headers_of_one_connection_are_dropped() -> None:
    headers = CIMultiDict(
        [("Connection", "keep-alive, X-Private"), ("X-Private", "1"), ("Upgrade", "websocket"), ("TE", "trailers")]
    )
    headers.add("Cookie", "a=1")
    headers.add("Cookie", "b=2")
    assert list(end_to_end_headers(headers).items()) == [("Cookie", "a=1"), ("Cookie", "b=2")]


async def test_redirects_cookies_and_compressed_bodies_are_passed_not_followed(
    relay_to: Relay, client: aiohttp.ClientSession
) -> None:
    packed = gzip.compress(b"hello" * 100)

    async def answer(request: web.Request) -> web.Response:
        assert await request.read() == packed
        response = web.Response(status=302, body=packed, headers={"Location": "/next", "Content-Encoding": "gzip"})
        response.headers.add("Set-Cookie", "a=1; Path=/")
        response.headers.add("Set-Cookie", "b=2; Path=/")
        return response

    relay = await relay_to(answer)
    for _ in range(2):  # a second time: the relay itself must keep no cookie
        async with client.post(
            relay.url, data=packed, headers={"Content-Encoding": "gzip"}, allow_redirects=False
        ) as got:
            assert got.status == 302
            assert got.headers["Location"] == "/next"
            assert got.headers.getall("Set-Cookie") == ["a=1; Path=/", "b=2; Path=/"]
            assert await got.read() == packed


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(relay_to: Relay, client: aiohttp.ClientSession, status: int) -> None:
    async def empty(request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"ETag": '"1"'})

    relay = await relay_to(empty)
    async with client.get(relay.url) as got:
        assert (got.status, got.headers["ETag"], await got.read()) == (status, '"1"', b"")


async def test_head_keeps_the_length(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def length(request: web.Request) -> web.Response:
        return web.Response(headers={"Content-Length": "123456"})

    relay = await relay_to(length)
    async with client.head(relay.url) as got:
        assert got.headers["Content-Length"] == "123456"


async def test_a_range_is_answered_with_its_part(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def part(request: web.Request) -> web.Response:
        assert request.headers["Range"] == "bytes=2-3"
        return web.Response(status=206, body=b"cd", headers={"Content-Range": "bytes 2-3/6"})

    relay = await relay_to(part)
    async with client.get(relay.url, headers={"Range": "bytes=2-3"}) as got:
        assert (got.status, got.headers["Content-Range"], await got.read()) == (206, "bytes 2-3/6", b"cd")


async def test_an_upload_streams_with_constant_memory(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def digest(request: web.Request) -> web.Response:
        assert "Content-Length" not in request.headers
        found = hashlib.sha256()
        async for chunk in request.content.iter_any():
            found.update(chunk)
        return web.Response(text=found.hexdigest())

    async def body() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield MEBIBYTE

    relay = await relay_to(digest)
    tracemalloc.start()
    try:
        async with client.put(relay.url, data=body()) as got:
            answered = await got.text()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert answered == hashlib.sha256(MEBIBYTE * 64).hexdigest()
    assert peak < 16 * 2**20


async def test_a_slow_reader_holds_the_source_back(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(256):
            await response.write(MEBIBYTE)
            sent += 1
        return response

    relay = await relay_to(endless)
    async with client.get(relay.url) as got:
        await got.content.read(10)
        await asyncio.sleep(0.5)
        assert sent < 64, "the relay must not read what nobody takes"
        total = 10
        async for chunk in got.content.iter_any():
            total += len(chunk)
    assert total == 256 * 2**20


async def test_pieces_arrive_as_they_are_sent(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    go_on = asyncio.Event()

    async def two_pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await go_on.wait()
        await response.write(b"second")
        return response

    relay = await relay_to(two_pieces)
    async with client.get(relay.url) as got:
        assert await got.content.readany() == b"first"
        go_on.set()
        assert await got.content.read() == b"second"


async def test_a_client_that_leaves_ends_the_request_upstream(relay_to: Relay) -> None:
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def wait_for_ever(request: web.Request) -> web.Response:
        arrived.set()
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.02)
        ended.set()
        return web.Response()

    relay = await relay_to(wait_for_ever)
    _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await arrived.wait()
    writer.close()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_target_that_breaks_off_does_not_pass_for_whole(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def break_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    relay = await relay_to(break_off)
    with pytest.raises(aiohttp.ClientError):
        async with client.get(relay.url) as got:
            await got.read()


@pytest.fixture
def dead_port() -> Iterator[int]:
    """Return a port that is taken, and where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


async def test_an_unreachable_target_is_the_callers_to_explain(
    relay_to: Relay, client: aiohttp.ClientSession, dead_port: int
) -> None:
    async def to_nobody(request: web.Request) -> web.StreamResponse:
        how = relay_websocket if is_websocket(request) else relay_http
        with pytest.raises(aiohttp.ClientConnectionError):
            await how(request, client, f"http://127.0.0.1:{dead_port}/", headers={})
        return web.Response(status=418)

    relay = await relay_to(to_nobody)
    async with client.get(relay.url) as got:
        assert got.status == 418
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.ws_connect(relay.url)
    assert refusal.value.status == 418


async def _echo_websocket(request: web.Request) -> web.WebSocketResponse:
    websocket = web.WebSocketResponse(protocols=("v2", "v1"), max_msg_size=0)
    await websocket.prepare(request)
    async for message in websocket:
        if message.type is aiohttp.WSMsgType.TEXT:
            if message.data == "close":
                await websocket.close(code=4321, message=b"as asked")
            else:
                await websocket.send_str(message.data)
        else:
            await websocket.send_bytes(message.data)
    return websocket


async def test_websocket_passes_text_binary_ping_and_subprotocol(
    relay_to: Relay, client: aiohttp.ClientSession
) -> None:
    relay = await relay_to(_echo_websocket)
    large = bytes(range(256)) * 2**16  # 16 MiB, four times what aiohttp takes unasked
    async with client.ws_connect(relay.url, protocols=("v1", "v2"), max_msg_size=0, autoping=False) as ws:
        assert ws.protocol in {"v1", "v2"}
        await ws.send_str("grüße")
        assert await ws.receive_str() == "grüße"
        await ws.send_bytes(large)
        assert await ws.receive_bytes() == large
        await ws.ping(b"are you there")
        pong = await ws.receive()
        assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, b"are you there")


async def test_websocket_close_code_and_reason_pass_both_ways(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    closed_with: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        websocket = await _echo_websocket(request)
        if not closed_with.done():
            closed_with.set_result(websocket.close_code)
        return websocket

    relay = await relay_to(serve)
    async with client.ws_connect(relay.url) as ws:
        await ws.close(code=4100)
    assert await asyncio.wait_for(closed_with, 5) == 4100
    async with client.ws_connect(relay.url, autoclose=False) as ws:
        await ws.send_str("close")
        message = await ws.receive()
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4321, "as asked")


async def test_websocket_refused_by_the_target_keeps_its_status(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403)

    relay = await relay_to(refuse)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.ws_connect(relay.url)
    assert refusal.value.status == 403


async def test_websocket_ends_when_the_target_dies(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    async def die(request: web.Request) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        assert request.transport is not None
        request.transport.abort()
        return websocket

    relay = await relay_to(die)
    async with client.ws_connect(relay.url) as ws:
        message = await asyncio.wait_for(ws.receive(), 5)
        assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the limits of time be short, in the same proportion."""
    assert 30 <= SERVER_OPTIONS["keepalive_timeout"] <= 120
    monkeypatch.setitem(cast("dict[str, Any]", SERVER_OPTIONS), "keepalive_timeout", 0.4)
    monkeypatch.setattr("nebulab.relay.PATIENCE", 0.4)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("begun", ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_a_connection_without_a_whole_request_is_closed(relay_to: Relay, begun: str) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(text="done")

    relay = await relay_to(handler)
    for before in ("", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write((before + begun).encode())
        async with asyncio.timeout(10):
            answered = await reader.read()
        assert (b"done" in answered) is bool(before)
        writer.close()


@pytest.mark.usefixtures("impatient")
async def test_a_body_that_stops_coming_ends_the_request(relay_to: Relay) -> None:
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        try:
            await request.read()
        finally:
            ended.set()
        return web.Response()

    relay = await relay_to(handler)
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive!")
    async with asyncio.timeout(10):
        await ended.wait()
        await reader.readline()
    writer.close()


@pytest.mark.usefixtures("impatient")
async def test_what_is_slow_and_not_idle_goes_on(relay_to: Relay, client: aiohttp.ClientSession) -> None:
    """An upload and an answer that take longer in all than the limits, and a websocket that says nothing."""

    async def handler(request: web.Request) -> web.StreamResponse:
        if is_websocket(request):
            return await _echo_websocket(request)
        body = await request.read()
        await asyncio.sleep(1)
        return web.Response(body=body)

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"piece"
            await asyncio.sleep(0.2)

    relay = await relay_to(handler)
    async with client.ws_connect(relay.url) as quiet:
        async with client.post(relay.url, data=slowly()) as got:
            assert await got.read() == b"piece" * 5
        await quiet.send_str("still there")
        assert await quiet.receive_str() == "still there"


async def test_a_malformed_request_is_not_written_into_the_log(
    relay_to: Relay, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise ValueError(request.raw_path)

    caplog.set_level("DEBUG")
    relay = await relay_to(handler)
    for request in ("GET /s3cret HTTP/7\r\n\r\n", "GET / HTTP/1.1\r\ns3cret\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(request.encode())
        assert b" 400 " in await reader.readline()
        writer.close()
    assert "A request failed: " in caplog.text
    assert "s3cret" not in caplog.text + "".join(capfd.readouterr())
