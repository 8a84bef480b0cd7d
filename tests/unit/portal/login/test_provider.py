"""What a provider of logins may cost, and what `nebulab portal --check` tells of it."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nebulab.errors import SettingsError
from nebulab.portal.login.answers import AT_ONCE
from nebulab.portal.login.attempt import Attempt
from nebulab.portal.login.failing import LoginFailed, ProviderAway
from nebulab.portal.login.provider import Provider
from nebulab.portal.settings import PortalSettings
from nebulab.portal.terminal.access import begin_log
from support.fake_accounts import FakeAccounts
from support.identity import Claims, FakeProvider

Open = Callable[[], Any]


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"issuer": "https://evil.example.org"}, "calls itself 'https://evil.example.org'"),
        ({"token_endpoint": ""}, "lacks token_endpoint"),
        ({"token_endpoint": "http://idp.example.org/token"}, "token_endpoint is not HTTPS"),
        ({"jwks_uri": "http://127.0.0.1:9/keys"}, "does not answer as a provider"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"code_challenge_methods_supported": "S256"}, "code_challenge_methods_supported in its description is not"),
        ({"jwks_uri": ["a"]}, "jwks_uri in its description is not"),
        ({"token_endpoint_auth_methods_supported": [7]}, "token_endpoint_auth_methods_supported in its description"),
        ({"token_endpoint_auth_methods_supported": ["private_key_jwt"]}, "but private_key_jwt alone"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "signs ID tokens by HS256 alone"),
    ],
)
def test_a_provider_that_can_not_be_used_is_told_by_the_check(
    settings: PortalSettings, provider: FakeProvider, described: Claims, reason: str
) -> None:
    assert "with 1 key, back to https://gpu.example.org/sign-in/back" in Provider(settings).check()
    provider.described = described
    with pytest.raises(SettingsError, match=re.escape(reason)):
        Provider(settings).check()


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([], "names no key that the portal can use"),
        ([{"kty": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "n": 7, "e": []}], "names no key that the portal can use"),
        (["a"], "its keys are no list of JSON objects"),
        (None, "its keys are no list of JSON objects"),
    ],
)
def test_keys_that_can_not_be_used_are_told_by_the_check(
    settings: PortalSettings, provider: FakeProvider, keys: object, reason: str
) -> None:
    provider.answers["/keys"] = json.dumps({"keys": keys}).encode()
    with pytest.raises(SettingsError, match=re.escape(reason)):
        Provider(settings).check()


def test_what_is_null_is_absent(settings: PortalSettings, provider: FakeProvider) -> None:
    names = ("code_challenge_methods_supported", "id_token_signing_alg_values_supported",
             "token_endpoint_auth_methods_supported", "userinfo_endpoint")  # fmt: skip
    provider.described = dict.fromkeys(names)
    checked = Provider(settings)
    assert "with 1 key" in checked.check() and "/authorize?" in checked.address(Attempt("/"))


@pytest.mark.parametrize("body", [b"[" * 100_000, b"[]", b"7", b"\xff", b"", b"{}"])
def test_what_is_no_description_is_told(settings: PortalSettings, provider: FakeProvider, body: bytes) -> None:
    provider.answers["/.well-known/openid-configuration"] = body
    asked = Provider(settings)
    with pytest.raises(SettingsError, match="does not answer as a provider"):
        asked.check()
    with pytest.raises(ProviderAway):
        asked.address(Attempt("/"))


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"[]", b'{"id_token": {}}', b'{"id_token": "a.b.c", "expires_in": []}']
)
def test_what_are_no_tokens_logs_nobody_in(settings: PortalSettings, provider: FakeProvider, body: bytes) -> None:
    provider.answers["/token"] = body
    with pytest.raises(LoginFailed):
        Provider(settings).answered(Attempt("/"), {"code": "x"})


def test_an_answer_in_drops_holds_nobody_for_long(
    settings: PortalSettings, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte after the other: each comes in time, and the whole never does."""
    monkeypatch.setattr("nebulab.portal.login.answers.SECONDS", 0.5)
    provider.drops = 0.1
    began = time.monotonic()
    with pytest.raises(SettingsError, match=r"has not answered within 0\.5 s"):
        Provider(settings).check()
    assert time.monotonic() - began < 5


def test_an_answer_that_is_too_large_is_not_read(settings: PortalSettings, provider: FakeProvider) -> None:
    provider.answers["/keys"] = b" " * (2 << 20)
    with pytest.raises(SettingsError, match="more than 1048576 bytes"):
        Provider(settings).check()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_few_talk_to_the_provider_at_once(person: Open, provider: FakeProvider, galaxy: FakeAccounts) -> None:
    """A slow provider holds some threads of the portal's pages, and not all of them."""
    galaxy.account("ada", "ada@uni-freiburg.de")
    browsers = [person() for _ in range(AT_ONCE + 2)]
    back = [each.provider.log_in(each.led_away()) for each in browsers]
    provider.hold.clear()
    with ThreadPoolExecutor(len(browsers)) as threads:
        held = [threads.submit(browsers[each].come_back, back[each]) for each in range(AT_ONCE)]
        end = time.monotonic() + 20
        while provider.requests.count("/token") < AT_ONCE and time.monotonic() < end:
            time.sleep(0.01)
        more = browsers[-1].come_back(back[-1])
        begun = browsers[-2].client.get("/sign-in").status_code
        provider.hold.set()
        assert (more.status_code, more.headers["retry-after"]) == (503, "5") and "Many people log in" in more.text
        assert begun == 303, "who is only led there has nothing to ask"
        assert provider.requests.count("/token") == AT_ONCE
        assert [each.result().status_code for each in held] == [303] * AT_ONCE
    assert browsers[-1].come_back(back[-1]).status_code == 303, "nothing is lost"


def test_requests_to_the_provider_are_not_logged(
    settings: PortalSettings, provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpx2")}
    try:
        begin_log()
        Provider(settings).check()
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
    assert provider.requests and not caplog.messages
