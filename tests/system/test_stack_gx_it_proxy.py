"""gx-it-proxy, the proxy that servers use, does on our sessions database what our own proxy does."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from rich.console import Console

from nebulab.stack import environments
from nebulab.stack.proxy import gx_it_proxy, sessions_map
from nebulab.stack.settings import StackSettings
from support import proxies
from support.parts import require
from support.proxies import KEY, TOKEN, ProxyClient
from support.stack import ENVIRONMENTS, ROOT

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> StackSettings:
    """Settings with gx-it-proxy installed, which compiles for a minute or two the first time."""
    require("c++ compiler")
    require("make")
    settings = StackSettings(tmp_path_factory.mktemp("gx") / "data", ENVIRONMENTS, ROOT, proxy="gx-it-proxy")
    settings.galaxy_dir.mkdir(parents=True)
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    environments.install_missing(settings, Console(quiet=True))
    gx_it_proxy.install(settings, Console(quiet=True))
    return settings


def _add(database: Path, key: str, port: int, info: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "INSERT INTO gxitproxy VALUES (?, 'interactivetoolentrypoint', ?, '127.0.0.1', ?, ?)",
            (key, TOKEN, port, info),
        )


@pytest.fixture
async def proxy(settings: StackSettings) -> AsyncIterator[ProxyClient]:
    """gx-it-proxy as a process, and one session behind it."""
    app = web.Application(client_max_size=2**40)
    app.router.add_route("*", "/{rest:.*}", proxies.lab)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    lab_port = runner.addresses[0][1]
    settings.sessions_map.unlink(missing_ok=True)
    sessions_map.create(settings.sessions_map)
    _add(settings.sessions_map, KEY, lab_port, "{}")
    _add(settings.sessions_map, "inurl", lab_port, '{"requires_path_in_url": true}')
    _add(settings.sessions_map, "inheader", lab_port, '{"requires_path_in_header_named": "x-my-path"}')
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(*gx_it_proxy.command(settings, port))
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        client = ProxyClient(port, http)
        async with asyncio.timeout(30):
            while True:
                try:
                    if (await client.ask("/lab", proxies.host()))[0] == 200:
                        break
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.1)
        yield client
    process.terminate()
    await process.wait()
    await runner.cleanup()


async def test_it_does_what_our_own_proxy_does(proxy: ProxyClient) -> None:
    await proxies.check_http(proxy)
    await proxies.check_path(proxy, KEY)
    await proxies.check_path_in_url(proxy, "inurl")
    await proxies.check_path_in_header(proxy, "inheader", "x-my-path")
    await proxies.check_websocket(proxy)
    await proxies.check_large_bodies(proxy)
    await proxies.check_refused(proxy)
