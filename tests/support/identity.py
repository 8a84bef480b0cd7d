"""A small provider of OpenID Connect on loopback, which answers rightly, or as hostilely as a test tells it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "gpu-portal", "s3cret/of+the:client"
Claims = dict[str, Any]
_ENDPOINTS = frozenset({"/.well-known/openid-configuration", "/keys", "/me", "/token"})


def encoded(part: Any) -> str:
    """Return a part of a token."""
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _rsa(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


_KEYS = (_rsa("one"), _rsa("two"), _rsa("strange"))
"""Made once: each takes a while."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that do not wait for the end are what some tests are about."""


class FakeProvider:
    """`user` is who logs in next; `claims` changes an ID token's, `sign` makes it, `described` the description.

    `userinfo` are claims that are told there and not in the ID token; `refuse` is the error with which the token
    endpoint answers, `status` that of every answer while there is one. `answers` are sent in place of an endpoint's
    own, by its path; each byte comes after `drops` seconds, tokens not before `hold` is set. `requests` are those to
    its own endpoints: a page that a browser has open for another test may ask at a port that was that one's before.
    """

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.fake = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.reset()

    def reset(self) -> None:
        self.user: Claims = {"sub": "248289761001", "email": "ada@uni-freiburg.de", "email_verified": True}
        self.claims: Callable[[Claims], Claims] = lambda claims: claims
        self.sign: Callable[[Claims], str] = self.signed
        self.described: Claims = {}
        self.userinfo: Claims = {}
        self.refuse = ""
        self.status = 0
        self.key: RSAKey | ECKey = _KEYS[0]
        self.answers: dict[str, bytes] = {}
        self.drops = 0.0
        self.hold = threading.Event()
        self.hold.set()
        self.requests: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def note(self, path: str) -> None:
        if path in _ENDPOINTS:
            self.requests.append(path)

    def rotate(self) -> None:
        """Sign by another key from now on, and name no other."""
        self.key = _KEYS[1]

    def signed(self, claims: Claims, key: RSAKey | ECKey | None = None, alg: str = "") -> str:
        key = key or self.key
        return jwt.encode({"alg": alg or str(key.alg), "kid": key.kid}, claims, key, algorithms=["RS256", "ES256"])

    def signed_by_a_stranger(self, claims: Claims) -> str:
        """Sign with another key, as the one that is named."""
        stranger = RSAKey.import_key({**_KEYS[2].as_dict(private=True), "kid": str(self.key.kid)})
        return self.signed(claims, stranger)

    def unsigned(self, claims: Claims) -> str:
        return f"{encoded({'alg': 'none'})}.{encoded(claims)}."

    def signed_with_the_public_key(self, claims: Claims) -> str:
        """Sign by HS256, with what everybody knows as its secret."""
        told = f"{encoded({'alg': 'HS256', 'kid': self.key.kid})}.{encoded(claims)}"
        public = self.key.as_pem(private=False)
        return f"{told}.{encoded(hmac.digest(public, told.encode(), 'sha256'))}"

    def log_in(self, address: str) -> str:
        """Let the user in who was led to this address, and return the one to which the browser is led back."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT and "openid" in asked["scope"]
        assert asked["code_challenge_method"] == "S256" and len(asked["nonce"]) > 20 and len(asked["state"]) > 20
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.issuer}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def tokens(self, sent: dict[str, str], authorization: str) -> tuple[int, Claims]:
        asked = self._codes.pop(sent.get("code", ""), None)
        who = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if self.refuse:
            return 400, {"error": self.refuse, "error_description": "<b>no</b>"}
        if who.split(":")[0] != CLIENT:
            return 401, {"error": "invalid_client"}
        challenge = encoded(hashlib.sha256(sent.get("code_verifier", "").encode()).digest())
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != sent["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.user,
        }
        token = self.sign(
            self.claims({name: value for name, value in claims.items() if name not in self.userinfo or name == "sub"})
        )
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 300, "id_token": token}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        pass

    @property
    def fake(self) -> FakeProvider:
        fake = self.server.fake  # type: ignore[attr-defined]
        assert isinstance(fake, FakeProvider)
        return fake

    def answer(self, status: int, body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = self.fake.answers.get(self.path, data)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        step = 1 if self.fake.drops else len(data) or 1
        for start in range(0, len(data), step):
            time.sleep(self.fake.drops)
            self.wfile.write(data[start : start + step])

    def do_GET(self) -> None:
        fake = self.fake
        fake.note(self.path)
        if fake.status:
            self.answer(fake.status, b"<h1>down</h1>")
        elif self.path == "/.well-known/openid-configuration":
            described = {
                "issuer": fake.issuer,
                "authorization_endpoint": f"{fake.issuer}/authorize",
                "token_endpoint": f"{fake.issuer}/token",
                "userinfo_endpoint": f"{fake.issuer}/me",
                "end_session_endpoint": f"{fake.issuer}/leave",
                "jwks_uri": f"{fake.issuer}/keys",
                # A provider that would be believed.
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256", "ES256"],
            }
            self.answer(200, {name: value for name, value in (described | fake.described).items() if value != ""})
        elif self.path == "/keys":
            odd = {"kty": "EC", "crv": "P-nobody-knows", "kid": "odd", "x": "AA", "y": "AA"}
            self.answer(200, {"keys": [odd, fake.key.as_dict(private=False)]})
        elif self.path == "/me" and self.headers.get("authorization") == "Bearer a":
            self.answer(200, {"sub": fake.user["sub"], **fake.userinfo})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        self.fake.note(self.path)
        if self.fake.status:
            self.answer(self.fake.status, b"<h1>down</h1>")
            return
        self.fake.hold.wait(30)
        fields = {name: values[0] for name, values in parse_qs(sent).items()}
        self.answer(*self.fake.tokens(fields, self.headers.get("authorization", "")))
