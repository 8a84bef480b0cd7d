"""Who is logged in by the provider, and whose account in Galaxy that is; runs beside Galaxy."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete

from nebulab.galaxy.signed_in import Accounts, SignedIn
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Login
from nebulab.portal.login.attempt import Attempts
from nebulab.portal.login.failing import NoAccount
from nebulab.portal.login.provider import Provider, Told
from nebulab.portal.settings import PortalSettings, own_secret

_ENOUGH = 32
_LONGEST_COOKIE = 100
_LONGEST_ADDRESS = 254


class Logins:
    """The logins by the provider; usable from several threads."""

    def __init__(self, settings: PortalSettings, database: Database) -> None:
        self.provider = Provider(settings)
        self.attempts = Attempts(own_secret(settings))
        self._database = database
        self._accounts = Accounts(settings.galaxy, settings.key)
        self._lasts = timedelta(hours=settings.oidc_hours)
        self._galaxy = settings.galaxy_page
        # With `__Host-` neither a page of a subdomain nor one without HTTPS can set it.
        prefix = "__Host-" if settings.secure else ""
        self.cookie = f"{prefix}nebulab-login"
        self.attempts_cookie = f"{prefix}nebulab-sign-in"

    def close(self) -> None:
        """Close the connections."""
        self._accounts.close()

    def who(self, cookie: str, *, afresh: bool = False) -> SignedIn | None:
        """Return who has this login, None where nobody has it: the account as Galaxy has it now.

        Raises
        ------
        GalaxyAway
            Galaxy does not answer.
        """
        if not cookie or len(cookie) > _LONGEST_COOKIE:
            return None
        with self._database.reading() as session:
            login = session.get(Login, _hash(cookie))
        if login is None or login.ends <= clock.now():
            return None
        return self._accounts.who(login.person_id, afresh=afresh)

    def account(self, told: Told) -> SignedIn:
        """Return the account in Galaxy of somebody whom the provider has let in.

        Raises
        ------
        NoAccount
            None is certainly theirs; the message says what to do.
        GalaxyAway
            Galaxy does not answer.
        """
        provider = self.provider.name
        if not told.email or len(told.email) > _LONGEST_ADDRESS:
            raise NoAccount(
                f"{provider} does not say what your e-mail address is.",
                "By it your account in Galaxy is found. Allow it to be told, or ask your institution to tell it.",
            )
        if not told.verified:
            raise NoAccount(
                f"{provider} does not say that the address {told.email} is yours.",
                "Anybody could have written it there, so it opens nothing here. Confirm the address there, then log "
                "in again; if nothing asks you to, tell the administrators.",
            )
        found = self._accounts.with_address(told.email)
        exact = [each for each in found if each[0].email == told.email]
        if len(exact) != 1 and len(found) > 1:
            raise NoAccount(
                f"Galaxy has several accounts with the address {told.email}, in other letters' case.",
                "Tell the administrators: only they can say which is yours.",
            )
        if not found:
            raise NoAccount(
                f"Galaxy has no account with the address {told.email}.",
                f"Log in to Galaxy once, at {self._galaxy}, so that it has one; then log in here again. "
                "If you have one with another address, change that in Galaxy's preferences.",
            )
        person, is_active = (exact or found)[0]
        if not is_active:
            raise NoAccount(
                f"Galaxy's account with the address {told.email} is not activated.",
                "Open the link in the mail that Galaxy sent you, then log in here again.",
            )
        return person

    def begin(self, person: SignedIn, told: Told, former: str) -> str:
        """Log somebody in, and return the new cookie; the former one of the same browser ends."""
        cookie = secrets.token_urlsafe(_ENOUGH)
        now = clock.now()
        with self._database.writing() as session:
            session.execute(delete(Login).where(Login.ends <= now))
            session.execute(delete(Login).where(Login.token_hash == _hash(former)))
            session.add(
                Login(
                    token_hash=_hash(cookie),
                    person_id=person.id,
                    began=now,
                    ends=now + self._lasts,
                    id_token=told.id_token,
                )
            )
        return cookie

    def end(self, cookie: str) -> str | None:
        """Log somebody out; return where they are to go to be logged out at the provider too, None if nobody was in."""
        with self._database.writing() as session:
            login = session.get(Login, _hash(cookie))
            if login is None:
                return None
            id_token = login.id_token
            session.delete(login)
        return self.provider.ending(id_token)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
