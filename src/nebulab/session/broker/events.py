"""Galaxy's stream of events, passed on as far as it tells of histories; runs in the session.

The stream (`GET /api/events/stream`) also carries the user's notifications, which belong to Galaxy's page: of each
frame the kind is read, and what is not about histories ends here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from yarl import URL

PATH = "/api/events/stream"
KINDS = frozenset({"ready", "history_update"})
"""Galaxy's names of the events that are passed on."""
_CONNECT_SECONDS = 10
_SILENT_SECONDS = 120
"""Galaxy sends a comment every 30 s; a stream that is silent for longer is dead."""
_LONGEST_FRAME = 1024 * 1024


async def pass_events(
    request: web.Request, client: aiohttp.ClientSession, target: str, headers: dict[str, str]
) -> web.StreamResponse:
    """Stream the events of `target` to `request` until either side ends.

    Raises
    ------
    aiohttp.ClientError
        Galaxy could not be reached; what breaks off later ends the stream.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
    # Asked for as it is: of a compressed stream no frame could be read.
    sent = {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
    async with client.get(
        URL(target, encoded=True), headers=sent, timeout=timeout, allow_redirects=False, auto_decompress=False
    ) as answer:
        if answer.status != 200 or answer.content_type != "text/event-stream":
            content = await answer.content.read(_LONGEST_FRAME)
            return web.Response(
                status=answer.status if answer.status >= 400 else 502, body=content, content_type=answer.content_type
            )
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        try:
            async for frame in _frames(answer.content):
                if _is_passed(frame):
                    await response.write(frame)
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
    return response


async def _frames(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield each frame with the empty line that ends it."""
    frame = b""
    async for piece in stream.iter_any():
        *whole, frame = (frame + piece.replace(b"\r\n", b"\n")).split(b"\n\n")
        for each in whole:
            yield each + b"\n\n"
        if len(frame) > _LONGEST_FRAME:
            raise aiohttp.ClientPayloadError("a frame without an end")
        # A busy history must not keep the loop from what else the broker serves.
        await asyncio.sleep(0)


def _is_passed(frame: bytes) -> bool:
    """Whether a frame is a comment alone, or of one of the kinds; what names two kinds is of neither."""
    kinds = set()
    for line in frame.replace(b"\r", b"\n").split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"event":
            kinds.add(value.removeprefix(b" ").decode(errors="replace"))
        elif name and line.strip() and name not in {b"data", b"id", b"retry"}:
            return False
    is_comment = all(not line or line.startswith(b":") for line in frame.split(b"\n"))
    return is_comment or (len(kinds) == 1 and kinds <= KINDS)
