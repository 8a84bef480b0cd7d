"""The way out: what HTTP clients do through a proxy, by real connections to servers that an exception opens."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from nebulab.door import fairness
from nebulab.door.egress import IDLE_SECONDS, LARGEST_HEAD, Egress
from nebulab.door.policy import Allowed, Policy
from nebulab.door.upstream import Proxy, Upstream
from nebulab.errors import SettingsError
from nebulab.forwarding import Streams, serve_port

HOST = "127.0.0.1"
Serve = Callable[..., Awaitable[Path]]
PIECE = bytes(range(256)) * 4096
PIECES = 100
WRITTEN = web.AppKey("written", list)


async def answer(request: web.Request) -> web.StreamResponse:
    if request.path == "/much":
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(PIECES):
            await response.write(PIECE)
            request.app[WRITTEN].append(len(PIECE))
        return response
    body = await request.read()
    seen = dict(request.headers)
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "body": hashlib.sha256(body).hexdigest(),
            "length": len(body),
            "headers": seen,
        }
    )


@pytest.fixture
def written() -> list[int]:
    """The pieces that the server could send."""
    return []


@pytest.fixture
async def server(written: list[int]) -> AsyncIterator[int]:
    """A web server of the world's; its port."""
    app = web.Application(client_max_size=2**30)
    app[WRITTEN] = written
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@contextlib.asynccontextmanager
async def way_out(serve: Serve, proxy: Egress) -> AsyncIterator[str]:
    """The proxy as a notebook has it: a port of its loopback."""
    path = await serve(proxy.handle, limit=LARGEST_HEAD)
    port = await serve_port(HOST, 0, path)
    yield "http://{}:{}".format(*port.sockets[0].getsockname())
    port.close()
    await port.wait_closed()


def open_to(port: int, *, idle_seconds: float = IDLE_SECONDS) -> Egress:
    return Egress(Policy([Allowed.read(f"{HOST}:{port}")]), idle_seconds=idle_seconds)


async def raw(proxy: str, request: bytes) -> bytes:
    """Send bytes, and return all that comes until the proxy closes."""
    reader, writer = await asyncio.open_connection(HOST, int(proxy.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(20):
        said = await reader.read(-1)
    writer.close()
    return said


async def test_a_plain_request_arrives_without_what_is_the_proxys(serve: Serve, server: int) -> None:
    headers = {"Proxy-Authorization": "Basic eDp5", "X-Own": "kept", "Connection": "X-Hop", "X-Hop": "gone"}
    address = f"http://{HOST}:{server}/a%20path?one=1&two"
    async with (
        way_out(serve, open_to(server)) as proxy,
        aiohttp.ClientSession() as client,
        client.post(address, data=PIECE, proxy=proxy, headers=headers) as got,
    ):
        said = await got.json()
        assert got.headers["Connection"] == "close"
    assert said["method"] == "POST"
    assert said["path"] == "/a%20path?one=1&two"
    assert (said["length"], said["body"]) == (len(PIECE), hashlib.sha256(PIECE).hexdigest())
    assert said["headers"]["Host"] == f"{HOST}:{server}"
    assert said["headers"]["X-Own"] == "kept"
    assert not {"Proxy-Authorization", "Proxy-Connection", "X-Hop"} & said["headers"].keys()


async def test_one_connection_takes_one_plain_request(serve: Serve, server: int) -> None:
    """The next could be for another host, which nobody has judged."""
    first = f"GET http://{HOST}:{server}/ HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode()
    second = b"GET http://10.0.0.1/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n"
    async with way_out(serve, open_to(server)) as proxy:
        said = await raw(proxy, first + second)
    assert said.count(b"HTTP/1.1 200 OK") == 1
    assert b'"Host": "127.0.0.1:%d"' % server in said


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: -3",
        b"Content-Length: 0x3",
    ],
)
async def test_a_body_of_two_lengths_is_refused(serve: Serve, server: int, headers: bytes) -> None:
    async with way_out(serve, open_to(server)) as proxy:
        said = await raw(proxy, b"POST http://127.0.0.1:%d/ HTTP/1.1\r\nHost: x\r\n%b\r\n\r\nabc" % (server, headers))
    assert said.startswith(b"HTTP/1.1 400 ")


async def test_a_body_in_pieces_arrives(serve: Serve, server: int) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield PIECE

    address = f"http://{HOST}:{server}/"
    async with (
        way_out(serve, open_to(server)) as proxy,
        aiohttp.ClientSession() as client,
        client.post(address, data=pieces(), proxy=proxy, expect100=True) as got,
    ):
        assert (await got.json())["length"] == 5 * len(PIECE)


async def test_a_tunnel_carries_much_and_holds_little(serve: Serve, server: int, written: list[int]) -> None:
    async with way_out(serve, open_to(server)) as proxy:
        reader, writer = await asyncio.open_connection(HOST, int(proxy.rpartition(":")[2]))
        writer.write(f"CONNECT {HOST}:{server} HTTP/1.1\r\nHost: {HOST}:{server}\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(f"GET /much HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        # What nobody takes stays where it comes from, the systems' own buffers aside.
        seen = -1
        while seen != len(written):
            seen = len(written)
            await asyncio.sleep(0.5)
        assert 0 < seen < PIECES / 2
        length = 0
        async with asyncio.timeout(60):
            while piece := await reader.read(2**20):
                length += len(piece)
        writer.close()
    assert length >= PIECES * len(PIECE)


async def test_a_refusal_says_what_it_is_and_who_can_open_it(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    dialled = []

    class Watched(Egress):
        async def _connect(self, address: str, port: int) -> Streams:
            dialled.append(address)
            return await super()._connect(address, port)

    with caplog.at_level(logging.WARNING, "nebulab.door"):
        async with way_out(serve, Watched(Policy())) as proxy:
            for _ in range(3):
                said = await raw(proxy, b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n")
                plain = await raw(proxy, b"GET http://169.254.169.254/secret-path?key=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    first, _, body = said.decode().partition("\r\n")
    assert first == (
        "HTTP/1.1 403 169.254.169.254 is not open to sessions: 169.254.169.254 is link-local, or a cloud's metadata "
        "service."
    )
    assert "--allow" in body
    assert plain.startswith(b"HTTP/1.1 403 ")
    assert dialled == []
    # Once, and without what was asked for there.
    (record,) = caplog.records
    assert "169.254.169.254" in record.getMessage()
    assert "secret-path" not in caplog.text


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET http://host/ HTTP/2\r\n\r\n",
        b"GET https://host/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://user@host/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://10.0.0.1\\@host/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://ho\nst/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://host/ HTTP/1.1\r\nHost: x\r\nX: a\nY: b\x00\r\n\r\n",
        b"CONNECT host HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT host:99999 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://host/ HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n",
        b"GET http://host/ HTTP/1.1\r\nX: " + b"x" * LARGEST_HEAD + b"\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused(serve: Serve, request_: bytes) -> None:
    async with way_out(serve, Egress(Policy())) as proxy:
        said = await raw(proxy, request_)
    assert said.startswith(b"HTTP/1.1 400 ")


async def test_where_nothing_listens_it_says_so(serve: Serve, server: int) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
        async with way_out(serve, open_to(port)) as proxy:
            said = await raw(proxy, f"CONNECT {HOST}:{port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert said.startswith(b"HTTP/1.1 502 127.0.0.1 can't be reached: ")


async def test_what_carries_nothing_ends(serve: Serve, server: int) -> None:
    async with way_out(serve, open_to(server, idle_seconds=0.3)) as proxy:
        said = await raw(proxy, f"CONNECT {HOST}:{server} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert said == b"HTTP/1.1 200 Connected\r\n\r\n"


async def test_one_user_may_not_take_all_connections(
    serve: Serve, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fairness, "CONNECTIONS", 2)
    tunnel = f"CONNECT {HOST}:{server} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    async with way_out(serve, open_to(server)) as proxy:
        held = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection(HOST, int(proxy.rpartition(":")[2]))
            writer.write(tunnel)
            assert b" 200 " in await reader.readline()
            held.append(writer)
        assert (await raw(proxy, tunnel)).startswith(b"HTTP/1.1 503 ")
        held.pop().close()
        async with asyncio.timeout(20):
            while not (said := await _first_line(proxy, tunnel)).startswith(b"HTTP/1.1 200 "):
                assert said.startswith(b"HTTP/1.1 503 ")
        held.pop().close()


async def _first_line(proxy: str, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, int(proxy.rpartition(":")[2]))
    writer.write(request)
    line = await reader.readline()
    writer.close()
    return line


async def test_where_the_machine_needs_a_proxy_so_do_sessions(serve: Serve, server: int) -> None:
    """The second proxy is a real one, ours: the first sends it names, and its login."""
    seen: list[bytes] = []

    async def unresolved(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    async def as_this_machine(host: str, port: int) -> list[str]:
        return [HOST]

    class Outer(Egress):
        async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            again = asyncio.StreamReader(limit=LARGEST_HEAD)
            again.feed_data(seen[-1])
            again.feed_eof()
            await super().handle(again, writer)

    outer = Outer(Policy([Allowed.read(f"world.example:{server}")], resolve=as_this_machine))
    path = await serve(outer.handle, "outer", limit=LARGEST_HEAD)
    port = await serve_port(HOST, 0, path)
    address = "http://user:pass%40word@{}:{}".format(*port.sockets[0].getsockname())
    upstream = Upstream.read({"HTTPS_PROXY": address, "http_proxy": address, "NO_PROXY": "near.example"})
    async with way_out(serve, Egress(Policy(resolve=unresolved), upstream)) as proxy:
        said = await raw(proxy, f"GET http://world.example:{server}/x HTTP/1.1\r\nHost: world.example\r\n\r\n".encode())
        assert b'"path": "/x"' in said
        tunnel = await _first_line(proxy, f"CONNECT world.example:{server} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert tunnel.startswith(b"HTTP/1.1 200 ")
        # What it can resolve it judges itself, and what the environment excepts it dials itself.
        near = await raw(proxy, b"CONNECT near.example:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert near.startswith(b"HTTP/1.1 502 near.example can't be reached")
    assert len(seen) == 2
    assert seen[0].startswith(f"GET http://world.example:{server}/x HTTP/1.1\r\n".encode())
    assert all(b"Proxy-Authorization: Basic dXNlcjpwYXNzQHdvcmQ=" in head for head in seen)
    async with way_out(serve, Egress(Policy(), upstream)) as proxy:
        assert (await raw(proxy, b"CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 403 ")
    assert len(seen) == 2
    port.close()
    await port.wait_closed()


async def test_a_proxy_that_refuses_hears_nothing_of_what_follows(serve: Serve) -> None:
    """It would be a request to that proxy, and nobody has judged it."""
    heard = bytearray()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
        heard.extend(await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(refuse, HOST, 0)
    upstream = Upstream.read({"https_proxy": "{}:{}".format(*server.sockets[0].getsockname())})

    async def unresolved(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    second = b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n"
    async with way_out(serve, Egress(Policy(resolve=unresolved), upstream)) as proxy:
        said = await raw(proxy, b"CONNECT world.example:443 HTTP/1.1\r\nHost: x\r\n\r\n" + second)
    assert said.startswith(b"HTTP/1.1 502 world.example can't be reached: this machine's proxy answers 407.")
    assert heard == b"CONNECT world.example:443 HTTP/1.1\r\nHost: world.example:443\r\n\r\n"
    server.close()
    await server.wait_closed()


def test_the_proxys_login_shows_nowhere() -> None:
    assert "word" not in repr(Proxy.read("http://user:word@host:3128"))


@pytest.mark.parametrize("address", ["https://host:3128", "http://", "http://host:port", "http://[::1/x"])
def test_a_proxy_that_can_not_be_used_is_told(address: str) -> None:
    with pytest.raises(SettingsError, match="can't be used"):
        Proxy.read(address)
