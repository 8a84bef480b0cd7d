"""What stands before every page: headers, the size and the number of requests, and forms of this portal's alone.

A form's token is bound to the login (Galaxy's session, or one of our own) and to a cookie. A cookie alone would not do:
sessions in JupyterLab have subdomains of Galaxy's host name, from which pages may set cookies for it.
Runs beside Galaxy.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from math import ceil
from urllib.parse import urlsplit

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nebulab.errors import PortalError
from nebulab.portal.settings import PortalSettings, own_secret

LARGEST_BODY = 128 * 1024
"""Bytes of a request: a form's two long texts fit, in any script, with each byte written as `%XX`."""
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LIVE_POLICY = f"{POLICY}; script-src 'self'; connect-src 'self'"
"""Of the page of resources, which has no form and shows nothing that a person wrote."""
LIVE_PAGE = "/resources"
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers then hide the origin of a form too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
FIELD = "form_token"
"""The hidden field of every form."""


class TooMany(PortalError):
    """Somebody asks too often."""


class WrongForm(PortalError):
    """A form that this portal did not make for this person."""


class Guard:
    """An ASGI layer: every answer gets the headers, and no request is larger than LARGEST_BODY."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if scope["path"] == LIVE_PAGE:
                    headers["Content-Security-Policy"] = LIVE_POLICY
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        body = await _body(scope, receive)
        if body is None:
            answer = PlainTextResponse("This is more than any form here holds. Shorten it.\n", 413)
            await answer(scope, receive, guarded)
            return
        await self._app(scope, _replaying(body, receive), guarded)


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """Return a request's body, or None if it is too large, however long it claims to be."""
    read = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return read
        read += bytes(message.get("body", b""))
        if len(read) > LARGEST_BODY:
            return None
        if not message.get("more_body"):
            return read


def _replaying(body: bytes, receive: Receive) -> Receive:
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


@dataclass
class Rates:
    """How often somebody may do something; counted in this process, and forgotten with it."""

    apply: RateLimitItem = field(default_factory=lambda: RateLimitItemPerHour(20))
    hours: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(60))
    """Each adds up anew, from Galaxy's database."""
    confirm: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(30))
    join: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(10))
    sign_in: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(300))
    """By address, behind which a whole course may be; the provider counts its own."""
    join_address: RateLimitItem = field(default_factory=lambda: RateLimitItemPerMinute(300))
    _limiter: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    def count(self, what: str, who: str) -> None:
        """Count one more.

        Raises
        ------
        TooMany
            These are too many.
        """
        limit = getattr(self, what)
        if not self._limiter.hit(limit, what, who):
            # An attempt that is refused is not counted, so waiting helps.
            free_at = self._limiter.get_window_stats(limit, what, who).reset_time
            minutes = max(1, ceil((free_at - time.time()) / 60))
            raise TooMany(
                "Too many attempts within a short time.",
                f"Try again in {minutes} minute{'s' if minutes > 1 else ''}. The back button of your browser leads to "
                "what you wrote.",
            )


class Forms:
    """Makes the token of a form, and checks it when the form comes back."""

    def __init__(self, settings: PortalSettings) -> None:
        self._secret = own_secret(settings)
        self._secure = settings.secure
        parts = urlsplit(settings.url)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    @property
    def cookie(self) -> str:
        """The cookie's name: with `__Host-` no subdomain can set it."""
        return "__Host-nebulab-portal" if self._secure else "nebulab-portal"

    @property
    def secure(self) -> bool:
        """Whether the cookie is sent by HTTPS alone."""
        return self._secure

    def nonce(self, request: Request) -> str:
        """Return the browser's cookie, or the one to set."""
        known = request.cookies.get(self.cookie, "")
        return known if 20 <= len(known) <= 100 and known.isascii() else secrets.token_urlsafe(24)

    def token(self, nonce: str, login: str) -> str:
        """Return the token of forms for a browser's cookie and a login (its cookie, or nothing)."""
        told = f"{nonce}\n{hashlib.sha256(login.encode()).hexdigest()}".encode()
        return hmac.new(self._secret, told, hashlib.sha256).hexdigest()

    def check(self, request: Request, token: str, login: str) -> None:
        """Check a form that came back.

        Raises
        ------
        WrongForm
            It was made for another login, or by another site.
        """
        nonce = request.cookies.get(self.cookie, "")
        expected = self.token(nonce, login).encode()
        if not nonce or not hmac.compare_digest(expected, token.encode()) or not self._from_here(request):
            raise WrongForm(
                "This form does not belong to your login as it is now.",
                "You may have logged in or out since you opened it, or your browser refuses cookies. "
                "Go back, copy what you wrote, and open the page again.",
            )

    def _from_here(self, request: Request) -> bool:
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        return site in {None, "same-origin", "none"} and (site is not None or origin in {None, self._origin})
