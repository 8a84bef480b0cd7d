"""A small sessions database and servers on loopback, in place of Galaxy and JupyterLab."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from nebulab.stack.proxy import sessions_map
from support.sessions_map import SessionsMap

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
def sessions(tmp_path: Path) -> SessionsMap:
    path = tmp_path / "interactivetools_map.sqlite"
    sessions_map.create(path)
    return SessionsMap(path)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[int]]]:
    """Start a server with one handler for everything; return its port."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> int:
        app = web.Application(client_max_size=2**40)
        app.router.add_route("*", "/{rest:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    yield start
    for runner in reversed(runners):
        await runner.cleanup()
