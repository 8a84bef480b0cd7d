"""The way in: a port of this machine for each session, which leads into its container alone; runs in the door.

The session connects to the door's socket and sends its ticket. The door then listens on a port, reports it to Galaxy,
and for each visitor asks the session for another connection, which is joined with the visitor's. All connections
between the two are opened by the session. Simpler designs are unsafe: a listening socket of this machine, passed into
the container, can be turned into one that connects to any port here (`connect` with AF_UNSPEC); a socket in the job's
folder, to which the door connects, can be replaced by a link to another one.

The session's first line is JSON, `{"ticket": …}` or `{"accept": …}`. The first is answered by `{"port": …}` or
`{"refused": …}`, and then by a line `{"accept": …}` for each visitor.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from dataclasses import dataclass, field
from typing import Any

from nebulab import forwarding
from nebulab.door.tickets import Ticket, Tickets
from nebulab.errors import Refused
from nebulab.forwarding import Idle, Streams

WAITING = 64
"""Number of visitors that may wait at once for a session's connection."""

WORD_SECONDS = 75.0
"""Time until a visitor must have sent something."""
IDLE_SECONDS = 3600.0
"""Idle time after which a visitor's connection is closed; JupyterLab pings its websockets twice a minute."""

_CHUNK = 64 * 1024
_LINE_SECONDS = 10.0
_TAKE_SECONDS = 10.0

log = logging.getLogger("nebulab.door.entrance")


@dataclass
class _Session:
    """A session with a port: its first connection, and the names of the connections that it was asked for."""

    writer: asyncio.StreamWriter
    asked: set[str] = field(default_factory=set)
    ended: bool = False


class Entrance:
    """Ports on `host` for the sessions that show one of `tickets`."""

    def __init__(
        self,
        tickets: Tickets,
        host: str = "127.0.0.1",
        *,
        word_seconds: float = WORD_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._tickets = tickets
        self._host = host
        self._word_seconds = word_seconds
        self._idle_seconds = idle_seconds
        self._waiting: dict[str, asyncio.Future[Streams]] = {}
        self._served: set[str] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a session."""
        try:
            async with asyncio.timeout(_LINE_SECONDS):
                message = json.loads(await reader.readline())
            if not isinstance(message, dict):
                raise ValueError(message)
            waiting = self._waiting.pop(str(message.get("accept", "")), None)
            if waiting is not None and not waiting.done():
                # The visitor's task closes it.
                waiting.set_result((reader, writer))
                return
            if "ticket" in message:
                await self._let_in(str(message["ticket"]), reader, writer)
        except (ValueError, TimeoutError, OSError):
            pass
        writer.close()

    async def _let_in(self, secret: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            ticket = self._tickets.find(secret)
            if ticket.path.name in self._served:
                raise Refused("This session has its way in already.", "")
        except Refused as error:
            log.warning("refused: %s", error.message)
            await _send(writer, {"refused": error.message, "hint": error.hint})
            return
        self._served.add(ticket.path.name)
        try:
            await self._serve(ticket, reader, writer)
        finally:
            self._served.discard(ticket.path.name)

    async def _serve(self, ticket: Ticket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(writer)

        async def visit(visitor_reader: asyncio.StreamReader, visitor_writer: asyncio.StreamWriter) -> None:
            try:
                # A visitor who says nothing costs the session nothing.
                async with asyncio.timeout(self._word_seconds):
                    first = await visitor_reader.read(_CHUNK)
                inside = await self._ask(session) if first else None
                if inside is None:
                    visitor_writer.transport.abort()
                    return
                inside[1].write(first)
                idle = Idle(self._idle_seconds)
                await idle.limit(forwarding.join((visitor_reader, visitor_writer), inside, idle.mark))
            except (OSError, TimeoutError):
                visitor_writer.transport.abort()
            finally:
                visitor_writer.close()

        listening = await self._listen(ticket, visit)
        try:
            port = listening.sockets[0].getsockname()[1]
            ticket.got(port)
            ticket.report(self._host, port)
            await _send(writer, {"port": port})
            # Input is ignored; EOF means that the session has ended.
            while await reader.read(1024):
                pass
        finally:
            listening.close()
            session.ended = True
            for name in list(session.asked):
                if (waiting := self._waiting.pop(name, None)) is not None and not waiting.done():
                    waiting.set_exception(ConnectionResetError("the session has ended"))

    async def _listen(self, ticket: Ticket, visit: forwarding.Handler) -> asyncio.Server:
        if ticket.port is not None:
            try:
                return await asyncio.start_server(forwarding.in_tasks(visit), self._host, ticket.port)
            except OSError as error:
                log.warning("port %d, which a session had, is taken: %s", ticket.port, error.strerror)
        return await asyncio.start_server(forwarding.in_tasks(visit), self._host, 0)

    async def _ask(self, session: _Session) -> Streams | None:
        """Ask the session for a connection, and return it, or None if it gives none."""
        if session.ended or len(session.asked) >= WAITING:
            return None
        name = secrets.token_hex(16)
        waiting: asyncio.Future[Streams] = asyncio.get_running_loop().create_future()
        self._waiting[name] = waiting
        session.asked.add(name)
        try:
            await _send(session.writer, {"accept": name})
            async with asyncio.timeout(_TAKE_SECONDS):
                return await waiting
        except (OSError, TimeoutError):
            return None
        finally:
            session.asked.discard(name)
            self._waiting.pop(name, None)


async def _send(writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
    writer.write(json.dumps(message).encode() + b"\n")
    await writer.drain()
