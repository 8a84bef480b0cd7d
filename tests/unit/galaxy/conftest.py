"""A connection to a small Galaxy on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.settings import GalaxySettings
from support.fake_galaxy import KEY, FakeGalaxy


@pytest.fixture
def fake() -> Iterator[FakeGalaxy]:
    server = FakeGalaxy()
    yield server
    server.stop()


@pytest.fixture
def galaxy(fake: FakeGalaxy) -> Iterator[Galaxy]:
    with Galaxy(GalaxySettings(fake.url, KEY, patience=1.5, timeout=5)) as connection:
        yield connection
