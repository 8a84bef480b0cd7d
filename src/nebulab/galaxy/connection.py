"""A connection to one Galaxy as one user: API requests with retries and readable errors; runs everywhere."""

from __future__ import annotations

import json
import ssl
import urllib.request
from functools import cache, cached_property
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import urllib3

from nebulab.errors import DatasetNotFound, GalaxyAway, GalaxyError, NotAllowed, QuotaExceeded
from nebulab.galaxy.patience import AWAY_STATUSES, Patience
from nebulab.galaxy.settings import GalaxySettings

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_CONNECT_SECONDS = 10.0
# Messages of status 400 for a malformed id, which mean "not found".
_UNKNOWN_ID = ("Invalid id", "unable to decode")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@cache
def _certificates() -> ssl.SSLContext:
    """Return whom to trust: reading this machine's certificates takes some 20 ms, and they stay the same."""
    return ssl.create_default_context()


class Galaxy:
    """A user's connection to a Galaxy; usable from several threads.

    Every request raises GalaxyAway when Galaxy does not answer within `settings.patience`, NotAllowed when the key
    lacks the right, DatasetNotFound for an unknown id and GalaxyError for another refusal.
    """

    def __init__(self, settings: GalaxySettings) -> None:
        self.settings = settings

    def __repr__(self) -> str:
        return f"Galaxy({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return self.settings.url

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request."""
        return {"x-api-key": self.settings.key}

    @cached_property
    def _http(self) -> httpx.Client:
        timeout = httpx.Timeout(self.settings.timeout, connect=_CONNECT_SECONDS)
        return httpx.Client(
            headers=self.headers,
            timeout=timeout,
            follow_redirects=True,
            verify=_certificates(),
            proxy=_proxy(self.url),
            trust_env=False,
            event_hooks={"request": [self._drop_key_elsewhere]},
        )

    def _drop_key_elsewhere(self, request: httpx.Request) -> None:
        """Remove the key from a request to another origin: Galaxy may redirect to an object store."""
        galaxy = httpx.URL(self.url)
        if (request.url.scheme, request.url.host, request.url.port) != (galaxy.scheme, galaxy.host, galaxy.port):
            request.headers.pop("x-api-key", None)

    @cached_property
    def pool(self) -> urllib3.PoolManager:
        """Connections for the bodies of files, which urllib3 moves at curl's speed; callers do their own retries."""
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=self.settings.timeout)
        proxy = _proxy(self.url)
        if proxy is not None:
            return urllib3.ProxyManager(proxy, timeout=timeout, retries=False, headers=self.headers)
        return urllib3.PoolManager(timeout=timeout, retries=False, headers=self.headers)

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        for name, close in (("_http", "close"), ("pool", "clear")):
            part = self.__dict__.pop(name, None)
            if part is not None:
                getattr(part, close)()

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON that `GET /api/<path>` answers."""
        return self._json("GET", path, params={name: value for name, value in parameters.items() if value is not None})

    def post(self, path: str, payload: Any = None) -> Any:
        """Return the JSON that `POST /api/<path>` answers."""
        return self._json("POST", path, json=payload)

    def put(self, path: str, payload: Any) -> Any:
        """Return the JSON that `PUT /api/<path>` answers."""
        return self._json("PUT", path, json=payload)

    def delete(self, path: str, payload: Any = None) -> Any:
        """Return the JSON that `DELETE /api/<path>` answers."""
        return self._json("DELETE", path, json=payload)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Request `/api/<path>`, with retries while Galaxy does not answer, and return a successful answer.

        A POST is retried only if it had no effect: without a connection, or when a server before Galaxy says so.
        """
        patience = Patience(self.url, self.settings.patience)
        while True:
            try:
                answer = self._http.request(method, f"{self.url}/api/{path}", **options)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                if method not in _REPEATABLE and not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
                    raise _unsure(f"{method} {path}", reason) from error
                patience.wait(reason, error)
                continue
            if answer.status_code in AWAY_STATUSES:
                reason = f"it answered {answer.status_code} {answer.reason_phrase}"
                if method not in _REPEATABLE and answer.status_code == 504:
                    raise _unsure(f"{method} {path}", reason)
                patience.wait(reason, retry_after=answer.headers.get("retry-after"))
                continue
            raise_for_answer(answer.status_code, answer.content, f"{method} {path}")
            return answer

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self.request(method, path, **options)
        if not answer.content:
            return None
        try:
            return answer.json()
        except ValueError as error:
            raise GalaxyError(
                f"{self.url} answered {method} {path} with something else than JSON.",
                "Is this the address of a Galaxy? A page for logging in may stand before it.",
                answer.status_code,
            ) from error


def raise_for_answer(status: int, body: bytes, request: str) -> None:
    """Raise the error for Galaxy's answer unless it is a success; `request` is the method and path, for the message.

    Raises
    ------
    NotAllowed, DatasetNotFound, QuotaExceeded, GalaxyError
    """
    if status < 400:
        return
    reason = _reason(body) or f"HTTP {status}"
    if "quota" in reason.lower():
        raise QuotaExceeded(f"Galaxy refuses: {reason}", QUOTA_HINT, status)
    if status in {401, 403}:
        raise NotAllowed(
            f"Galaxy does not allow {request}: {reason}",
            "Is the API key still valid, and does the data belong to this user?",
            status,
        )
    if status == 404 or (status == 400 and any(sign in reason for sign in _UNKNOWN_ID)):
        raise DatasetNotFound(f"Galaxy knows no such thing ({request}): {reason}", "Was it purged?", status)
    raise GalaxyError(f"Galaxy refuses {request}: {reason}", "", status)


QUOTA_HINT = (
    "Delete and purge what you no longer need (Galaxy: User > Preferences > Storage Dashboard), or ask for more space."
)


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for this address; a session's broker on loopback needs none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _reason(body: bytes) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    reason = answer.get("err_msg") or answer.get("message") or answer.get("detail") or ""
    return str(reason)


def _unsure(request: str, reason: str) -> GalaxyAway:
    return GalaxyAway(
        f"Galaxy stopped answering during {request}: {reason}.",
        "It may have done it all the same: look into the history before you try again.",
    )
