"""Sockets in a folder, as a container sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from nebulab import forwarding


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Path]]]:
    """Serve a socket with a handler until the test ends; return its path."""
    servers = []

    async def start(handle: forwarding.Handler, name: str = "socket", **options: int) -> Path:
        servers.append(await forwarding.serve_socket_with(tmp_path / name, handle, **options))
        return tmp_path / name

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()
