"""Pages for everybody, and what they say when Galaxy is away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nebulab.portal.rules.context import Context
from nebulab.portal.web.visit import Portal
from support.applicants import Browser
from support.fake_accounts import FakeAccounts

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""


def test_who_is_not_logged_in_is_led_to_galaxy_and_back(browser: Open) -> None:
    nobody = browser()
    assert "Use GPUs in Galaxy" in nobody.text("/")
    login = nobody.get("/apply?tool=x")
    assert login.status_code == 401
    back = "http%3A%2F%2Flocalhost%3A8095%2Fapply%3Ftool%3Dx"
    assert f'href="http://localhost:8080/login/start?redirect={back}"' in login.text


def test_a_cookie_of_nobody_is_nobody(browser: Open) -> None:
    for cookie in ("0ut", "f0f0", "not; a=cookie", "x" * 5000):
        nobody = browser()
        nobody.client.cookies.set("galaxysession", cookie)
        assert nobody.get("/apply").status_code == 401


def test_terms_and_privacy_are_there(browser: Open) -> None:
    assert "I end sessions that I no longer need" in browser().text("/terms")
    assert "What is kept" in browser().text("/privacy")
    assert "Download all" in browser("ada", "ada@uni-freiburg.de").text("/privacy")


def test_galaxy_away_is_said(browser: Open, galaxy: FakeAccounts) -> None:
    ada = browser("ada", "ada@uni-freiburg.de")
    galaxy.away = 502
    assert "Galaxy does not answer at the moment" in ada.text("/")
    assert ada.get("/terms").status_code == 200
    answer = ada.get("/apply")
    assert answer.status_code == 503 and "can't see who you are" in ada.text("/apply")


def test_its_health_is_told(browser: Open, portal: Portal) -> None:
    told = browser().get("/health").json()
    # Nobody has started the chores of this test's portal.
    assert told["ok"] is True and len(told["troubles"]) == 4


def test_a_link_that_is_none_is_told(browser: Open, context: Context) -> None:
    answer = browser().get("/confirm/none")
    assert answer.status_code == 404 and "does not work any more" in answer.text
