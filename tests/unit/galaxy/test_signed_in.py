"""Who is logged in to Galaxy, by a browser's cookie."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nebulab.errors import GalaxyAway
from nebulab.galaxy.signed_in import SignedIn, Visitors
from support.fake_accounts import FakeAccounts


@pytest.fixture
def galaxy() -> Iterator[FakeAccounts]:
    fake = FakeAccounts()
    yield fake
    fake.stop()


@pytest.fixture
def visitors(galaxy: FakeAccounts) -> Iterator[Visitors]:
    visitors = Visitors(galaxy.url)
    yield visitors
    visitors.close()


def test_a_session_is_somebodys(galaxy: FakeAccounts, visitors: Visitors) -> None:
    cookie = galaxy.account("ada", "ada@uni-freiburg.de")
    assert visitors.who(cookie) == SignedIn("idada", "ada@uni-freiburg.de", "ada", is_admin=False)
    assert visitors.who("c0ffeeadmin") == SignedIn("idadmin", "admin@uni-freiburg.de", "admin", is_admin=True)


@pytest.mark.parametrize("cookie", ["", "0ut", "f0f0", "a b", "a;b", "a\r\nx: y", "é", "a" * 2000])
def test_no_session_is_nobodys(visitors: Visitors, cookie: str) -> None:
    assert visitors.who(cookie) is None


def test_a_page_with_its_parts_asks_once(galaxy: FakeAccounts, visitors: Visitors) -> None:
    cookie = galaxy.account("ada", "ada@uni-freiburg.de")
    for _ in range(5):
        visitors.who(cookie)
    assert len(galaxy.requests) == 1
    galaxy.logins.clear()
    assert visitors.who(cookie, afresh=True) is None
    assert visitors.who(cookie) is None


def test_galaxy_away_is_told_and_not_remembered(galaxy: FakeAccounts, visitors: Visitors) -> None:
    cookie = galaxy.account("ada", "ada@uni-freiburg.de")
    for status in (500, 502, 503):
        galaxy.away = status
        with pytest.raises(GalaxyAway):
            visitors.who(cookie)
    galaxy.away = 0
    assert visitors.who(cookie) is not None
    with pytest.raises(GalaxyAway):
        Visitors("http://127.0.0.1:1").who(cookie)
