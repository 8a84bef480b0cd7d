"""One streaming HTTP and websocket relay on aiohttp; runs in the interactive tools proxy and in a session's broker.

Bodies are streamed in both directions, with back-pressure and constant memory, and byte for byte: nothing is
decompressed, no redirect is followed, the address is sent as the caller wrote it.

A server that relays must be started with `SERVER_OPTIONS` (`web.AppRunner(app, **SERVER_OPTIONS)`): aiohttp's defaults
decompress request bodies, refuse long addresses, let a handler run on after its client has gone, keep a connection
without a request for an hour, and write a malformed request, with the token in it, into the log.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import aiohttp
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

ResponseHeaders = Callable[[CIMultiDict[str]], None]
"""Edits the headers of a response in place, before they are sent."""

PATIENCE = 300.0
"""Seconds until the next bytes of a request's body must have come; a body may take as long as it likes in all."""

_BUFFER = 512 * 1024
# Also for a request whose head is sent in part only: aiohttp's timer runs until there is a whole one. An answer that
# takes longer and a websocket that is quiet are no idle connections.
_IDLE_SECONDS = 75
_LONGEST_LINE = 64 * 1024
_CONNECT_SECONDS = 10
_CLOSE_SECONDS = 5


def _without_content(record: logging.LogRecord) -> bool:
    """Leave of a server's error its kind and its place: message and request may hold a token."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        places = [f" in {place.name} ({place.filename.rpartition('/')[2]}:{place.lineno})" for place in last]
        record.msg, record.args = "A request failed: %s%s", (type(error).__name__, "".join(places))
        record.exc_info = record.exc_text = None
    return True


_log = logging.getLogger(f"{__name__}.server")
_log.addFilter(_without_content)

SERVER_OPTIONS: Mapping[str, Any] = {
    "auto_decompress": False,
    "handler_cancellation": True,
    "keepalive_timeout": _IDLE_SECONDS,
    "logger": _log,
    "max_field_size": _LONGEST_LINE,
    "max_line_size": _LONGEST_LINE,
    "read_bufsize": _BUFFER,
}

_HOP_BY_HOP = frozenset(
    name.lower()
    for name in (
        hdrs.CONNECTION,
        hdrs.KEEP_ALIVE,
        hdrs.PROXY_AUTHENTICATE,
        hdrs.PROXY_AUTHORIZATION,
        "Proxy-Connection",
        hdrs.TE,
        hdrs.TRAILER,
        hdrs.TRANSFER_ENCODING,
        hdrs.UPGRADE,
        # Answered by our own server before the handler runs.
        hdrs.EXPECT,
        # Each of the two handshakes has its own.
        hdrs.SEC_WEBSOCKET_ACCEPT,
        hdrs.SEC_WEBSOCKET_EXTENSIONS,
        hdrs.SEC_WEBSOCKET_KEY,
        hdrs.SEC_WEBSOCKET_PROTOCOL,
        hdrs.SEC_WEBSOCKET_VERSION,
    )
)
_ADDED_BY_THE_CLIENT = (hdrs.USER_AGENT, hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.CONTENT_TYPE)
# RFC 6455 reserves these for "no code was received": they can't be sent.
_UNSENDABLE_CLOSE_CODES = frozenset({1005, 1006, 1015})

_ClientWebSocket = aiohttp.ClientWebSocketResponse[bool]
_ServerWebSocket = web.WebSocketResponse[bool]


def relay_client() -> aiohttp.ClientSession:
    """Return a client for relaying: it keeps no cookies, reads no proxy settings and has no limit of connections.

    Must be called inside the event loop, and closed by the caller.
    """
    return aiohttp.ClientSession(
        # Galaxy's server drops idle connections after 5 s; reusing one at that moment would fail a POST.
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        trust_env=False,
    )


def end_to_end_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """Return `headers`, duplicates included, without the hop-by-hop ones (RFC 9110, section 7.6.1)."""
    end_to_end = CIMultiDict(headers)
    hop_by_hop = set(_HOP_BY_HOP)
    for name, value in end_to_end.items():
        if name.lower() == "connection":
            hop_by_hop.update(option.strip().lower() for option in value.split(","))
    for name in {name for name in end_to_end if name.lower() in hop_by_hop}:
        del end_to_end[name]
    return end_to_end


def is_websocket(request: web.Request) -> bool:
    """Whether `request` is a websocket handshake, for `relay_websocket`."""
    return request.method == "GET" and request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


async def pieces(request: web.Request, patience: float = PATIENCE) -> AsyncIterator[bytes]:
    """Yield the body of `request` as it arrives.

    Raises
    ------
    TimeoutError
        No byte came for `patience` seconds.
    """
    while True:
        async with asyncio.timeout(patience):
            piece = await request.content.readany()
        if not piece:
            return
        yield piece


async def relay_http(
    request: web.Request,
    client: aiohttp.ClientSession,
    target: str,
    *,
    headers: Mapping[str, str],
    body: AsyncIterable[bytes] | None = None,
    response_headers: ResponseHeaders | None = None,
) -> web.StreamResponse:
    """Send `request` to `target` and stream the answer back.

    Parameters
    ----------
    target
        The full address, percent-encoded already; it is sent verbatim.
    headers
        Exactly the headers to send: `end_to_end_headers(request.headers)`, with the caller's changes.
    body
        The body to send in place of the request's own, for a caller that had to read that.
    response_headers
        Called with the end-to-end headers of the response before they are sent.

    Raises
    ------
    aiohttp.ClientError
        The target could not be reached or broke off before it answered. Once the answer has begun, the client's
        connection is cut instead, so that a short body can't pass for a whole one.
    """
    async with client.request(
        request.method,
        URL(target, encoded=True),
        headers=headers,
        data=pieces(request, PATIENCE) if body is None and request.body_exists else body,
        skip_auto_headers=_ADDED_BY_THE_CLIENT,
        allow_redirects=False,
        auto_decompress=False,
        read_bufsize=_BUFFER,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
    ) as answer:
        end_to_end = end_to_end_headers(answer.headers)
        if response_headers is not None:
            response_headers(end_to_end)
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=end_to_end)
        await response.prepare(request)
        try:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
        return response


async def relay_websocket(
    request: web.Request,
    client: aiohttp.ClientSession,
    target: str,
    *,
    headers: Mapping[str, str],
    response_headers: ResponseHeaders | None = None,
) -> web.StreamResponse:
    """Connect `request` and a websocket at `target`, and relay text, binary, ping, pong and close both ways.

    The target chooses the subprotocol. Messages may be of any size. Parameters are those of `relay_http`; if the target
    refuses the handshake, its status is the response's.

    Raises
    ------
    aiohttp.ClientError
        The target could not be reached.
    """
    offered = [
        protocol.strip()
        for line in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
        for protocol in line.split(",")
        if protocol.strip()
    ]
    try:
        far = await client.ws_connect(
            URL(target, encoded=True),
            headers=headers,
            protocols=offered,
            autoclose=False,
            autoping=False,
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_SECONDS),
        )
    except aiohttp.WSServerHandshakeError as refusal:
        return web.Response(status=refusal.status if refusal.status >= 400 else 502)
    async with far:
        near = web.WebSocketResponse(
            protocols=[far.protocol] if far.protocol else (),
            autoclose=False,
            autoping=False,
            compress=False,
            max_msg_size=0,
            timeout=_CLOSE_SECONDS,
        )
        if response_headers is not None:
            response_headers(near.headers)
        await near.prepare(request)
        await _pass_messages(near, far)
    return near


async def _pass_messages(near: _ServerWebSocket, far: _ClientWebSocket) -> None:
    """Relay messages until either side closes, then close the other side with the same code and reason."""
    outward = asyncio.create_task(_pump(near, far))
    inward = asyncio.create_task(_pump(far, near))
    try:
        await asyncio.wait((outward, inward), return_when=asyncio.FIRST_COMPLETED)
        code, reason = (outward if outward.done() else inward).result()
    finally:
        await _cancel((outward, inward))
    await near.close(code=code, message=reason)
    await far.close(code=code, message=reason)


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(
    source: _ClientWebSocket | _ServerWebSocket, sink: _ClientWebSocket | _ServerWebSocket
) -> tuple[int, bytes]:
    """Send the messages of `source` to `sink`; return the code and the reason with which `source` closed."""
    try:
        while True:
            message = await source.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    await sink.send_str(message.data)
                case aiohttp.WSMsgType.BINARY:
                    await sink.send_bytes(message.data)
                case aiohttp.WSMsgType.PING:
                    await sink.ping(message.data)
                case aiohttp.WSMsgType.PONG:
                    await sink.pong(message.data)
                case aiohttp.WSMsgType.CLOSE:
                    if not message.data or message.data in _UNSENDABLE_CLOSE_CODES:
                        return aiohttp.WSCloseCode.OK, b""
                    return message.data, (message.extra or "").encode()
                case _:
                    return aiohttp.WSCloseCode.GOING_AWAY, b""
    except ConnectionError:
        return aiohttp.WSCloseCode.GOING_AWAY, b""
