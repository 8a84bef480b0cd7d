"""Asks the provider of logins within bounds: a time for the whole answer, a size, few at once; runs beside Galaxy.

The time limits of an HTTP client count for each read: a provider that sends one byte a second holds a thread for ever,
and the portal's pages share their threads.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import httpx2

from nebulab.portal.login.failing import ManyAtOnce

SECONDS = 10.0
"""Until an answer has to be whole."""
MOST_BYTES = 1 << 20
AT_ONCE = 4
"""Conversations with the provider: each takes a thread of the forty that serve all pages."""
AGAIN_SECONDS = 5


class Bounded(httpx2.BaseTransport):
    """The way to the provider, for clients of httpx2: an answer that is late or large is an error of httpx2's."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the whole answer."""
        return asyncio.run(_whole(request))


async def _whole(request: httpx2.Request) -> httpx2.Response:
    read = bytearray()
    # Its client's own limits, which count for each read.
    request.extensions = {name: value for name, value in request.extensions.items() if name != "timeout"}
    try:
        async with (
            asyncio.timeout(SECONDS),
            # A client, and no transport alone: it goes by the proxy that the environment names.
            httpx2.AsyncClient(timeout=None, follow_redirects=False, verify=_certificates()) as client,
        ):
            answer = await client.send(request, stream=True)
            async for part in answer.aiter_bytes():
                read += part
                if len(read) > MOST_BYTES:
                    raise httpx2.RemoteProtocolError(f"{request.url} answers with more than {MOST_BYTES} bytes")
    except TimeoutError:
        raise httpx2.ReadTimeout(f"{request.url} has not answered within {SECONDS:g} s") from None
    kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _OF_THE_WAY]
    return httpx2.Response(answer.status_code, headers=kept, content=bytes(read))


_OF_THE_WAY = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers of the answer as it was sent: what is handed on is unpacked and whole."""


@cache
def _certificates() -> ssl.SSLContext:
    """Return what certificates are checked by: to read them takes longer than most answers."""
    return httpx2.create_ssl_context()


class Turns:
    """Lets few talk to the provider at once; usable from several threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._free = threading.BoundedSemaphore(AT_ONCE)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a turn for a conversation.

        Raises
        ------
        ManyAtOnce
            All are taken; nothing was asked.
        """
        # Without waiting: who waits holds a thread, too.
        if not self._free.acquire(blocking=False):
            raise ManyAtOnce(
                f"Many people log in with {self._name} just now.",
                "Nothing is lost: load this page again in some seconds.",
            )
        try:
            yield
        finally:
            self._free.release()
