"""Why a login by the provider failed, and what to do; runs beside Galaxy."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from joserfc.errors import (
    ClaimError,
    ExpiredTokenError,
    InvalidKeyIdError,
    JoseError,
    MissingKeyError,
)

from nebulab.errors import PortalError

_log = logging.getLogger(__name__)
AGAIN = "Log in again."
_ADMINISTRATORS = "Logging in again won't help. Tell the administrators; the portal's log has the details."
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What is raised for an answer that is no JSON, too deep, not of the kind that it should be, or no token."""
_CLOCKS = frozenset({"exp", "iat", "nbf"})
_OF_THE_CLIENT = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})
_CLAIMS = {
    "iss": "was issued by another provider",
    "aud": "was issued for another application than this portal",
    "azp": "was issued for another application than this portal",
    "nonce": "belongs to another attempt to log in",
}


class LoginFailed(PortalError):
    """Somebody could not be logged in."""


class NoAccount(LoginFailed):
    """The provider knows the person, and Galaxy has no account that is certainly theirs."""


class ProviderAway(LoginFailed):
    """The provider does not answer, or not as one does."""


class LoginLost(LoginFailed):
    """The provider has let the person in, and Galaxy does not answer whose account that is."""


class ManyAtOnce(ProviderAway):
    """Others talk to the provider now, as many as may at once."""


def away(name: str, reason: str) -> ProviderAway:
    """Return the error for a provider that does not answer as it should."""
    _log.warning("the provider of logins: %s", reason)
    return ProviderAway(
        f"{name} can't log you in at the moment.",
        "Its server does not answer as it should. Nothing is lost here; try again in a minute.",
    )


@contextmanager
def told(name: str) -> Iterator[None]:
    """Raise what goes wrong between portal and provider as an error that says what to do.

    Raises
    ------
    LoginFailed
        Something did.
    """
    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise away(name, f"{type(error).__name__}: {error}") from error
    except AuthlibBaseError as error:
        raise _refused(name, error) from error
    except JoseError as error:
        raise _token(name, error) from error
    except UNREADABLE as error:
        raise away(name, f"its answer can't be read: {type(error).__name__}: {error}") from error


def _refused(name: str, error: Any) -> LoginFailed:
    code = str(error.error or "")
    _log.warning("the provider of logins refused: %s (%s)", code, error.description)
    if code in _OF_THE_CLIENT:
        return LoginFailed(f"{name} does not take this portal for the one that it knows.", _ADMINISTRATORS)
    if code == "invalid_grant":
        return LoginFailed(f"{name} says that this login was used already, or is too old.", AGAIN)
    return LoginFailed(f"{name} has not let you in here.", AGAIN)


def _token(name: str, error: JoseError) -> LoginFailed:
    _log.warning("the provider's ID token is not taken: %s", error)
    claim = str(getattr(error, "claim", ""))
    if isinstance(error, ExpiredTokenError) or claim in _CLOCKS:
        return LoginFailed(
            f"What {name} says of you is not valid at this time.",
            "The clock of its server and this one's differ by more than a minute. Log in again; if that does not help, "
            "tell the administrators.",
        )
    if isinstance(error, ClaimError):
        reason = _CLAIMS.get(claim, f"lacks what it needs ({claim})")
        return LoginFailed(f"What {name} says of you is not taken: it {reason}.", AGAIN)
    if isinstance(error, InvalidKeyIdError | MissingKeyError):
        return LoginFailed(f"What {name} says of you is signed by a key that it does not name.", AGAIN)
    return LoginFailed(f"What {name} says of you is not signed as it must be.", _ADMINISTRATORS)
