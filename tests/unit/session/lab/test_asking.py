"""Galaxy as the Lab's page sees it: the session's token is shown, and a refusal is told in its own sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tornado.web import HTTPError

from nebulab.session.lab.asking import ask
from support.fake_galaxy import KEY, FakeGalaxy


@pytest.fixture
def galaxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGalaxy]:
    fake = FakeGalaxy()
    monkeypatch.setenv("GALAXY_URL", f"{fake.url}/")
    monkeypatch.setenv("API_KEY", KEY)
    yield fake
    fake.stop()


async def test_the_token_is_shown_and_what_is_none_left_out(galaxy: FakeGalaxy) -> None:
    galaxy.answers["users/current"] = {"username": "ada"}
    assert await ask("GET", "users/current", {"keys": "username", "view": None}) == {"username": "ada"}
    assert galaxy.keys == [KEY]
    assert "view" not in galaxy.requests[0]


async def test_a_refusal_keeps_its_status(galaxy: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HTTPError) as unknown:
        await ask("GET", "nothing/here")
    assert unknown.value.status_code == 404
    monkeypatch.setenv("API_KEY", "wrong")
    with pytest.raises(HTTPError) as refused:
        await ask("GET", "users/current")
    assert 400 <= refused.value.status_code < 500
    assert "\n" not in str(refused.value.log_message)


async def test_a_galaxy_that_is_away_is_told_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALAXY_URL", "http://127.0.0.1:9")
    with pytest.raises(HTTPError) as away:
        await ask("GET", "version")
    assert away.value.status_code == 503
    assert "does not answer" in str(away.value.log_message)
