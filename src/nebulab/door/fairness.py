"""The limit on one user's connections to a socket of the door, so that others can connect; runs in the door."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter

from nebulab.forwarding import Handler

CONNECTIONS = 256
"""For one uid: that of one session if Galaxy runs as root, else of all sessions."""


class Counted:
    """Number of open connections by uid."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()

    def begin(self, user: int) -> bool:
        """Count one more and return True, or return False at the limit; `end` must follow if it was counted."""
        if self._open[user] >= CONNECTIONS:
            return False
        self._open[user] += 1
        return True

    def end(self, user: int) -> None:
        """Count one connection less."""
        self._open[user] -= 1
        if not self._open[user]:
            del self._open[user]


def user_of(writer: asyncio.StreamWriter) -> int:
    """Return the uid of the process at the other end of a Unix socket."""
    connection = writer.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def shared(handle: Handler) -> Handler:
    """Return `handle` with the limit on each user's connections; those beyond it are closed at once."""
    counted = Counted()

    async def counted_handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = user_of(writer)
        if not counted.begin(user):
            writer.transport.abort()
            return
        try:
            await handle(reader, writer)
        finally:
            counted.end(user)

    return counted_handle
