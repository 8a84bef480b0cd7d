"""Who is logged in to Galaxy, by the session cookie of a browser; runs beside Galaxy."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass

import urllib3

from nebulab.errors import GalaxyAway
from nebulab.galaxy.patience import AWAY_STATUSES

COOKIE = "galaxysession"
"""The cookie's name in Galaxy: HttpOnly, of the host name, of every port of it."""
_REMEMBERED_SECONDS = 10.0
_MOST_REMEMBERED = 2_000
_TIMEOUT_SECONDS = 8.0
_LONGEST_COOKIE = 1_000


@dataclass(frozen=True)
class SignedIn:
    """Somebody who is logged in, as Galaxy tells it."""

    id: str
    email: str
    name: str
    is_admin: bool


class Visitors:
    """Asks Galaxy who somebody is; usable from several threads.

    An answer counts for 10 seconds, so that a page with its parts costs Galaxy one request: who logs out or loses the
    rights of an administrator is the former one for so long, unless `afresh` is asked for.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Not httpx: when a hundred people come at once this is a third of what their first pages take of a processor
        # (0.6 ms a request; urllib3 takes 0.2).
        self._http = urllib3.PoolManager(maxsize=20, block=True, timeout=_TIMEOUT_SECONDS, retries=False)
        self._known: dict[str, tuple[float, SignedIn | None]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()

    def forget(self) -> None:
        """Ask Galaxy anew for everybody."""
        with self._lock:
            self._known.clear()

    def who(self, cookie: str, *, afresh: bool = False) -> SignedIn | None:
        """Return who has this session, None where nobody is logged in with it.

        Raises
        ------
        GalaxyAway
            Galaxy does not answer.
        """
        if not cookie or len(cookie) > _LONGEST_COOKIE or not cookie.isascii() or not cookie.isalnum():
            return None
        key = hashlib.sha256(cookie.encode()).hexdigest()
        now = time.monotonic()
        with self._lock:
            asked, known = self._known.get(key, (-_REMEMBERED_SECONDS, None))
        if not afresh and now - asked < _REMEMBERED_SECONDS:
            return known
        found = self._ask(cookie)
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = (now, found)
        return found

    def _ask(self, cookie: str) -> SignedIn | None:
        try:
            answer = self._http.request(
                "GET",
                f"{self._url}/api/users/current",
                headers={"cookie": f"{COOKIE}={cookie}"},
                redirect=False,
                pool_timeout=_TIMEOUT_SECONDS,
            )
        except urllib3.exceptions.HTTPError as error:
            raise GalaxyAway(f"Galaxy at {self._url} does not answer: {str(error) or type(error).__name__}.") from error
        if answer.status in AWAY_STATUSES or answer.status >= 500:
            raise GalaxyAway(f"Galaxy at {self._url} answers {answer.status} {answer.reason}.")
        # 200 without an address: nobody is logged in; 400: no session of this Galaxy's.
        try:
            user = answer.json() if answer.status == 200 else {}
        except ValueError:
            raise GalaxyAway(f"Galaxy at {self._url} answers with something else than JSON.") from None
        if not isinstance(user, dict) or not user.get("email") or not user.get("id"):
            return None
        name = str(user.get("username") or user["email"])
        return SignedIn(str(user["id"]), str(user["email"]), name, user.get("is_admin") is True)
