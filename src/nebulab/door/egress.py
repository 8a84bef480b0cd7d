"""The egress: a forward proxy on a Unix socket, to the internet and not into this network; runs in the door.

It takes what HTTP clients send to a proxy: `CONNECT host:port`, after which it copies bytes unread, and plain requests
with an absolute URL. Every name is resolved and judged here, and the connection goes to the very address that was
judged: DNS rebinding gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import h11

from nebulab import forwarding
from nebulab.door import fairness
from nebulab.door.fairness import Counted, user_of
from nebulab.door.policy import Policy, split_authority
from nebulab.door.upstream import Proxy, Upstream
from nebulab.errors import Refused
from nebulab.forwarding import Idle, Streams

IDLE_SECONDS = 600.0
"""Idle time after which a connection is closed."""
LARGEST_HEAD = 64 * 1024

_HEAD_SECONDS = 30.0
_DIAL_SECONDS = 20.0
_LOG_AGAIN_SECONDS = 60.0
_LOGGED = 1000
# Hop-by-hop headers, beside those that `Connection` names.
_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"upgrade"})
_ALIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = logging.getLogger("nebulab.door.egress")


class _NotOpened(Exception):
    """The upstream proxy opens no tunnel."""


class Egress:
    """The proxy; `policy` decides on destinations, `upstream` is the proxy that this machine itself must use."""

    def __init__(self, policy: Policy, upstream: Upstream | None = None, *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._policy = policy
        self._upstream = upstream or Upstream()
        self._idle_seconds = idle_seconds
        self._counted = Counted()
        self._logged: OrderedDict[tuple[int, str], float] = OrderedDict()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a session."""
        user = user_of(writer)
        if not self._counted.begin(user):
            await _answer(writer, 503, f"More than {fairness.CONNECTIONS} connections at once.", "Close some.")
            writer.close()
            return
        try:
            http = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGEST_HEAD)
            async with asyncio.timeout(_HEAD_SECONDS):
                request = await _event(reader, http)
            if isinstance(request, h11.Request):
                await self._serve(request, http, (reader, writer), user)
        except (h11.RemoteProtocolError, ValueError):
            await _answer(writer, 400, "That is no request to a proxy.", "")
        except (TimeoutError, OSError):
            pass
        finally:
            self._counted.end(user)
            writer.close()

    async def _serve(self, request: h11.Request, http: h11.Connection, client: Streams, user: int) -> None:
        if request.target.startswith(b"/"):
            client[1].write(_ALIVE)
            return
        tunnel = request.method == b"CONNECT"
        host, port, path = _target(request.target.decode("ascii"), tunnel)
        proxy = self._upstream.proxy(host, port, tunnel=tunnel)
        try:
            server = await self._dial(host, port, proxy)
        except Refused as error:
            self._log_refusal(user, host, error.message)
            await _answer(client[1], 403, error.message, error.hint)
            return
        except (OSError, TimeoutError) as error:
            await _answer(client[1], 502, f"{host} can't be reached: {_words(error)}.", "")
            return
        try:
            if not tunnel:
                await self._pass_on(request, http, client, server, proxy, path)
                return
            early = b"" if proxy is None else await self._open_tunnel(server, proxy, f"{_bracketed(host)}:{port}")
            server[1].write(http.trailing_data[0])
            client[1].write(b"HTTP/1.1 200 Connected\r\n\r\n" + early)
            idle = Idle(self._idle_seconds)
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
            # Behind a proxy a machine often can't resolve public names; the proxy does.
            addresses = []
        if proxy is not None:
            return await self._connect(proxy.host, proxy.port)
        last_error: Exception = OSError("it has no address")
        for address in addresses:
            try:
                return await self._connect(address, port)
            except (OSError, TimeoutError) as error:
                last_error = error
        raise last_error

    async def _connect(self, address: str, port: int) -> Streams:
        async with asyncio.timeout(_DIAL_SECONDS):
            return await asyncio.open_connection(address, port, limit=LARGEST_HEAD)

    async def _open_tunnel(self, server: Streams, proxy: Proxy, target: str) -> bytes:
        """Open a tunnel through the upstream proxy, and return the bytes that have come through it already.

        The client's bytes are sent only after that: to a proxy that refuses the tunnel they would be requests.
        """
        http = h11.Connection(h11.CLIENT)
        headers = [(b"Host", target.encode()), *_authorization(proxy)]
        server[1].write(http.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b"")
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                answer = await _event(server[0], http)
        except (h11.ProtocolError, OSError) as error:
            raise _NotOpened("this machine's proxy does not answer") from error
        if not isinstance(answer, h11.Response) or not 200 <= answer.status_code < 300:
            raise _NotOpened(f"this machine's proxy answers {getattr(answer, 'status_code', 'nothing')}")
        return http.trailing_data[0]

    async def _pass_on(
        self,
        request: h11.Request,
        http: h11.Connection,
        client: Streams,
        server: Streams,
        proxy: Proxy | None,
        path: str,
    ) -> None:
        """Forward one plain request; the connection is closed after its answer, as the next may be for another host."""
        authority = urlsplit(request.target.decode("ascii")).netloc
        headers = [(b"Host", authority.encode()), *_end_to_end(request.headers, b"host"), (b"Connection", b"close")]
        target = f"http://{authority}{path}" if proxy else path
        http_onward = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
        login = _authorization(proxy) if proxy else []
        forwarded = h11.Request(method=request.method, target=target, headers=[*headers, *login])
        server[1].write(http_onward.send(forwarded) or b"")
        idle = Idle(self._idle_seconds)

        async def carry() -> None:
            sending = asyncio.create_task(_relay(client[0], http, server[1], http_onward, idle.mark))
            try:
                await _relay(server[0], http_onward, client[1], http, idle.mark)
            except (h11.ProtocolError, ValueError) as error:
                raise OSError("the server's answer is none") from error
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

        await idle.limit(carry())

    def _log_refusal(self, user: int, host: str, reason: str) -> None:
        """Log a refusal, at most once a minute for each host: a loop in a notebook must not fill the log."""
        now = time.monotonic()
        if now - self._logged.get((user, host), -_LOG_AGAIN_SECONDS) < _LOG_AGAIN_SECONDS:
            return
        self._logged[user, host] = now
        self._logged.move_to_end((user, host))
        if len(self._logged) > _LOGGED:
            self._logged.popitem(last=False)
        log.warning("refused to user %d: %s", user, reason)


async def _event(reader: asyncio.StreamReader, http: h11.Connection) -> Any:
    """Return the next event of an HTTP connection."""
    while (event := http.next_event()) is h11.NEED_DATA:
        http.receive_data(await reader.read(LARGEST_HEAD))
    return event


async def _relay(
    reader: asyncio.StreamReader,
    source: h11.Connection,
    writer: asyncio.StreamWriter,
    sink: h11.Connection,
    moved: Callable[[], None],
) -> None:
    """Relay a request's body or an answer, up to its end and no byte further."""
    while True:
        event = await _event(reader, source)
        moved()
        if isinstance(event, h11.Response):
            headers = [*_end_to_end(event.headers), (b"Connection", b"close")]
            event = h11.Response(status_code=event.status_code, reason=event.reason, headers=headers)
        elif not isinstance(event, h11.InformationalResponse | h11.Data | h11.EndOfMessage):
            return
        writer.write(sink.send(event) or b"")
        await writer.drain()
        moved()
        if isinstance(event, h11.EndOfMessage):
            return


def _target(target: str, tunnel: bool) -> tuple[str, int, str]:
    """Return host, port, and the path that a server expects in place of the absolute URL."""
    if tunnel:
        return *split_authority(target), ""
    parts = urlsplit(target)
    # User information and backslashes: parsers disagree on which host such a URL names.
    if parts.scheme.lower() != "http" or "@" in parts.netloc or "\\" in parts.netloc:
        raise ValueError(target)
    path = parts._replace(scheme="", netloc="", fragment="").geturl()
    return *split_authority(parts.netloc, 80), path if path.startswith("/") else f"/{path}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _end_to_end(headers: h11._headers.Headers, *without: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers but the hop-by-hop ones and those named in `without`."""
    dropped = {*_HOP_BY_HOP, *without}
    for name, value in headers:
        if name == b"connection":
            dropped.update(token.strip().lower() for token in value.split(b","))
    return [(name, value) for name, value in headers.raw_items() if name.lower() not in dropped]


def _authorization(proxy: Proxy) -> list[tuple[bytes, bytes]]:
    return [(b"Proxy-Authorization", proxy.authorization.encode())] if proxy.authorization else []


async def _answer(writer: asyncio.StreamWriter, status: int, message: str, hint: str) -> None:
    """Send an error; the reason is in the status line too, which is all that most clients show."""
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
