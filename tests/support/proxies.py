"""What every interactive tools proxy must do, ours and gx-it-proxy alike; used by unit and system tests."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

KEY = "3kfe2g1c8d3tl2hk"
TOKEN = secrets.token_hex(16)
MEBIBYTE = b"\x5a" * 2**20


def host(key: str = KEY, token: str = TOKEN) -> str:
    """Return the host name in the address that Galaxy gives for an entry point."""
    return f"{key}-{token}.ep.interactivetool.localhost"


async def lab(request: web.Request) -> web.StreamResponse:
    """Answer as a session would: tells the request, echoes websockets, digests uploads, streams downloads."""
    if request.path == "/ws":
        websocket = web.WebSocketResponse(max_msg_size=0)
        await websocket.prepare(request)
        async for message in websocket:
            await (websocket.send_str if message.type is aiohttp.WSMsgType.TEXT else websocket.send_bytes)(message.data)
        return websocket
    if request.path == "/upload":
        found = hashlib.sha256()
        async for chunk in request.content.iter_any():
            found.update(chunk)
        return web.Response(text=found.hexdigest())
    if request.path == "/download":
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(MEBIBYTE)
        return response
    return web.json_response({"path": request.raw_path, "headers": {k.lower(): v for k, v in request.headers.items()}})


class ProxyClient:
    """A browser before the proxy on `port`, which names hosts without resolving them."""

    def __init__(self, port: int, http: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.http = http

    async def ask(self, path: str, name: str, **options: Any) -> tuple[int, Any]:
        """Return the status, and the JSON or else the text that came with it."""
        headers = {"Host": name} | options.pop("headers", {})
        async with self.http.request(
            options.pop("method", "GET"), URL(self.url + path, encoded=True), headers=headers, **options
        ) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.text()


async def check_http(proxy: ProxyClient) -> None:
    """By host name: the path and the query arrive as they were sent, the host name too."""
    status, told = await proxy.ask("/lab/tree/a%20b?x=1&y=%2F", host())
    assert status == 200
    assert told["path"] == "/lab/tree/a%20b?x=1&y=%2F"
    assert told["headers"]["host"] == host()


async def check_path(proxy: ProxyClient, key: str) -> None:
    """By path: the prefix is taken away."""
    status, told = await proxy.ask(f"/interactivetool/ep/{key}/{TOKEN}/lab?x=1", "localhost")
    assert (status, told["path"]) == (200, "/lab?x=1")


async def check_path_in_url(proxy: ProxyClient, key: str) -> None:
    """By path: a tool that wants to see its public path sees it."""
    path = f"/interactivetool/ep/{key}/{TOKEN}/lab?x=1"
    status, told = await proxy.ask(path, "localhost")
    assert (status, told["path"]) == (200, path)


async def check_path_in_header(proxy: ProxyClient, key: str, header: str) -> None:
    """By path: a tool that wants its public path in a header finds it there."""
    status, told = await proxy.ask(f"/interactivetool/ep/{key}/{TOKEN}/lab", "localhost")
    assert (status, told["path"]) == (200, "/lab")
    assert told["headers"][header.lower()] == f"/interactivetool/ep/{key}/{TOKEN}"


async def check_websocket(proxy: ProxyClient) -> None:
    """Text and large binary messages come back."""
    async with proxy.http.ws_connect(f"{proxy.url}/ws", headers={"Host": host()}, max_msg_size=0) as websocket:
        await websocket.send_str("grüße")
        assert await websocket.receive_str() == "grüße"
        await websocket.send_bytes(MEBIBYTE * 8)
        assert await websocket.receive_bytes() == MEBIBYTE * 8


async def check_large_bodies(proxy: ProxyClient) -> None:
    """64 MiB pass in both directions, unchanged."""

    async def body() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield MEBIBYTE

    wanted = hashlib.sha256(MEBIBYTE * 64).hexdigest()
    assert await proxy.ask("/upload", host(), method="PUT", data=body()) == (200, wanted)
    found = hashlib.sha256()
    async with proxy.http.get(f"{proxy.url}/download", headers={"Host": host()}) as answer:
        async for chunk in answer.content.iter_any():
            found.update(chunk)
    assert found.hexdigest() == wanted


async def check_refused(proxy: ProxyClient) -> None:
    """Without the right token the session is not reached, by host name, path or websocket."""
    wrong = "0" * 32
    for name in (host(token=wrong), host(key="nosuchkey"), host(token=""), host(token=TOKEN[:-1]), "localhost"):
        status, told = await proxy.ask("/lab", name)
        assert status >= 400, name
        assert not isinstance(told, dict), name
    status, told = await proxy.ask(f"/interactivetool/ep/{KEY}/{wrong}/lab", "localhost")
    assert status >= 400
    assert not isinstance(told, dict)
    try:
        async with proxy.http.ws_connect(f"{proxy.url}/ws", headers={"Host": host(token=wrong)}):
            raise AssertionError("a websocket without the token was opened")
    except (aiohttp.ClientError, ConnectionError):
        pass
