"""Progress is shown when it takes long, and not otherwise."""

from __future__ import annotations

import time

import pytest

from nebulab.galaxy.progress import in_bytes
from nebulab.kernel import display


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_short_transfer_shows_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    bar = display.Bar()
    bar.start("x", 100)
    bar.update(100)
    bar.finish()
    assert capsys.readouterr() == ("", "")


def test_a_long_transfer_shows_how_far_it_is(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    bar = display.Bar()
    bar.start("large.bin", 4_000_000)
    for done in (1_000_000, 1_000_001, 3_000_000):
        clock[0] += 1
        bar.update(done)
    clock[0] += 10
    bar.update(4_000_000)
    bar.finish()
    assert capsys.readouterr().err.splitlines() == [
        "large.bin: 1.0 MB of 4.0 MB, 1.0 MB/s",
        "large.bin: 4.0 MB of 4.0 MB, 307.7 kB/s",
        "large.bin: 4.0 MB of 4.0 MB, 307.7 kB/s",
    ]


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e12, "2.5 TB")])
def test_sizes_for_people(size: float, text: str) -> None:
    assert in_bytes(size) == text
