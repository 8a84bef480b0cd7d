"""The protocol between a job's `python` and the worker, over a Unix socket; runs on both sides.

    the worker's keeper              the job's `python`
    READY                     ->
                              <-     a request, with the descriptors of standard input, output and error
                                     (the connection stays open: EOF means that the job was killed)
    "exit 0", "signal 9", …   ->

A request is only sent to a keeper that sent READY, so a program never runs twice: a caller that timed out has closed
its connection when the keeper reads.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

READY = b"+"
TASKS = "tasks"
"""The socket for requests, in the worker's folder."""
ALIVE = "alive"
"""The socket that answers each connection with READY, and takes no requests."""

_LENGTH = struct.Struct("!Q")
_LARGEST = 64 << 20
_STANDARD = 3


class Request(NamedTuple):
    """One program to run: `arguments` are its path and its arguments; `environment` replaces the worker's."""

    arguments: Sequence[str]
    folder: str
    umask: int
    environment: Sequence[str]
    """Entries `NAME=value`, as in /proc/<pid>/environ."""


def connect(folder: Path, name: str, seconds: float) -> socket.socket:
    """Return a connection to the socket `name` in `folder`, with a timeout of `seconds` for each operation.

    Raises
    ------
    OSError
        Nothing listens there, or the backlog is full.
    """

    def do(channel: socket.socket, address: str) -> None:
        channel.settimeout(seconds)
        channel.connect(address)

    return _at(folder, name, do)


def listen(folder: Path, name: str) -> socket.socket:
    """Return a socket that listens as `name` in `folder`, for this user alone; one left over is replaced."""

    def bind(channel: socket.socket, address: str) -> None:
        mask = os.umask(0o177)
        try:
            channel.bind(address)
        finally:
            os.umask(mask)
        channel.listen(128)

    try:
        (folder / name).unlink(missing_ok=True)
    except IsADirectoryError:
        (folder / name).rmdir()
    return _at(folder, name, bind)


def _at(folder: Path, name: str, do: Callable[[socket.socket, str], None]) -> socket.socket:
    # The path of a Unix socket has 107 bytes at most, and data folders lie deep: /proc gives a short one.
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        do(channel, f"/proc/self/fd/{descriptor}/{name}")
    except BaseException:
        channel.close()
        raise
    finally:
        os.close(descriptor)
    return channel


def send(connection: socket.socket, request: Request) -> None:
    """Send `request` with this process's standard input, output and error."""
    fields = (str(len(request.arguments)), *request.arguments, request.folder, str(request.umask), *request.environment)
    # No argument, path or variable holds a NUL.
    body = "\0".join(fields).encode(errors="surrogateescape")
    socket.send_fds(connection, [_LENGTH.pack(len(body))], list(range(_STANDARD)))
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[Request, list[int]] | None:
    """Return a request and its three file descriptors, or None if the caller has closed the connection.

    Raises
    ------
    ValueError
        The bytes are no request.
    """
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, _STANDARD)
    if len(head) < _LENGTH.size or len(descriptors) != _STANDARD:
        for descriptor in descriptors:
            os.close(descriptor)
        if not head:
            return None
        raise ValueError("no request")
    (length,) = _LENGTH.unpack(head)
    if length > _LARGEST:
        raise ValueError(f"a request of {length} bytes")
    body = bytearray()
    while len(body) < length:
        more = connection.recv(min(length - len(body), 1 << 20))
        if not more:
            return None
        body += more
    count, *fields = body.decode(errors="surrogateescape").split("\0")
    number = int(count)
    arguments, (folder, umask, *environment) = fields[:number], fields[number:]
    return Request(arguments, folder, int(umask), environment), descriptors
