"""How many connections one user may have at a socket of the door, so that the others find it open; runs in the door."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter

from nebulab.forwarding import Handler

CONNECTIONS = 256
"""For one user: one session where Galaxy is root, all sessions where it is not."""


class Counted:
    """The connections that each user has, as this machine numbers users."""

    def __init__(self) -> None:
        self._open: Counter[int] = Counter()

    def begin(self, user: int) -> bool:
        """Count one more, unless that were too many; `end` must follow where it was counted."""
        if self._open[user] >= CONNECTIONS:
            return False
        self._open[user] += 1
        return True

    def end(self, user: int) -> None:
        """Count one less."""
        self._open[user] -= 1
        if not self._open[user]:
            del self._open[user]


def user_of(writer: asyncio.StreamWriter) -> int:
    """Return the number of the user at the other end of a socket."""
    connection = writer.get_extra_info("socket")
    said = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", said)[1])


def shared(handle: Handler) -> Handler:
    """Return `handle` for as many connections of each user as one may have; more are closed unheard."""
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
