"""Carries a connection on to another address, byte by byte; runs in the stack and in a session in a container.

A container has no way to this machine's loopback, where Galaxy listens. A socket in a mounted folder is one: the stack
serves it, and the session makes Galaxy's own address of it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK = 256 * 1024


async def serve_socket(path: Path, host: str, port: int) -> asyncio.Server:
    """Listen on the socket `path`, which everybody may connect to who sees it, and forward to `host` and `port`.

    Raises
    ------
    OSError
        It can't be made.
    """
    return await asyncio.start_unix_server(_forward(lambda: asyncio.open_connection(host, port)), sock=_listening(path))


async def serve_port(host: str, port: int, path: Path) -> asyncio.Server:
    """Listen on `host` and `port` and forward to the socket `path`.

    Raises
    ------
    OSError
        Something else listens there.
    """
    return await asyncio.start_server(_forward(lambda: asyncio.open_unix_connection(path)), host, port)


def _listening(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Through /proc: a socket's own path may have 107 bytes only.
        made.bind(f"/proc/self/fd/{folder}/{path.name}")
    except OSError:
        made.close()
        raise
    finally:
        os.close(folder)
    path.parent.chmod(0o755)
    path.chmod(0o666)
    return made


def _forward(connect: Callable[[], Awaitable[Streams]]) -> Callable[..., Awaitable[None]]:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await connect()
        except OSError:
            writer.transport.abort()
            return
        try:
            await asyncio.gather(_copy(reader, onward_writer), _copy(onward_reader, writer))
        except OSError:
            onward_writer.transport.abort()
            writer.transport.abort()
        finally:
            onward_writer.close()
            writer.close()

    return forward


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    with contextlib.suppress(OSError):
        writer.write_eof()
