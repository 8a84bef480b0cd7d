"""The way out: a forward proxy on a socket, which leads to the internet and not into this network; runs in the door.

It takes what HTTP clients send to a proxy: `CONNECT host:port`, after which it carries bytes unread, and plain
requests with a whole address. Every name is resolved and judged here, and the connection goes to the very address that
was judged: a name that changes its mind between two questions gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

import h11

from nebulab import forwarding
from nebulab.door import fairness
from nebulab.door.fairness import Counted, user_of
from nebulab.door.policy import Policy, split_authority
from nebulab.door.upstream import Proxy, Upstream
from nebulab.errors import Refused
from nebulab.forwarding import Streams

IDLE_SECONDS = 600.0
"""How long a connection may carry nothing."""
LARGEST_HEAD = 64 * 1024

_HEAD_SECONDS = 30.0
_DIAL_SECONDS = 20.0
_TELL_AGAIN_SECONDS = 60.0
_TOLD = 1000
# Between client and proxy alone; what `Connection` names is too.
_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"upgrade"})
_ALIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = logging.getLogger("nebulab.door.egress")


class _NotOpened(Exception):
    """This machine's proxy opens no tunnel."""


class Egress:
    """The proxy; `policy` says where it leads, `upstream` which proxy this machine itself must take."""

    def __init__(self, policy: Policy, upstream: Upstream | None = None, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._policy = policy
        self._upstream = upstream or Upstream()
        self._idle_seconds = idle_seconds
        self._counted = Counted()
        self._told: OrderedDict[tuple[int, str], float] = OrderedDict()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a session."""
        user = user_of(writer)
        if not self._counted.begin(user):
            await _answer(writer, 503, f"More than {fairness.CONNECTIONS} connections at once.", "Close some.")
            writer.close()
            return
        try:
            spoken = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
            async with asyncio.timeout(_HEAD_SECONDS):
                request = await _event(reader, spoken)
            if isinstance(request, h11.Request):
                await self._serve(request, spoken, (reader, writer), user)
        except (h11.RemoteProtocolError, ValueError):
            await _answer(writer, 400, "That is no request to a proxy.", "")
        except (TimeoutError, OSError):
            pass
        finally:
            self._counted.end(user)
            writer.close()

    async def _serve(self, request: h11.Request, spoken: h11.Connection, client: Streams, user: int) -> None:
        if request.target.startswith(b"/"):
            client[1].write(_ALIVE)
            return
        tunnel = request.method == b"CONNECT"
        host, port, path = _target(request.target.decode("ascii"), tunnel)
        proxy = self._upstream.proxy(host, port, tunnel=tunnel)
        try:
            server = await self._dial(host, port, proxy)
        except Refused as error:
            self._tell(user, host, error.message)
            await _answer(client[1], 403, error.message, error.hint)
            return
        except (OSError, TimeoutError) as error:
            await _answer(client[1], 502, f"{host} can't be reached: {_words(error)}.", "")
            return
        try:
            if not tunnel:
                await self._pass_on(request, spoken, client, server, proxy, path)
                return
            early = b"" if proxy is None else await self._open_there(server, proxy, f"{_bracketed(host)}:{port}")
            server[1].write(spoken.trailing_data[0])
            client[1].write(b"HTTP/1.1 200 Connected\r\n\r\n" + early)
            idle = _Idle(self._idle_seconds)
            await idle.limit(forwarding.join(client, server, idle.mark))
        except _NotOpened as error:
            await _answer(client[1], 502, f"{host} can't be reached: {error}.", "")
        finally:
            server[1].close()

    async def _dial(self, host: str, port: int, proxy: Proxy | None) -> Streams:
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                addresses = await self._policy.addresses(host, port)
        except OSError:
            if proxy is None:
                raise
            # Behind a proxy a machine often resolves nothing of the world's: the proxy does.
            addresses = []
        if proxy is not None:
            return await self._connect(proxy.host, proxy.port)
        trouble: Exception = OSError("it has no address")
        for address in addresses:
            try:
                return await self._connect(address, port)
            except (OSError, TimeoutError) as error:
                trouble = error
        raise trouble

    async def _connect(self, address: str, port: int) -> Streams:
        async with asyncio.timeout(_DIAL_SECONDS):
            return await asyncio.open_connection(address, port, limit=LARGEST_HEAD)

    async def _open_there(self, server: Streams, proxy: Proxy, target: str) -> bytes:
        """Have this machine's proxy open a tunnel, and return what came through it already.

        The client's own bytes wait until then: where it refuses, they would be requests to it.
        """
        spoken = h11.Connection(h11.CLIENT)
        headers = [(b"Host", target.encode()), *_authorization(proxy)]
        server[1].write(spoken.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b"")
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                answer = await _event(server[0], spoken)
        except (h11.ProtocolError, OSError) as error:
            raise _NotOpened("this machine's proxy does not answer") from error
        if not isinstance(answer, h11.Response) or not 200 <= answer.status_code < 300:
            raise _NotOpened(f"this machine's proxy answers {getattr(answer, 'status_code', 'nothing')}")
        return spoken.trailing_data[0]

    async def _pass_on(
        self,
        request: h11.Request,
        spoken: h11.Connection,
        client: Streams,
        server: Streams,
        proxy: Proxy | None,
        path: str,
    ) -> None:
        """Send one plain request on; the connection ends with its answer, since the next may be for another host."""
        authority = urlsplit(request.target.decode("ascii")).netloc
        kept = [(b"Host", authority.encode()), *_kept(request.headers, b"host"), (b"Connection", b"close")]
        target = f"http://{authority}{path}" if proxy else path
        onward = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        login = _authorization(proxy) if proxy else []
        first = h11.Request(method=request.method, target=target, headers=[*kept, *login])
        server[1].write(onward.send(first) or b"")
        idle = _Idle(self._idle_seconds)

        async def carry() -> None:
            sending = asyncio.create_task(_relay(client[0], spoken, server[1], onward, idle.mark))
            try:
                await _relay(server[0], onward, client[1], spoken, idle.mark)
            except (h11.ProtocolError, ValueError) as error:
                raise OSError("the server's answer is none") from error
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

        await idle.limit(carry())

    def _tell(self, user: int, host: str, reason: str) -> None:
        """Write a refusal down, once a minute: a loop in a notebook must not fill the log."""
        now = time.monotonic()
        if now - self._told.get((user, host), -_TELL_AGAIN_SECONDS) < _TELL_AGAIN_SECONDS:
            return
        self._told[user, host] = now
        self._told.move_to_end((user, host))
        if len(self._told) > _TOLD:
            self._told.popitem(last=False)
        log.warning("refused to user %d: %s", user, reason)


class _Idle:
    """Ends what carries nothing for too long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._moved = time.monotonic()

    def mark(self) -> None:
        self._moved = time.monotonic()

    async def limit(self, carrying: Coroutine[None, None, None]) -> None:
        """Run `carrying` to its end, unless `mark` was not called for too long.

        Raises
        ------
        TimeoutError
            It was not.
        """
        task = asyncio.create_task(carrying)
        try:
            while not task.done():
                left = self._moved + self._seconds - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                await asyncio.wait((task,), timeout=left)
            task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _event(reader: asyncio.StreamReader, spoken: h11.Connection) -> Any:
    """Return what was said next."""
    while (event := spoken.next_event()) is h11.NEED_DATA:
        spoken.receive_data(await reader.read(LARGEST_HEAD))
    return event


async def _relay(
    reader: asyncio.StreamReader,
    heard: h11.Connection,
    writer: asyncio.StreamWriter,
    told: h11.Connection,
    moved: Callable[[], None],
) -> None:
    """Say again what is heard, a request's body or an answer, until its end and no byte further."""
    while True:
        event = await _event(reader, heard)
        moved()
        if isinstance(event, h11.Response):
            headers = [*_kept(event.headers), (b"Connection", b"close")]
            event = h11.Response(status_code=event.status_code, reason=event.reason, headers=headers)
        elif not isinstance(event, h11.InformationalResponse | h11.Data | h11.EndOfMessage):
            return
        writer.write(told.send(event) or b"")
        await writer.drain()
        moved()
        if isinstance(event, h11.EndOfMessage):
            return


def _target(target: str, tunnel: bool) -> tuple[str, int, str]:
    """Return host, port, and the path that a server expects in place of the whole address."""
    if tunnel:
        return *split_authority(target), ""
    parts = urlsplit(target)
    # A name before the host, or a stroke that some read as the path's beginning, could mean another host elsewhere.
    if parts.scheme.lower() != "http" or "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError(target)
    path = parts._replace(scheme="", netloc="", fragment="").geturl()
    return *split_authority(parts.netloc, 80), path if path.startswith("/") else f"/{path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _kept(headers: h11._headers.Headers, *without: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers that are meant for the other end."""
    named = {*_HOP_BY_HOP, *without}
    for name, value in headers:
        if name == b"connection":
            named.update(token.strip().lower() for token in value.split(b","))
    return [(name, value) for name, value in headers.raw_items() if name.lower() not in named]


def _authorization(proxy: Proxy) -> list[tuple[bytes, bytes]]:
    return [(b"Proxy-Authorization", proxy.authorization.encode())] if proxy.authorization else []


async def _answer(writer: asyncio.StreamWriter, status: int, message: str, hint: str) -> None:
    """Say no; the reason stands in the first line too, which is all that most clients show."""
    body = f"{message}\n{hint}\n".encode()
    head = [
        f"HTTP/1.1 {status} {message}".encode("ascii", "replace"),
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
    ]
    with contextlib.suppress(OSError):
        writer.write(b"\r\n".join((*head, b"", body)))
        await writer.drain()


def _words(error: Exception) -> str:
    return "it does not answer" if isinstance(error, TimeoutError) else str(getattr(error, "strerror", "") or error)
