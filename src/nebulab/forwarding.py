"""Carries a connection on to another address, byte by byte; runs beside Galaxy and in a session in a container.

A container has no way to this machine's loopback, where Galaxy listens. A socket in a mounted folder is one: the door
serves it, and the session makes Galaxy's own address of it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BACKLOG = 512
_CHUNK = 256 * 1024


async def serve_socket(path: Path, host: str, port: int) -> asyncio.Server:
    """Listen on the socket `path`, which everybody may connect to who sees it, and forward to `host` and `port`.

    Raises
    ------
    OSError
        It can't be made.
    """
    return await serve_socket_with(path, onward(host, port))


def onward(host: str, port: int) -> Handler:
    """Return what forwards a connection to `host` and `port`."""
    return _forward(lambda: asyncio.open_connection(host, port))


async def serve_socket_with(path: Path, handle: Handler, *, limit: int = 2**16) -> asyncio.Server:
    """Listen on the socket `path`, which everybody may connect to who sees it; `handle` gets each connection.

    `limit` is how much a line, or the head of a request, may have.

    Raises
    ------
    OSError
        It can't be made.
    """
    return await asyncio.start_unix_server(in_tasks(handle), sock=_listening(path), limit=limit, backlog=BACKLOG)


async def serve_port(host: str, port: int, path: Path) -> asyncio.Server:
    """Listen on `host` and `port` and forward to the socket `path`.

    Raises
    ------
    OSError
        Something else listens there.
    """
    return await asyncio.start_server(_forward(lambda: asyncio.open_unix_connection(path)), host, port)


async def serve_listening(listening: socket.socket, path: Path) -> asyncio.Server:
    """Forward what comes to a socket that listens already to the socket `path`."""
    return await asyncio.start_server(_forward(lambda: asyncio.open_unix_connection(path)), sock=listening)


def in_tasks(handle: Handler) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Return what asyncio's servers call for each connection: asyncio's own tasks complain when they are cancelled."""
    tasks: set[asyncio.Future[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return connected


async def open_socket(path: Path) -> Streams:
    """Connect to the socket `path`, however long that path is.

    Raises
    ------
    OSError
        Nobody listens there.
    """
    with _short(path) as short:
        return await asyncio.open_unix_connection(short)


async def join(one: Streams, other: Streams, moved: Callable[[], None] = lambda: None) -> None:
    """Carry bytes both ways until both sides have ended, or one breaks; `moved` is called for each piece.

    Never more than a few hundred kilobytes are held, however slow a side is.
    """
    try:
        await asyncio.gather(copy(one[0], other[1], moved), copy(other[0], one[1], moved))
    except (OSError, asyncio.CancelledError) as error:
        one[1].transport.abort()
        other[1].transport.abort()
        if isinstance(error, asyncio.CancelledError):
            raise
    finally:
        one[1].close()
        other[1].close()


def _listening(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as short:
            made.bind(short)
    except OSError:
        made.close()
        raise
    path.parent.chmod(0o755)
    path.chmod(0o666)
    return made


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Name `path` through /proc: a socket's own path may have 107 bytes only."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _forward(connect: Callable[[], Awaitable[Streams]]) -> Handler:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await connect()
        except OSError:
            writer.transport.abort()
            return
        await join((reader, writer), onward)

    return forward


async def copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, moved: Callable[[], None] = lambda: None
) -> None:
    """Carry bytes one way until their end, and pass that on; `moved` is called for each piece."""
    while chunk := await reader.read(_CHUNK):
        moved()
        writer.write(chunk)
        await writer.drain()
        moved()
    with contextlib.suppress(OSError):
        writer.write_eof()


def main() -> None:
    """Forward from a listening socket that was inherited to a socket's path, until this process is ended."""
    listening, path = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])

    async def serve() -> None:
        server = await serve_listening(listening, path)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
