"""The broker's way to Galaxy and back: who asks, may it pass, what is added and what is taken away."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from nebulab.errors import NotAllowed
from nebulab.relay import relay_client, relay_http
from nebulab.session.broker import access, payloads
from nebulab.session.broker.multipart import CheckedForm

_log = logging.getLogger(__name__)

# Galaxy's own numbers for these cases (galaxy/exceptions/error_codes.json); it has none for its own absence.
_NO_TOKEN = 401001
_NOT_ALLOWED = 403005
_TOO_LARGE = 413001
_AWAY = 503001
_CHUNK = 256 * 1024
_UPLOAD = re.compile(r"/api/upload/resumable_upload/[^/?]+$")
_KEPT_BACK = frozenset(
    {"set-cookie", "access-control-allow-origin", "access-control-allow-credentials", "strict-transport-security"}
)


class Passage:
    """The handlers of one session's broker."""

    def __init__(
        self,
        galaxy_url: str,
        key: str,
        token: str,
        address: str,
        *,
        status: Callable[[], Mapping[str, object]],
        extend: Callable[[], None],
    ) -> None:
        self._galaxy_url = galaxy_url
        self._prefix = urlsplit(galaxy_url).path
        self._key = key
        self._token = token.encode()
        self._address = address
        self._status = status
        self._extend = extend
        self._client: aiohttp.ClientSession | None = None

    def application(self) -> web.Application:
        """Return the web application."""
        application = web.Application(client_max_size=payloads.LONGEST_BODY)
        application.router.add_get("/nebulab/session", self._show)
        application.router.add_post("/nebulab/session/extend", self._prolong)
        application.router.add_route("*", "/{path:.*}", self._pass)
        return application

    async def close(self) -> None:
        """Close the connections to Galaxy."""
        if self._client is not None:
            await self._client.close()

    async def _show(self, request: web.Request) -> web.Response:
        if not self._is_known(request):
            return _no_token()
        return web.json_response(dict(self._status()))

    async def _prolong(self, request: web.Request) -> web.Response:
        if not self._is_known(request):
            return _no_token()
        self._extend()
        return web.json_response(dict(self._status()))

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if not self._is_known(request):
            return _no_token()
        form: CheckedForm | None = None
        try:
            permit = access.judge(request.method, self._target(request), request.headers)
            if request.method in {"GET", "HEAD", "OPTIONS"} and request.body_exists:
                raise NotAllowed(f"A {request.method} request has no body.", "Send parameters in the address.")
            headers = self._headers(request)
            body: AsyncIterable[bytes] | None = None
            if request.body_exists and not permit.streams:
                if request.content_type == "multipart/form-data":
                    body = form = CheckedForm(request)
                    headers["Content-Type"] = form.content_type
                    headers.popall("Content-Length", None)
                else:
                    content = await request.read()
                    payloads.judge_body(request.headers.get("Content-Type", ""), content)
                    body = _pieces(content)
                    headers["Content-Length"] = str(len(content))
            target = f"{self._galaxy_url}{permit.path}" + (f"?{permit.query}" if permit.query else "")
            if permit.is_user:
                return await self._describe_user(target, headers)
            return await relay_http(
                request,
                self._galaxy(),
                target,
                headers=headers,
                body=body,
                response_headers=self._edit_answer,
            )
        except NotAllowed as refusal:
            return _refuse(refusal)
        except web.HTTPRequestEntityTooLarge:
            text = "The request is too large to be checked. Upload the content as a file: put(…)."
            return _error(413, text, _TOO_LARGE)
        except (aiohttp.ClientError, TimeoutError) as error:
            if form is not None and form.refusal is not None:
                return _refuse(form.refusal)
            _log.info("Galaxy did not answer %s %s: %s", request.method, request.path, type(error).__name__)
            text = "Galaxy is away: it does not answer. Your work in this session goes on; try again in a minute."
            return _error(503, text, _AWAY)

    def _is_known(self, request: web.Request) -> bool:
        given = access.token_of(request.headers, request.rel_url.raw_query_string)
        return any(secrets.compare_digest(token.encode(), self._token) for token in given)

    def _target(self, request: web.Request) -> str:
        """Return path and query as sent, without the prefix that links of a Galaxy below a path begin with."""
        target = request.raw_path
        if self._prefix and target.startswith(f"{self._prefix}/"):
            return target.removeprefix(self._prefix)
        return target

    def _headers(self, request: web.Request) -> CIMultiDict[str]:
        passed = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() in access.PASSED_HEADERS
        )
        passed["x-api-key"] = self._key
        return passed

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

    async def _describe_user(self, target: str, headers: Mapping[str, str]) -> web.Response:
        """Answer who the user is, without preferences: services outside Galaxy keep credentials there."""
        async with self._galaxy().get(target, headers=headers, allow_redirects=False) as answer:
            content = await answer.read()
            if answer.status != 200:
                return web.Response(status=answer.status, body=content, content_type=answer.content_type)
        user = json.loads(content)
        hidden = [name for name in user if "key" in name or "password" in name or name == "preferences"]
        return web.json_response({name: value for name, value in user.items() if name not in hidden})


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]


def _error(status: int, text: str, code: int) -> web.Response:
    """Return an error in Galaxy's own form, which BioBlend shows to the user."""
    return web.json_response({"err_msg": text, "err_code": code}, status=status)


def _no_token() -> web.Response:
    return _error(
        401, "This session's token is missing or wrong. Use API_KEY of the notebook's environment.", _NO_TOKEN
    )


def _refuse(refusal: NotAllowed) -> web.Response:
    return _error(403, str(refusal).replace("\n", " "), _NOT_ALLOWED)
