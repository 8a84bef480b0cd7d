"""The provider of logins: where it lets people in, and what it says of them; runs beside Galaxy.

OpenID Connect Core 1.0 with the code flow, PKCE (RFC 7636) and the issuer in the answer (RFC 9207). Authlib speaks to
the provider, joserfc checks signatures. Authlib's integration of Starlette is not used: it is asynchronous, as none of
the portal's pages is, takes the algorithms of signatures from the provider, and an ID token for any other application
that names this one as `azp`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError, MissingKeyError
from joserfc.jwk import KeySet, import_key
from joserfc.jws import JWSRegistry

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.portal.login.answers import Bounded, Turns
from nebulab.portal.login.attempt import Attempt
from nebulab.portal.login.failing import AGAIN, UNREADABLE, LoginFailed, away, told
from nebulab.portal.settings import PortalSettings, is_safe

_log = logging.getLogger(__name__)
BACK = "/sign-in/back"
"""The page to which the provider leads back."""
LEEWAY_SECONDS = 60
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Of signatures with a private key alone: whoever knows a public key, which everybody may, can make no other."""
_PUBLIC_KEYS = frozenset({"RSA", "EC", "OKP"})
_SCOPE = "openid email"
_REMEMBERED_SECONDS = 3600.0
_FAILURE_SECONDS = 5.0
"""How long nobody asks again for a description that did not come."""
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_USED = (*_NEEDED, "userinfo_endpoint", "end_session_endpoint")
_PKCE, _SIGNED, _METHODS = (
    "code_challenge_methods_supported",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
)
_LISTS = (_PKCE, _SIGNED, _METHODS)
_BY_SECRET = ("client_secret_basic", "client_secret_post")
_LONGEST_ADDRESS = 2_000
"""Of what a logout leads to: it goes in a header, of which web servers take 4 kB together with all others."""


@dataclass(frozen=True)
class Told:
    """What the provider says of somebody; `verified`: that the e-mail address is theirs."""

    subject: str
    email: str
    verified: bool
    id_token: str = field(repr=False)


class Provider:
    """The provider that the settings name; usable from several threads. Its own description is asked for when needed.

    Raises
    ------
    SettingsError
        The settings don't go together, or the secret can't be read.
    """

    def __init__(self, settings: PortalSettings) -> None:
        if not settings.oidc_client:
            raise SettingsError(
                f"{contract.PORTAL_OIDC} names a provider of logins, and {contract.PORTAL_OIDC_CLIENT} is missing.",
                f"Register the portal there, with the address {settings.url}{BACK}, and give the id that you get.",
            )
        if not is_safe(settings.url):
            raise SettingsError(
                f"{contract.PORTAL_URL} is {settings.url}: with a login of its own the portal needs HTTPS.",
                "Put it behind a web server that speaks HTTPS, and give its address as https://….",
            )
        self.name = settings.provider
        self.issuer = settings.oidc
        self._client = settings.oidc_client
        self._secret = settings.oidc_secret
        self._home = settings.url
        self._lock = threading.Lock()
        self._turns = Turns(self.name)
        self._asking = threading.Lock()
        self._failed_at = -_FAILURE_SECONDS
        self._failure = ""
        self._described: dict[str, Any] = {}
        self._described_at = -_REMEMBERED_SECONDS
        self._keys: KeySet | None = None

    def address(self, attempt: Attempt) -> str:
        """Return where a browser is to go, for an attempt.

        Raises
        ------
        LoginFailed
            The provider does not answer.
        """
        with told(self.name), self._turn_to_describe(), self._talking() as talking:
            endpoint = self._description()["authorization_endpoint"]
            made = talking.create_authorization_url(
                endpoint, state=attempt.state, code_verifier=attempt.verifier, nonce=attempt.nonce
            )
            return str(made[0])

    def answered(self, attempt: Attempt, answer: Mapping[str, str]) -> Told:
        """Return what the provider says of somebody who comes back with this answer.

        Raises
        ------
        LoginFailed
            It says nothing, or nothing that can be believed.
        """
        with told(self.name), self._turns.one():
            described = self._description()
            issuer = answer.get("iss", "")
            wanted = described.get("authorization_response_iss_parameter_supported") is True
            if (issuer or wanted) and issuer != described["issuer"]:
                raise LoginFailed("This is the answer of another provider than the one that you were led to.", AGAIN)
            if answer.get("error"):
                raise self._refusal(answer)
            if not answer.get("code"):
                raise LoginFailed(f"{self.name} has led you back with nothing.", AGAIN)
            with self._talking() as talking:
                tokens = talking.fetch_token(
                    described["token_endpoint"],
                    grant_type="authorization_code",
                    code=answer["code"],
                    code_verifier=attempt.verifier,
                    redirect_uri=f"{self._home}{BACK}",
                )
                claims = self._checked(tokens, attempt.nonce)
                email = claims if "email" in claims else self._userinfo(talking, claims)
        return Told(
            str(claims["sub"]),
            str(email.get("email") or "").strip(),
            # Nothing else than this says it: neither a text nor a number.
            email.get("email_verified") is True,
            str(tokens["id_token"]),
        )

    def ending(self, id_token: str) -> str:
        """Return where a browser is to go, to be logged out there too; nothing where the provider has no such place."""
        try:
            with told(self.name), self._turn_to_describe():
                endpoint = str(self._description().get("end_session_endpoint") or "")
        except LoginFailed:
            return ""
        if not endpoint:
            return ""
        start = f"{endpoint}{'&' if '?' in endpoint else '?'}"
        # By RP-Initiated Logout 1.0 the id of the client does as well; the provider may then ask the person.
        query = {"client_id": self._client, "post_logout_redirect_uri": f"{self._home}/"}
        address = f"{start}{urlencode({'id_token_hint': id_token} | query)}"
        return address if len(address) < _LONGEST_ADDRESS else f"{start}{urlencode(query)}"

    def check(self) -> str:
        """Return what there is to say of the provider: it is asked for its description and its keys.

        Raises
        ------
        SettingsError
            It does not answer, or can't do what the portal needs.
        """
        try:
            described = self._description()
            keys = len(self._public_keys(afresh=True).keys)
        except (LoginFailed, httpx2.HTTPError, httpx2.InvalidURL, JoseError, *UNREADABLE) as error:
            cause = (error.__cause__ if isinstance(error, LoginFailed) else None) or error
            reason = str(cause) or type(cause).__name__
            raise SettingsError(f"{self.issuer} does not answer as a provider of OpenID Connect: {reason}.") from error
        if fault := self._lacking(described, keys):
            raise SettingsError(f"{self.issuer} {fault}")
        ends = "" if described.get("end_session_endpoint") else "; a logout here does not log out there"
        return f"{described['issuer']}, with {keys} key{'s' if keys != 1 else ''}, back to {self._home}{BACK}{ends}"

    def _lacking(self, described: Mapping[str, Any], keys: int) -> str:
        """Return why nobody could be logged in by a provider that answers, or nothing."""
        if "S256" not in described.get(_PKCE, ["S256"]):
            return "does not know PKCE with S256, without which the portal logs nobody in."
        if not keys:
            return f"names no key that the portal can use: one for signatures by {', '.join(ALGORITHMS)}."
        signed = described.get(_SIGNED, ALGORITHMS)
        if not set(ALGORITHMS).intersection(signed):
            return f"signs ID tokens by {', '.join(signed)} alone, and the portal takes {', '.join(ALGORITHMS)}."
        methods = described.get(_METHODS, _BY_SECRET)
        if self._secret and not set(_BY_SECRET).intersection(methods):
            return f"takes no secret of a client ({' or '.join(_BY_SECRET)}), but {', '.join(methods)} alone."
        return ""

    def _refusal(self, answer: Mapping[str, str]) -> LoginFailed:
        code = answer["error"]
        # What stands in an address may come from anybody: it is shown to nobody.
        _log.warning("the provider of logins led back with the error %.100r", code)
        if code == "access_denied":
            return LoginFailed(
                f"{self.name} was not allowed to tell this portal who you are.",
                "You, or its administrators, refused it. Without it nobody can be logged in here. "
                "Log in again to allow it.",
            )
        if code in {"temporarily_unavailable", "server_error"}:
            return away(self.name, code)
        return LoginFailed(f"{self.name} has not let you in here.", AGAIN)

    def _talking(self) -> OAuth2Client:
        methods = self._description().get(_METHODS, _BY_SECRET)
        basic, post = _BY_SECRET
        method = basic if basic in methods else post
        return OAuth2Client(
            client_id=self._client,
            client_secret=self._secret or None,
            token_endpoint_auth_method=method if self._secret else "none",
            scope=_SCOPE,
            redirect_uri=f"{self._home}{BACK}",
            code_challenge_method="S256",
            transport=Bounded(),
            follow_redirects=False,
        )

    def _checked(self, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """Return the claims of an ID token whose signature, issuer, audience, time and nonce are right."""
        token = str(tokens["id_token"])
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            found = jwt.decode(token, self._public_keys(), registry=registry)
        except (InvalidKeyIdError, MissingKeyError, BadSignatureError):
            # The provider may have changed its keys since.
            found = jwt.decode(token, self._public_keys(afresh=True), registry=registry)
        claims = CodeIDToken(
            found.claims,
            found.header,
            {
                "iss": {"essential": True, "value": self._description()["issuer"]},
                "aud": {"essential": True, "value": self._client},
                "sub": {"essential": True},
            },
            {"nonce": nonce, "client_id": self._client, "access_token": tokens.get("access_token")},
        )
        claims.validate(leeway=LEEWAY_SECONDS)
        return dict(claims)

    def _userinfo(self, talking: OAuth2Client, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the claims that are not in the ID token, as many providers have it."""
        endpoint = self._description().get("userinfo_endpoint")
        if not endpoint:
            return {}
        answer = talking.get(endpoint)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict) or found.get("sub") != claims["sub"]:
            raise ValueError("it tells of somebody else than the one who logs in")
        return found

    def _public_keys(self, *, afresh: bool = False) -> KeySet:
        with self._lock:
            keys = None if afresh else self._keys
        if keys is None:
            answer = self._get(str(self._description()["jwks_uri"]))
            keys = KeySet(list(_usable(answer["keys"])))
            with self._lock:
                self._keys = keys
        return keys

    def _known(self) -> dict[str, Any]:
        """Return the description of the last hour, nothing where there is none."""
        with self._lock:
            is_fresh = time.monotonic() - self._described_at < _REMEMBERED_SECONDS
            return self._described if is_fresh else {}

    def _turn_to_describe(self) -> AbstractContextManager[None]:
        """Return a turn where the provider has to be asked for its description, else nothing to wait for."""
        return nullcontext() if self._known() else self._turns.one()

    def _description(self) -> Mapping[str, Any]:
        """Return the provider's discovery document: that of the last hour, or an older one while it does not answer."""
        if known := self._known():
            return known
        # One asks, the others of the few that may wait for the same answer.
        with self._asking:
            if known := self._known():
                return known
            if time.monotonic() - self._failed_at < _FAILURE_SECONDS:
                raise away(self.name, f"some seconds ago: {self._failure}")
            return self._described_anew()

    def _described_anew(self) -> Mapping[str, Any]:
        keys: KeySet | None = None
        try:
            described = self._asked()
        except (httpx2.HTTPError, httpx2.InvalidURL, *UNREADABLE) as error:
            if not self._described:
                self._failed_at, self._failure = time.monotonic(), f"{type(error).__name__}: {error}"
                raise
            described, keys = self._described, self._keys
        with self._lock:
            self._described, self._described_at, self._keys = described, time.monotonic(), keys
        return described

    def _asked(self) -> dict[str, Any]:
        answer = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        described = {name: value for name, value in answer.items() if value is not None}
        if str(described.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
            raise ValueError(f"it calls itself {described.get('issuer')!r}, and {self.issuer!r} was asked")
        missing = [name for name in _NEEDED if not described.get(name)]
        odd = [name for name in _USED if not isinstance(described.get(name, ""), str)]
        odd += [name for name in _LISTS if not _is_list_of_texts(described.get(name, []))]
        if odd:
            raise ValueError(f"{', '.join(odd)} in its description is not of the kind that it should be")
        if missing:
            raise ValueError(f"its description lacks {', '.join(missing)}")
        unsafe = [name for name in _USED if described.get(name) and not is_safe(str(described[name]))]
        if unsafe:
            raise ValueError(f"its {', '.join(unsafe)} is not HTTPS")
        return described

    def _get(self, url: str) -> dict[str, Any]:
        with httpx2.Client(transport=Bounded(), follow_redirects=False) as client:
            answer = client.get(url)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise TypeError("its answer is no JSON object")
        return found


def _usable(keys: Any) -> Iterator[Any]:
    """Yield the public keys that can be read: one of a new kind is no reason to take none."""
    if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys):
        raise TypeError("its keys are no list of JSON objects")
    for each in keys:
        is_ours = each.get("kty") in _PUBLIC_KEYS and each.get("alg", ALGORITHMS[0]) in ALGORITHMS
        if is_ours and each.get("use") != "enc":
            with suppress(JoseError, *UNREADABLE):
                yield import_key(each)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
