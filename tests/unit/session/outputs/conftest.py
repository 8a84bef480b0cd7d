"""A small Galaxy on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def fake() -> Iterator[FakeGalaxy]:
    server = FakeGalaxy()
    yield server
    server.stop()
