"""A kernel's environment beside a small Galaxy on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nebulab.galaxy import waiting
from nebulab.kernel import connecting
from nebulab.kernel.histories import History
from support.fake_galaxy import KEY, FakeGalaxy


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGalaxy]:
    server = FakeGalaxy()
    for name, value in {
        "GALAXY_URL": server.url,
        "API_KEY": KEY,
        "HISTORY_ID": "h1",
        "NEBULAB_CACHE": str(tmp_path / "cache"),
        "NEBULAB_PATIENCE_SECONDS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    server.answers["histories/h1"] = {"id": "h1", "name": "My history"}
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield server
    for connection in connecting._opened.values():
        connection.close()
    connecting._opened.clear()
    server.stop()


@pytest.fixture
def history(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(waiting, "_FIRST_INTERVAL_SECONDS", 0.01)
    return History()
