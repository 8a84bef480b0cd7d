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


def test_a_wait_says_what_galaxy_does_and_for_how_long(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """Four rows may hold a cell for minutes on a busy server: the person sees that it goes on, and with what."""
    wait = display.Wait("planets.tsv")
    for state, seconds in (("queued", 0.5), ("queued", 5), ("running", 6.5), ("ok", 0.1)):
        clock[0] += seconds
        wait.look(state)
    assert capsys.readouterr().err.splitlines() == [
        "planets.tsv: waits for its turn in Galaxy, 6 s",
        "planets.tsv: Galaxy is reading it, 12 s",
        "planets.tsv: Galaxy has read it, 12 s",
    ]


@pytest.mark.parametrize("states", [["ok"], ["running", "ok"]])
def test_a_short_wait_shows_nothing(clock: list[float], capsys: pytest.CaptureFixture[str], states: list[str]) -> None:
    wait = display.Wait("planets.tsv")
    for state in states:
        clock[0] += 0.3
        wait.look(state)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2.5e12, "2.5 TB")])
def test_sizes_for_people(size: float, text: str) -> None:
    assert in_bytes(size) == text
