"""What `nebulab portal --check` tells of a provider of logins."""

from __future__ import annotations

import re

import pytest

from nebulab.errors import SettingsError
from nebulab.portal.login.provider import Provider
from nebulab.portal.settings import PortalSettings
from support.identity import Claims, FakeProvider


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"issuer": "https://evil.example.org"}, "calls itself 'https://evil.example.org'"),
        ({"token_endpoint": ""}, "lacks token_endpoint"),
        ({"token_endpoint": "http://idp.example.org/token"}, "token_endpoint is not HTTPS"),
        ({"jwks_uri": "http://127.0.0.1:9/keys"}, "does not answer as a provider"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
    ],
)
def test_a_provider_that_can_not_be_used_is_told_by_the_check(
    settings: PortalSettings, provider: FakeProvider, described: Claims, reason: str
) -> None:
    assert "with 1 key, back to https://gpu.example.org/sign-in/back" in Provider(settings).check()
    provider.described = described
    with pytest.raises(SettingsError, match=re.escape(reason)):
        Provider(settings).check()
