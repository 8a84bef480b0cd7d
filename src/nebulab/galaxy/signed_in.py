"""Who is logged in to Galaxy, by the session cookie of a browser, and whose an account is; runs beside Galaxy."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3

from nebulab.errors import GalaxyAway
from nebulab.galaxy.patience import AWAY_STATUSES

COOKIE = "galaxysession"
"""The cookie's name in Galaxy: HttpOnly, of the host name, of every port of it."""
_REMEMBERED_SECONDS = 10.0
_MOST_REMEMBERED = 2_000
_TIMEOUT_SECONDS = 8.0
_LONGEST = 1_000


@dataclass(frozen=True)
class SignedIn:
    """Somebody who is logged in, as Galaxy tells it."""

    id: str
    email: str
    name: str
    is_admin: bool


class _Asked:
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

    def who(self, told: str, *, afresh: bool = False) -> SignedIn | None:
        """Return whose this is (a session's cookie, or an account's id), None where it is nobody's.

        Raises
        ------
        GalaxyAway
            Galaxy does not answer.
        """
        if not told or len(told) > _LONGEST or not told.isascii() or not told.isalnum():
            return None
        key = hashlib.sha256(told.encode()).hexdigest()
        now = time.monotonic()
        with self._lock:
            asked, known = self._known.get(key, (-_REMEMBERED_SECONDS, None))
        if not afresh and now - asked < _REMEMBERED_SECONDS:
            return known
        found = self._ask(told)
        with self._lock:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key] = (now, found)
        return found

    def _ask(self, told: str) -> SignedIn | None:
        raise NotImplementedError

    def _get(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Return the status and, where that is 200, what Galaxy answers with; it raises as `who`."""
        try:
            answer = self._http.request(
                "GET", f"{self._url}/api/{path}", headers=headers, redirect=False, pool_timeout=_TIMEOUT_SECONDS
            )
        except urllib3.exceptions.HTTPError as error:
            raise GalaxyAway(f"Galaxy at {self._url} does not answer: {str(error) or type(error).__name__}.") from error
        if answer.status in AWAY_STATUSES or answer.status >= 500:
            raise GalaxyAway(f"Galaxy at {self._url} answers {answer.status} {answer.reason}.")
        try:
            return answer.status, answer.json() if answer.status == 200 else None
        except ValueError:
            raise GalaxyAway(f"Galaxy at {self._url} answers with something else than JSON.") from None


class Visitors(_Asked):
    """Who has a session of Galaxy's, by its cookie."""

    cookie = COOKIE

    def _ask(self, told: str) -> SignedIn | None:
        # 200 without an address: nobody is logged in; 400: no session of this Galaxy's.
        return _signed_in(self._get("users/current", {"cookie": f"{COOKIE}={told}"})[1])


class Accounts(_Asked):
    """Whose an account is, by its id or its e-mail address: asked with an administrator's key."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url)
        self._headers = {"x-api-key": key}

    def _ask(self, told: str) -> SignedIn | None:
        # 400: there is no such account, or it is deleted.
        user = self._administer(f"users/{told}")
        person = _signed_in(user)
        return None if person is None or not self._is_active(user) else person

    def _is_active(self, user: Any) -> bool:
        if "active" not in user:
            # Galaxy 26.1 tells it in its list alone.
            listed = self._administer(f"users?f_email={quote(str(user['email']), safe='')}") or []
            user = next((each for each in listed if isinstance(each, dict) and each.get("id") == user["id"]), user)
        return user.get("active") is not False

    def with_address(self, email: str) -> list[tuple[SignedIn, bool]]:
        """Return the accounts with this address, whatever the case of its letters, and whether each is activated.

        Raises
        ------
        GalaxyAway
            Galaxy does not answer, or not to this key.
        """
        found: dict[str, tuple[SignedIn, bool]] = {}
        # On PostgreSQL Galaxy's filter heeds the case of letters; `%` and `_` in it stand for any.
        for each in dict.fromkeys((email, email.lower() if email.isascii() else email)):
            for user in self._administer(f"users?f_email={quote(each, safe='')}") or []:
                person = _signed_in(user)
                if person is not None and same_address(person.email, email):
                    found[person.id] = (person, user.get("active") is not False)
        return list(found.values())

    def _administer(self, path: str) -> Any:
        status, answer = self._get(path, self._headers)
        if status in {401, 403}:
            raise GalaxyAway(f"Galaxy at {self._url} does not take the key for an administrator's ({status}).")
        return answer


def same_address(one: str, other: str) -> bool:
    """Whether two e-mail addresses are the same but for the case of ASCII's letters.

    Of ASCII's alone: other letters have signs that become one of ASCII's (the sign for Kelvin is a `k` in lower case),
    and with them an address could be made that passes for somebody else's.
    """
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())


def _signed_in(user: Any) -> SignedIn | None:
    if not isinstance(user, dict) or not user.get("email") or not user.get("id") or user.get("deleted") is True:
        return None
    name = str(user.get("username") or user["email"])
    return SignedIn(str(user["id"]), str(user["email"]), name, user.get("is_admin") is True)
