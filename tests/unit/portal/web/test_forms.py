"""The tokens of forms: their cookie and their secret."""

from __future__ import annotations

import stat
from dataclasses import replace

from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.protection import Forms


def test_on_https_no_subdomain_sets_the_cookie(settings: PortalSettings) -> None:
    forms = Forms(replace(settings, url="https://galaxy.example.org/gpu"))
    assert forms.cookie.startswith("__Host-") and forms.secure


def test_the_secret_is_its_owners_alone_and_stays(settings: PortalSettings) -> None:
    first = Forms(settings).token("nonce", "login")
    assert stat.S_IMODE((settings.folder / "secret").stat().st_mode) == 0o600
    assert Forms(settings).token("nonce", "login") == first
    assert Forms(settings).token("nonce", "other") != first
