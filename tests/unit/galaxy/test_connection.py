"""Requests are repeated while Galaxy is away, and refusals are told in words."""

from __future__ import annotations

import socket
import time

import pytest

from nebulab.errors import DatasetNotFound, GalaxyAway, GalaxyError, NotAllowed, QuotaExceeded, SettingsError
from nebulab.galaxy.connection import Galaxy, raise_for_answer
from nebulab.galaxy.settings import GalaxySettings
from support.fake_galaxy import KEY, FakeGalaxy


def test_galaxy_that_restarts_is_asked_again(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    fake.away = 2
    assert galaxy.get("users/current") == fake.user
    assert fake.count("GET /api/users/current") == 3


def test_galaxy_that_stays_away_is_told_after_the_patience(galaxy: Galaxy, fake: FakeGalaxy) -> None:
    fake.away = 1000
    began = time.monotonic()
    with pytest.raises(GalaxyAway, match="does not answer"):
        galaxy.get("users/current")
    assert 1.4 < time.monotonic() - began < 4
    assert fake.count("GET") < 10, "the pauses between attempts grow"


def test_no_server_at_all_is_away_too() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with Galaxy(GalaxySettings(f"http://127.0.0.1:{port}", KEY, patience=0.3)) as galaxy, pytest.raises(GalaxyAway):
        galaxy.post("histories", {})


def test_a_post_whose_answer_is_lost_is_not_repeated(fake: FakeGalaxy) -> None:
    with Galaxy(GalaxySettings(fake.url, KEY, patience=2, timeout=0.2)) as galaxy:
        fake.answers["slow"] = lambda _body: time.sleep(0.6)
        with pytest.raises(GalaxyAway, match="may have done it"):
            galaxy.post("slow", {})
    assert fake.count("POST /api/slow") == 1


def test_a_wrong_key_is_not_allowed(fake: FakeGalaxy) -> None:
    with Galaxy(GalaxySettings(fake.url, "wrong")) as galaxy, pytest.raises(NotAllowed, match="not valid"):
        galaxy.get("users/current")


def test_an_unknown_id_is_not_found(galaxy: Galaxy) -> None:
    with pytest.raises(DatasetNotFound):
        galaxy.get("datasets/nothing")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"err_msg": "Wrong id ( x ) specified, unable to decode."}', DatasetNotFound),
        (400, b'{"err_msg": "You are over your disk quota"}', QuotaExceeded),
        (500, b"<html>", GalaxyError),
    ],
)
def test_refusals_have_their_own_errors(status: int, body: bytes, kind: type[GalaxyError]) -> None:
    with pytest.raises(kind) as raised:
        raise_for_answer(status, body, "GET x")
    assert raised.value.status == status


def test_a_key_is_not_shown() -> None:
    settings = GalaxySettings("http://galaxy.example/", "very-secret")
    assert "very-secret" not in repr(settings) + repr(Galaxy(settings))
    assert settings.url == "http://galaxy.example"


@pytest.mark.parametrize(("url", "key"), [("galaxy.example", "key"), ("", "key"), ("http://galaxy.example", "")])
def test_settings_that_can_not_work_are_refused(url: str, key: str) -> None:
    with pytest.raises(SettingsError):
        GalaxySettings(url, key)


def test_a_server_that_galaxy_sends_us_to_does_not_get_the_key(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    store = FakeGalaxy()
    try:
        fake.moved["datasets/d1/display"] = f"{store.url}/bucket/file"
        with pytest.raises(GalaxyError):
            galaxy.get("datasets/d1/display")
        assert fake.keys == [KEY]
        assert store.requests == ["GET /bucket/file"]
        assert store.keys == [None]
        fake.moved = {"old": f"{fake.url}/api/users/current"}
        assert galaxy.get("old") == fake.user, "the same server goes on knowing us"
    finally:
        store.stop()
