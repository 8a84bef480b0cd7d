"""Galaxy as the kernels see it: a small reverse proxy on loopback that holds the user's key; runs in the session.

A kernel has this address as `GALAXY_URL` and a token of this session as `API_KEY`. `passage` takes its requests,
`judgement` decides on each, and those that pass go on to Galaxy with the user's key, which no notebook sees.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from nebulab.errors import SessionError

if TYPE_CHECKING:
    from aiohttp import web

    from nebulab.session.broker.passage import Passage


class Broker:
    """The session's broker.

    Parameters
    ----------
    galaxy_url
        Galaxy's address, with or without a path (`https://host/galaxy`).
    key
        The user's API key.
    token
        What a client has to show, as `x-api-key`, `Authorization: Bearer` or the parameter `key`.
    status
        Answers `GET /nebulab/session`.
    extend
        Called for `POST /nebulab/session/extend`.
    further
        What answers `GET /nebulab/session/<name>`, by the name.
    """

    def __init__(
        self,
        galaxy_url: str,
        key: str,
        token: str,
        *,
        status: Callable[[], Mapping[str, object]],
        extend: Callable[[], None],
        further: Mapping[str, Callable[[], Mapping[str, object]]] = MappingProxyType({}),
    ) -> None:
        self._galaxy_url = galaxy_url.rstrip("/")
        self._key = key
        self._token = token
        self._status = status
        self._extend = extend
        self._further = further
        self._address = ""
        self._runner: web.AppRunner | None = None
        self._passage: Passage | None = None

    def __repr__(self) -> str:
        return f"Broker({self._galaxy_url!r}, key=…, token=…)"

    @property
    def address(self) -> str:
        """The broker's own address, `http://127.0.0.1:PORT`, known once it has started."""
        if not self._address:
            raise SessionError("The broker has no address yet.", "Start it first.")
        return self._address

    async def start(self, sock: socket.socket) -> None:
        """Serve on `sock`, which is bound to loopback.

        aiohttp is imported here and not above: its 0.2 s are spent while JupyterLab starts.
        """
        from aiohttp import web

        from nebulab.relay import SERVER_OPTIONS
        from nebulab.session.broker.passage import Passage

        self._address = "http://{}:{}".format(*sock.getsockname()[:2])
        told = {f"/nebulab/session/{name}": answer for name, answer in self._further.items()}
        told["/nebulab/session"] = self._status
        passage = Passage(self._galaxy_url, self._key, self._token, self._address, told=told, extend=self._extend)
        # No access log: a client may carry its token in the address.
        self._runner = web.AppRunner(passage.application(), access_log=None, **SERVER_OPTIONS)
        self._passage = passage
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def stop(self) -> None:
        """End what is under way and close the port; stopping twice is no error."""
        runner, self._runner = self._runner, None
        passage, self._passage = self._passage, None
        if passage is not None:
            await passage.close()
        if runner is not None:
            await runner.cleanup()
