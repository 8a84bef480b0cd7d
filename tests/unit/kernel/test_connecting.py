"""One connection for each way of reaching Galaxy, and a folder for each history's downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.errors import GalaxyError, SettingsError
from nebulab.kernel.connecting import cache_of, connect
from nebulab.kernel.settings import KernelSettings
from support.fake_galaxy import FakeGalaxy


def test_a_connection_is_opened_once(fake: FakeGalaxy) -> None:
    assert connect() is connect()
    assert connect().get("histories/h1")["name"] == "My history"


def test_another_key_is_another_connection(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    first = connect()
    monkeypatch.setenv("API_KEY", "another")
    assert connect() is not first
    with pytest.raises(GalaxyError):
        connect().get("histories/h1")
    assert fake.keys[-1] == "another"


def test_without_an_address_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GALAXY_URL", "API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError):
        connect()


def test_another_historys_numbers_do_not_mix_with_the_sessions(tmp_path: Path) -> None:
    settings = KernelSettings(history_id="h1", cache=tmp_path)
    assert cache_of(settings, "h1").folder == tmp_path
    assert cache_of(settings, "h2").folder == tmp_path / "h2"
