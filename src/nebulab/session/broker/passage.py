"""The broker's way to Galaxy and back: who asks, what is sent on, what is taken out of answers; runs in the session."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from nebulab.errors import NotAllowed
from nebulab.relay import PATIENCE, pieces, relay_client, relay_http
from nebulab.session.broker import address, events, payloads
from nebulab.session.broker.headers import PIECE, token_of
from nebulab.session.broker.judgement import Allowed, Asked, Streamed, judge
from nebulab.session.broker.multipart import FormRewriter
from nebulab.session.broker.refusals import FORBIDDEN, TOO_LARGE, TOO_SLOW

_log = logging.getLogger(__name__)

# Galaxy's own numbers for these cases (galaxy/exceptions/error_codes.json); it has none for its own absence.
_NO_TOKEN = 401001
_CODES: Mapping[int, int] = {FORBIDDEN: 403005, TOO_LARGE: 413001, TOO_SLOW: 408001}
_AWAY = 503001
_CHUNK = 256 * 1024
_UPLOAD = re.compile(r"/api/upload/resumable_upload/[^/?]+$")
_KEPT_BACK = frozenset(
    {"set-cookie", "access-control-allow-origin", "access-control-allow-credentials", "strict-transport-security"}
)
_SECRET = re.compile("key|password|preference|secret|token|credential", re.IGNORECASE)


class Passage:
    """The handlers of one session's broker; `told` answers GET requests, by their paths."""

    patience: float = PATIENCE
    """Seconds until the next bytes of a request's body must have come."""

    def __init__(
        self,
        galaxy_url: str,
        key: str,
        token: str,
        own_address: str,
        *,
        told: Mapping[str, Callable[[], Mapping[str, object]]],
        extend: Callable[[], None],
    ) -> None:
        self._galaxy_url = galaxy_url
        self._prefix = urlsplit(galaxy_url).path
        self._key = key
        self._token = token.encode()
        self._address = own_address
        self._told = told
        self._extend = extend
        self._client: aiohttp.ClientSession | None = None

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        return application

    async def close(self) -> None:
        """Close the connections to Galaxy."""
        if self._client is not None:
            await self._client.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            if not self._is_known(request):
                return _no_token()
            match request.method, request.raw_path.partition("?")[0]:
                case "GET", path if path in self._told:
                    return web.json_response(dict(self._told[path]()))
                case "POST", "/nebulab/session/extend":
                    self._extend()
                    return web.json_response(dict(self._told["/nebulab/session"]()))
            return await self._pass(request)
        except NotAllowed as refusal:
            return _refuse(refusal)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = _Body(request, self.patience)
        try:
            asked = Asked(request.method, self._target(request), request.headers, await body.look())
            allowed = judge(asked)
            if allowed.is_user:
                return await self._describe_user(allowed)
            if allowed.path == events.PATH and allowed.method == "GET":
                headers = allowed.headers | {"x-api-key": self._key}
                return await events.pass_events(request, self._galaxy(), self._galaxy_url + allowed.target, headers)
            return await self._send(request, allowed, body)
        except aiohttp.ClientError as error:
            if body.refusal is not None:
                return _refuse(body.refusal)
            _log.info("Galaxy did not answer a %s: %s", request.method, type(error).__name__)
            text = "Galaxy is away: it does not answer. Your work in this session goes on; try again in a minute."
            return _error(503, text, _AWAY)
        except TimeoutError:
            return _refuse(_slow())

    async def _send(self, request: web.Request, allowed: Allowed, body: _Body) -> web.StreamResponse:
        headers = CIMultiDict(allowed.headers)
        headers["x-api-key"] = self._key
        length = len(allowed.body) if isinstance(allowed.body, bytes) else getattr(allowed.body, "length", None)
        if length is not None:
            headers["Content-Length"] = str(length)
        return await relay_http(
            request,
            self._galaxy(),
            self._galaxy_url + allowed.target,
            headers=headers,
            body=None if allowed.body is None else body.sent(allowed.body),
            response_headers=self._edit_answer,
        )

    def _is_known(self, request: web.Request) -> bool:
        given = token_of(request.headers)
        with contextlib.suppress(NotAllowed):
            query = address.read_query(request.raw_path.partition("?")[2])
            given += [value for name, value in query if name == "key"]
        return any(secrets.compare_digest(token.encode(), self._token) for token in given)

    def _target(self, request: web.Request) -> str:
        """Return path and query as sent, without the prefix that links of a Galaxy below a path begin with."""
        target = request.raw_path
        if self._prefix and target.startswith(f"{self._prefix}/"):
            return target.removeprefix(self._prefix)
        return target

    def _galaxy(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = relay_client()
        return self._client

    def _edit_answer(self, headers: CIMultiDict[str]) -> None:
        for name in {name for name in headers if name.lower() in _KEPT_BACK}:
            del headers[name]
        location = headers.get("Location")
        if location is not None:
            headers["Location"] = self._here(location)

    def _here(self, location: str) -> str:
        """Return `location` as the client must ask for it: an address of Galaxy's becomes one of the broker's."""
        if location == self._galaxy_url or location.startswith((f"{self._galaxy_url}/", f"{self._galaxy_url}?")):
            return self._address + location.removeprefix(self._galaxy_url)
        upload = _UPLOAD.search(location)
        if upload:
            # Behind proxies Galaxy may know itself by another name; the upload goes on where it began.
            return self._address + upload[0]
        if self._prefix and location.startswith(f"{self._prefix}/"):
            return location.removeprefix(self._prefix)
        return location

    async def _describe_user(self, allowed: Allowed) -> web.Response:
        """Answer who the user is, without preferences: services outside Galaxy keep credentials there."""
        headers = {"Accept": "application/json", "x-api-key": self._key}
        async with self._galaxy().get(
            self._galaxy_url + allowed.target, headers=headers, allow_redirects=False
        ) as answer:
            content = await answer.read()
            if answer.status >= 400:
                return web.Response(status=answer.status, body=content, content_type=answer.content_type)
        try:
            user = dict(json.loads(content))
        except (ValueError, TypeError):
            raise aiohttp.ClientPayloadError("no description of a user") from None
        return web.json_response({name: value for name, value in user.items() if not _SECRET.search(name)})


class _Body:
    """The body of a request: read as a whole where it is small, else piece by piece as it is sent on.

    `refusal` tells afterwards why it was broken off, if it was.
    """

    def __init__(self, request: web.Request, patience: float) -> None:
        self.refusal: NotAllowed | None = None
        self._request = request
        self._coming = pieces(request, patience)
        self._begun = b""

    async def look(self) -> bytes | Streamed | None:
        """Read the body as far as it is looked at before it is judged."""
        if not self._request.body_exists:
            return None
        # Of a piece of a file nothing is looked at, and a length that is announced says enough.
        whole = Streamed(self._request.content_length)
        if self._request.headers.get("Content-Type") == PIECE:
            return whole
        begun = bytearray()
        async for piece in self._coming:
            begun += piece
            if len(begun) > payloads.LONGEST_BODY:
                self._begun = bytes(begun)
                return whole
        return bytes(begun)

    async def sent(self, judged: object) -> AsyncIterator[bytes]:
        """Yield what is sent on."""
        if isinstance(judged, bytes):
            for start in range(0, len(judged), _CHUNK):
                yield judged[start : start + _CHUNK]
            return
        try:
            async for piece in self._rewritten(judged):
                yield piece
        except NotAllowed as refusal:
            self.refusal = refusal
            raise ConnectionError("the body was refused") from None
        except TimeoutError:
            self.refusal = _slow()
            raise ConnectionError("the body did not come") from None

    async def _rewritten(self, judged: object) -> AsyncIterator[bytes]:
        form = judged if isinstance(judged, FormRewriter) else None
        if self._begun:
            yield form.feed(self._begun) if form else self._begun
            self._begun = b""
        async for piece in self._coming:
            yield form.feed(piece) if form else piece
        if form:
            yield form.close()


def _error(status: int, text: str, code: int) -> web.Response:
    """Return an error in Galaxy's own form, which BioBlend shows to the user."""
    return web.json_response({"err_msg": text, "err_code": code}, status=status)


def _no_token() -> web.Response:
    return _error(
        401, "This session's token is missing or wrong. Use API_KEY of the notebook's environment.", _NO_TOKEN
    )


def _slow() -> NotAllowed:
    return NotAllowed("The request's body stopped coming.", "Send it again.", TOO_SLOW)


def _refuse(refusal: NotAllowed) -> web.Response:
    status = refusal.status or FORBIDDEN
    return _error(status, str(refusal).replace("\n", " "), _CODES[status])
