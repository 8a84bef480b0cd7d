"""A connection that is carried on: through a socket in a folder, and from there to a port again."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nebulab import forwarding

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def chain(path: Path, target: int) -> AsyncIterator[int]:
    """Forward a new port through the socket `path` to the port `target`."""
    port = free_port()
    outer = await forwarding.serve_socket(path, HOST, target)
    mounted = path.parents[1] / "mounted"
    mounted.symlink_to(path.parent)
    inner = await forwarding.serve_port(HOST, port, mounted / path.name)
    try:
        yield port
    finally:
        for server in (inner, outer):
            server.close()
            await server.wait_closed()


async def test_all_bytes_go_both_ways_and_an_end_is_passed_on(tmp_path: Path) -> None:
    async def reversed_once_it_ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(-1))[::-1])
        writer.close()

    server = await asyncio.start_server(reversed_once_it_ended, HOST, 0)
    sent = bytes(range(256)) * 20_000
    # Longer than a socket's own path may be, as below a folder of a test.
    folder = tmp_path / ("long" * 30)
    async with chain(folder / "galaxy", server.sockets[0].getsockname()[1]) as port:
        assert stat.S_IMODE((folder / "galaxy").stat().st_mode) == 0o666
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(sent)
        writer.write_eof()
        async with asyncio.timeout(20):
            assert await reader.read(-1) == sent[::-1]
        writer.close()
    server.close()
    await server.wait_closed()


async def test_where_nothing_listens_the_connection_ends(tmp_path: Path) -> None:
    async with chain(tmp_path / "folder" / "galaxy", free_port()) as port:
        reader, writer = await asyncio.open_connection(HOST, port)
        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                if await reader.read(1) == b"":
                    raise ConnectionResetError
        writer.close()


async def test_a_socket_that_an_earlier_run_left_is_replaced(tmp_path: Path) -> None:
    for _ in range(2):
        server = await forwarding.serve_socket(tmp_path / "galaxy", HOST, free_port())
        server.close()
        await server.wait_closed()
