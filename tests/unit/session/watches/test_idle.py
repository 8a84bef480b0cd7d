"""When a session is idle."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nebulab.session.settings import read
from nebulab.session.watches.idle import Idleness


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idle(clock: Clock) -> Idleness:
    return Idleness(3600, clock)


def kernel(state: str, last: float, connections: int = 0) -> dict[str, Any]:
    moment = datetime.fromtimestamp(last, UTC).isoformat().replace("+00:00", "Z")
    return {"execution_state": state, "last_activity": moment, "connections": connections}


def test_a_computing_kernel_is_activity(idle: Idleness, clock: Clock) -> None:
    clock.now += 3500
    idle.observe([kernel("busy", clock.now - 3500)], [])
    assert idle.seconds == 0


def test_an_open_tab_is_none(idle: Idleness, clock: Clock) -> None:
    clock.now += 3500
    idle.observe([kernel("idle", clock.now - 3400, connections=3)], [])
    assert idle.seconds == pytest.approx(3400)


def test_a_terminal_with_output_is_activity(idle: Idleness, clock: Clock) -> None:
    clock.now += 3500
    idle.observe([], [{"name": "1", "last_activity": datetime.fromtimestamp(clock.now - 5, UTC).isoformat()}])
    assert idle.seconds == pytest.approx(5)


def test_a_kernel_that_was_shut_down_does_not_take_its_activity_along(idle: Idleness, clock: Clock) -> None:
    clock.now += 1000
    idle.observe([kernel("idle", clock.now)], [])
    clock.now += 10
    idle.observe([], [])
    assert idle.seconds == pytest.approx(10)


def test_the_user_is_warned_before_the_end(idle: Idleness, clock: Clock) -> None:
    clock.now += 3600 - 601
    assert idle.ends_in is None
    clock.now += 2
    assert idle.ends_in == pytest.approx(599)
    clock.now += 1000
    assert idle.remaining == 0


def test_more_time_can_be_asked_for(idle: Idleness, clock: Clock) -> None:
    clock.now += 3500
    idle.extend()
    assert (idle.ends_in, idle.remaining) == (None, 3600)


def test_a_short_limit_warns_halfway(clock: Clock) -> None:
    idle = Idleness(60, clock)
    clock.now += 29
    assert idle.ends_in is None
    clock.now += 2
    assert idle.ends_in == pytest.approx(29)


def test_a_clock_ahead_postpones_nothing(idle: Idleness, clock: Clock) -> None:
    idle.observe([kernel("idle", clock.now + 10_000)], [])
    clock.now += 100
    assert idle.seconds == pytest.approx(100)


def test_a_kernel_that_nobody_connects_to_is_no_activity(idle: Idleness, clock: Clock) -> None:
    clock.now += 3500
    idle.observe([kernel("starting", clock.now - 3000)], [])
    assert idle.seconds == pytest.approx(3000)


def test_zero_minutes_mean_never(clock: Clock, tmp_path: Path) -> None:
    settings = read({"NEBULAB_IDLE_MINUTES": "0"}, root=tmp_path, key=None)
    idle = Idleness(settings.idle_minutes * 60, clock)
    clock.now += 1e9
    assert idle.remaining > 0
    assert idle.ends_in is None
