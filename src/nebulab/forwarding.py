"""Forwarding of connections between ports and Unix sockets, byte by byte; runs in the door and in a sealed session.

A container can't reach this machine's loopback, where Galaxy listens. It can reach a Unix socket in a mounted folder:
the door serves that, and the session forwards the port of Galaxy's address to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from pathlib import Path

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BACKLOG = 512
_CHUNK = 256 * 1024


async def serve_socket(path: Path, host: str, port: int) -> asyncio.Server:
    """Listen on the socket `path`, with mode 666, and forward to `host` and `port`.

    Raises
    ------
    OSError
        The socket can't be made.
    """
    return await serve_socket_with(path, onward(host, port))


def onward(host: str, port: int) -> Handler:
    """Return a handler that forwards a connection to `host` and `port`."""
    return _forward(lambda: asyncio.open_connection(host, port))


async def serve_socket_with(path: Path, handle: Handler, *, limit: int = 2**16) -> asyncio.Server:
    """Listen on the socket `path`, with mode 666; `handle` gets each connection.

    `limit` is the largest size of a line, or of a request's head, in bytes.

    Raises
    ------
    OSError
        The socket can't be made.
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
    """Forward connections to a socket that listens already to the socket `path`."""
    return await asyncio.start_server(_forward(lambda: asyncio.open_unix_connection(path)), sock=listening)


def in_tasks(handle: Handler) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """Return a callback for asyncio's servers that runs `handle` in a task; asyncio's own tasks log a cancellation."""
    tasks: set[asyncio.Future[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    return connected


async def open_socket(path: Path) -> Streams:
    """Connect to the socket `path`, of any length.

    Raises
    ------
    OSError
        Nobody listens there.
    """
    with _short(path) as short:
        return await asyncio.open_unix_connection(short)


async def join(near: Streams, far: Streams, moved: Callable[[], None] = lambda: None) -> None:
    """Copy bytes both ways until both sides have sent EOF, or one breaks; `moved` is called for each chunk.

    Never more than a few hundred kilobytes are buffered, however slow a side is.
    """
    try:
        await asyncio.gather(copy(near[0], far[1], moved), copy(far[0], near[1], moved))
    except (OSError, asyncio.CancelledError) as error:
        near[1].transport.abort()
        far[1].transport.abort()
        if isinstance(error, asyncio.CancelledError):
            raise
    finally:
        near[1].close()
        far[1].close()


class Idle:
    """An idle timeout for a coroutine that calls `mark` with each chunk."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._moved = time.monotonic()

    def mark(self) -> None:
        """Note that something came."""
        self._moved = time.monotonic()

    async def limit(self, carrying: Coroutine[None, None, None]) -> None:
        """Run `carrying` to its end.

        Raises
        ------
        TimeoutError
            `mark` was not called for too long.
        """
        task = asyncio.create_task(carrying)
        try:
            while not task.done():
                remaining = self._moved + self._seconds - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError
                await asyncio.wait((task,), timeout=remaining)
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _listening(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as short:
            listening.bind(short)
    except OSError:
        listening.close()
        raise
    path.parent.chmod(0o755)
    path.chmod(0o666)
    return listening


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a short name of `path` through /proc: the path of a Unix socket has 107 bytes at most."""
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
    """Copy bytes one way until EOF, and send EOF on; `moved` is called for each chunk."""
    while chunk := await reader.read(_CHUNK):
        moved()
        writer.write(chunk)
        await writer.drain()
        moved()
    with contextlib.suppress(OSError):
        writer.write_eof()


def main() -> None:
    """Forward from an inherited listening socket to a Unix socket, until this process is killed."""
    listening, path = socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2])

    async def serve() -> None:
        server = await serve_listening(listening, path)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
