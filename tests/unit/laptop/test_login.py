"""Logging in to a Galaxy from a laptop: which key, which history, what is kept, and what is told."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any

import keyring.errors
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null

from nebulab.errors import GalaxyAway, GalaxyError, NotAllowed, SettingsError
from nebulab.laptop import login
from nebulab.laptop.keys import Keys
from nebulab.laptop.login import Login
from support.fake_galaxy import KEY, FakeGalaxy


class InMemory(KeyringBackend):
    """A keyring that works."""

    priority = 1.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError
        del self.kept[service, username]


class Locked(InMemory):
    """A keyring that its owner does not open."""

    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked("the collection is locked")


class InClear(InMemory):
    """One that writes keys in clear, as keyrings.alt has: keyring gives those less than what it recommends."""

    priority = 0.5


class Person:
    """Somebody at the terminal, with the answers they will type."""

    def __init__(self, galaxy: FakeGalaxy) -> None:
        self.url = galaxy.url
        self.ring: KeyringBackend = InMemory()
        self.types: list[str] = []
        self.told: list[str] = []
        self.environment: dict[str, str] = {}

    def log_in(self, history: str | None = None, *, at_terminal: bool = True) -> Login:
        ask: Callable[[str], str] | None = (lambda url: self.types.pop(0)) if at_terminal else None
        keys = Keys(self.ring)
        return login.log_in(self.url, history, keys=keys, environment=self.environment, ask=ask, tell=self.told.append)


@pytest.fixture
def galaxy() -> Iterator[FakeGalaxy]:
    galaxy = FakeGalaxy()
    galaxy.user = {"id": "u1", "email": "person@example.org"}
    galaxy.answers["histories/most_recently_used"] = {"id": "h1", "name": "Yesterday's"}
    yield galaxy
    galaxy.stop()


@pytest.fixture
def person(galaxy: FakeGalaxy) -> Person:
    return Person(galaxy)


def test_the_key_is_asked_for_once(person: Person) -> None:
    person.types = [KEY]
    first = person.log_in()
    assert (first.user, first.history_id, first.history) == ("person@example.org", "h1", "Yesterday's")
    assert person.log_in() == first
    assert KEY not in repr(first) + "".join(person.told)


def test_a_good_key_is_kept_also_where_the_history_is_not_there(person: Person, galaxy: FakeGalaxy) -> None:
    galaxy.answers["histories"] = []
    person.types = [KEY]
    with pytest.raises(SettingsError, match="no history"):
        person.log_in("Absent")
    assert person.log_in(at_terminal=False).key == KEY


def test_a_wrong_key_is_told_and_asked_for_again_and_not_kept(person: Person) -> None:
    person.types = ["wrong", "also wrong", "wr\u00f6ng"]
    with pytest.raises(NotAllowed, match="does not know this API key") as caught:
        person.log_in()
    assert f"{person.url}/user/api_key" in caught.value.hint
    assert sum("does not know" in told for told in person.told) == 2
    person.types = ["wrong", KEY]
    assert person.log_in().key == KEY
    assert Keys(person.ring).read(person.url) == KEY


def test_a_kept_key_that_is_no_longer_good_is_removed_and_asked_for(person: Person) -> None:
    Keys(person.ring).keep(person.url, "of last year")
    with pytest.raises(SettingsError, match="nobody to ask"):
        person.log_in(at_terminal=False)
    assert Keys(person.ring).read(person.url) is None
    assert "no longer good" in person.told[0]


@pytest.mark.parametrize("ring", [fail.Keyring, null.Keyring, InClear, Locked])
def test_without_a_keyring_that_keeps_safely_it_is_said_and_the_key_is_asked_for_each_time(
    ring: type[KeyringBackend], person: Person
) -> None:
    person.ring = ring()
    for _ in range(2):
        person.types, person.told = [KEY], []
        assert person.log_in().key == KEY
        assert any("can't be kept" in told and "API_KEY" in told for told in person.told)
    assert not getattr(person.ring, "kept", {})


def test_the_variable_has_the_word_and_is_not_kept(person: Person) -> None:
    Keys(person.ring).keep(person.url, "another")
    person.environment = {"API_KEY": KEY}
    assert person.log_in(at_terminal=False).key == KEY
    assert Keys(person.ring).read(person.url) == "another"
    person.environment = {"API_KEY": "wrong"}
    with pytest.raises(NotAllowed, match="comes from API_KEY"):
        person.log_in()


def test_forgetting(person: Person) -> None:
    keys = Keys(person.ring)
    keys.keep(person.url, KEY)
    assert "was removed" in login.forget(f"{person.url}/", keys)
    assert keys.read(person.url) is None
    assert "no key" in login.forget(person.url, keys)
    with pytest.raises(SettingsError, match="no keyring"):
        login.forget(person.url, Keys(fail.Keyring()))
    with pytest.raises(SettingsError, match="no Galaxy"):
        login.forget(None)


def test_an_address_where_no_galaxy_is(person: Person, galaxy: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    person.environment = {"API_KEY": KEY}
    person.url = f"{galaxy.url}/elsewhere"
    with pytest.raises(GalaxyError, match="There is no Galaxy at"):
        person.log_in()
    monkeypatch.setattr(login, "_PATIENCE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        free = nobody.getsockname()[1]
    person.url = f"http://127.0.0.1:{free}"
    with pytest.raises(GalaxyAway, match="does not answer"):
        person.log_in()


def test_an_answer_for_nobody_is_no_login(person: Person, galaxy: FakeGalaxy) -> None:
    galaxy.user = {"total_disk_usage": 0}
    person.environment = {"API_KEY": KEY}
    with pytest.raises(NotAllowed):
        person.log_in()


def histories(galaxy: FakeGalaxy, *named: dict[str, Any]) -> None:
    galaxy.answers["histories"] = list(named)


def test_a_history_by_its_name_or_its_id(person: Person, galaxy: FakeGalaxy) -> None:
    person.environment = {"API_KEY": KEY}
    histories(galaxy, {"id": "h2", "name": "Cells", "update_time": "2026-11-01T10:00:00"})
    assert person.log_in("Cells").history_id == "h2"
    assert galaxy.requests[-1] == "GET /api/histories?q=name-eq&q=deleted&qv=Cells&qv=False"
    histories(galaxy)
    galaxy.answers["histories/00112233445566aa"] = {"id": "00112233445566aa", "name": "By id", "deleted": False}
    assert person.log_in("00112233445566aa").history == "By id"
    for absent in ("Celsl", "ffffffffffffffff"):
        with pytest.raises(SettingsError, match="You have no history"):
            person.log_in(absent)


def test_a_name_that_several_histories_have_is_not_guessed_at(person: Person, galaxy: FakeGalaxy) -> None:
    person.environment = {"API_KEY": KEY}
    histories(galaxy, *({"id": f"h{n}", "name": "Cells", "update_time": "2026-11-01T10:00:00"} for n in (1, 2)))
    with pytest.raises(SettingsError, match="2 histories") as caught:
        person.log_in("Cells")
    assert "h1  last used 2026-11-01T10:00" in caught.value.hint


def test_an_account_without_a_history(person: Person, galaxy: FakeGalaxy) -> None:
    person.environment = {"API_KEY": KEY}
    galaxy.answers["histories/most_recently_used"] = None
    assert person.log_in().history_id == ""


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("usegalaxy.eu", "https://usegalaxy.eu"),
        (" https://Use.Galaxy.org/ ", "https://use.galaxy.org"),
        ("http://localhost:8080/galaxy/", "http://localhost:8080/galaxy"),
    ],
)
def test_addresses_have_one_form(said: str, meant: str) -> None:
    assert login.address(said) == meant


@pytest.mark.parametrize(
    "said", ["", "ftp://use.galaxy", "https://", "https://a:b@galaxy", "https://galaxy/?x=1", "https://[::1/x"]
)
def test_what_is_no_address(said: str) -> None:
    with pytest.raises(SettingsError, match="no address of a Galaxy"):
        login.address(said)


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://localhost:8080", True),
        ("http://127.0.0.2", True),
        ("http://[::1]:80", True),
        ("http://galaxy.localhost", True),
        ("https://usegalaxy.eu", False),
        ("http://10.0.0.5", False),
    ],
)
def test_where_a_container_can_not_come(url: str, loopback: bool) -> None:
    assert Login(url, "", "").on_loopback is loopback


def test_a_key_that_would_travel_readable_is_warned_of(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_user", lambda url, key: {"id": "u1"})
    monkeypatch.setattr(login, "_history", lambda galaxy, history: {})
    person.environment = {"API_KEY": KEY}
    person.url = "http://galaxy.example.org"
    person.log_in()
    assert any("readable by others" in told for told in person.told)
