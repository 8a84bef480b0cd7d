"""The proxy leads from a session's public address to where it listens, and from any other address nowhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from nebulab.relay import SERVER_OPTIONS
from nebulab.stack.proxy.server import ProxySettings, Route, make_app, route
from support import proxies
from support.proxies import KEY, TOKEN, ProxyClient, host
from support.sessions_map import SessionsMap

GALAXY = "http://localhost:8080"
Serve = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[int]]


@pytest.fixture
async def proxy(sessions: SessionsMap, serve: Serve) -> AsyncIterator[ProxyClient]:
    """Our proxy, and one session behind it."""
    port = await serve(proxies.lab)
    sessions.add(KEY, TOKEN, port)
    sessions.add("inurl", TOKEN, port, requires_path_in_url=True)
    sessions.add("inheader", TOKEN, port, requires_path_in_header_named="X-My-Path")
    async with _running(ProxySettings(sessions.path, GALAXY)) as running:
        yield running


@contextlib.asynccontextmanager
async def _running(settings: ProxySettings) -> AsyncIterator[ProxyClient]:
    runner = web.AppRunner(make_app(settings), shutdown_timeout=0.1, access_log=None, **SERVER_OPTIONS)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield ProxyClient(runner.addresses[0][1], http)
    await runner.cleanup()


async def test_http_by_host_name(proxy: ProxyClient) -> None:
    await proxies.check_http(proxy)


async def test_http_by_path(proxy: ProxyClient) -> None:
    await proxies.check_path(proxy, KEY)
    await proxies.check_path_in_url(proxy, "inurl")
    await proxies.check_path_in_header(proxy, "inheader", "X-My-Path")


@pytest.mark.parametrize("requires", [0, 1])
async def test_who_has_a_host_name_has_no_address_by_path(
    sessions: SessionsMap, serve: Serve, tmp_path: Path, requires: int
) -> None:
    """Paths share an origin: a page of one session could read another's."""
    sessions.add(KEY, TOKEN, await serve(proxies.lab))
    database = tmp_path / "universe.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as galaxy, galaxy:
        galaxy.execute("CREATE TABLE interactivetool_entry_point (token TEXT, requires_domain BOOLEAN)")
        galaxy.execute("INSERT INTO interactivetool_entry_point VALUES (?, ?)", (TOKEN, requires))
    async with _running(ProxySettings(sessions.path, GALAXY, database)) as proxy:
        await proxies.check_http(proxy)
        status, _ = await proxy.ask(f"/interactivetool/ep/{KEY}/{TOKEN}/api", "localhost")
        assert status == (404 if requires else 200)


async def test_websocket(proxy: ProxyClient) -> None:
    await proxies.check_websocket(proxy)


async def test_large_bodies_stream(proxy: ProxyClient) -> None:
    await proxies.check_large_bodies(proxy)


async def test_without_the_token_nothing_is_reached(proxy: ProxyClient) -> None:
    await proxies.check_refused(proxy)


async def test_an_unknown_address_says_what_to_do(proxy: ProxyClient) -> None:
    status, page = await proxy.ask("/lab", host(token="0" * 32), headers={"Accept": "text/html"})
    assert status == 404
    assert "start the tool again" in page
    assert GALAXY in page


async def test_an_address_dies_with_its_session(proxy: ProxyClient, sessions: SessionsMap) -> None:
    assert (await proxy.ask("/lab", host()))[0] == 200
    sessions.remove(KEY)
    assert (await proxy.ask("/lab", host()))[0] == 404


async def test_before_the_first_session_there_is_no_database(proxy: ProxyClient, sessions: SessionsMap) -> None:
    sessions.path.unlink()
    assert (await proxy.ask("/lab", host()))[0] == 404
    sessions.path.touch()
    assert (await proxy.ask("/lab", host()))[0] == 404


@pytest.fixture
def dead_port() -> Iterator[int]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


async def test_a_session_that_does_not_answer_yet_shows_a_page_that_asks_again(
    proxy: ProxyClient, sessions: SessionsMap, dead_port: int
) -> None:
    sessions.add("starting", TOKEN, dead_port)
    status, page = await proxy.ask("/lab", host("starting"), headers={"Accept": "text/html"})
    assert status == 502
    assert 'http-equiv="refresh"' in page
    status, text = await proxy.ask("/api/status", host("starting"))
    assert status == 502
    assert "<" not in text
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await proxy.http.ws_connect(f"{proxy.url}/ws", headers={"Host": host("starting")})


async def test_galaxys_cookies_stay_with_galaxy(proxy: ProxyClient) -> None:
    cookies = {"Cookie": "galaxysession=secret; _xsrf=2|abc; galaxysession_x=1"}
    for name, path in ((host(), "/lab"), ("localhost", f"/interactivetool/ep/{KEY}/{TOKEN}/lab")):
        _, told = await proxy.ask(path, name, headers=cookies)
        assert told["headers"]["cookie"] == "_xsrf=2|abc"


async def test_other_sites_do_not_learn_the_address(proxy: ProxyClient) -> None:
    async with proxy.http.get(f"{proxy.url}/lab", headers={"Host": host()}) as answer:
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers


async def test_nothing_is_dialled_without_a_token(proxy: ProxyClient, sessions: SessionsMap, serve: Serve) -> None:
    called = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        called.set()
        return web.Response()

    sessions.add("other", "f" * 32, await serve(never))
    for token in ("", "e" * 32, "%", "'; --", "f" * 31):
        assert (await proxy.ask(f"/interactivetool/ep/other/{token}/", "localhost"))[0] in {400, 404}
    assert not called.is_set()


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("k-t.ep.interactivetool.localhost:80", "/lab?x", Route("k", "t", "/lab?x")),
        ("k-t-u.ep.interactivetool.localhost", "/", Route("k", "t-u", "/")),
        ("localhost", "/interactivetool/ep/k/t", Route("k", "t", "/", "/interactivetool/ep/k/t")),
        ("localhost", "/interactivetool/ep/k/t?x=1", Route("k", "t", "/?x=1", "/interactivetool/ep/k/t")),
        ("localhost", "/interactivetool/ep/k/t/a/b?c=/d", Route("k", "t", "/a/b?c=/d", "/interactivetool/ep/k/t")),
        ("localhost:8000", "/lab", None),
        ("127.0.0.1:8000", "/lab", None),
        ("k-t.ep.interactivetool.localhost", "http://elsewhere/", None),
        ("", "/", None),
    ],
)
def test_reading_an_address(name: str, path: str, expected: Route | None) -> None:
    assert route(name, path) == expected
