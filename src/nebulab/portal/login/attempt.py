"""An attempt to log in, between the portal's page and the way back from the provider; runs beside Galaxy.

It lies in the browser, in a cookie that the portal alone can read and make: who comes back without it, or with
another's answer, has not begun here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey

from nebulab.portal.login.failing import AGAIN, UNREADABLE, LoginFailed

SECONDS = 600
"""How long an attempt may take, with a password and a second factor."""
_LONGEST_PAGE = 1_000
# A page of ours: what browsers take for the beginning of another host's address, `//` and `/\`, is none.
_PAGE = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_HEAD = {"alg": "dir", "enc": "A256GCM"}
_REGISTRY = JWERegistry(algorithms=list(_HEAD.values()))
_ENOUGH = 32


def page_of_ours(page: str) -> str:
    """Return `page` where it is a path of this portal, else the first page's."""
    return page if len(page) <= _LONGEST_PAGE and _PAGE.fullmatch(page) else "/"


@dataclass(frozen=True)
class Attempt:
    """What an answer of the provider has to fit: its `state`, its `nonce`, and the PKCE verifier of its code."""

    page: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(_ENOUGH))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(_ENOUGH))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(_ENOUGH), repr=False)


class Attempts:
    """Seals attempts into a cookie's value, and opens them again, with the portal's own secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = OctKey.import_key(hmac.digest(secret, b"an attempt to log in", hashlib.sha256))

    def sealed(self, attempt: Attempt) -> str:
        """Return the cookie's value."""
        claims = {
            "page": attempt.page,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "exp": int(time.time()) + SECONDS,
        }
        return jwt.encode(_HEAD, claims, self._key, registry=_REGISTRY)

    def opened(self, sealed: str, state: str) -> Attempt:
        """Return the attempt that the provider's answer with this `state` belongs to.

        Raises
        ------
        LoginFailed
            There is none: this browser began none, another one since, or too long ago.
        """
        try:
            claims = jwt.decode(sealed, self._key, registry=_REGISTRY).claims
        except (JoseError, *UNREADABLE):
            claims = {}
        if claims.get("exp", 0) < time.time():
            raise LoginFailed(
                "This login is over, or was not begun in this browser.",
                f"One login may take ten minutes, and counts once. {AGAIN}",
            )
        if not state or not hmac.compare_digest(str(claims["state"]).encode(), state.encode()):
            raise LoginFailed("This is the answer to another login than the one that was begun here last.", AGAIN)
        return Attempt(claims["page"], claims["state"], claims["nonce"], claims["verifier"])
