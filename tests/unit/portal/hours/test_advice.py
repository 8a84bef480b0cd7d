"""What somebody is told of their own use: a finding for each threshold, and none without figures."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nebulab import contract
from nebulab.portal.hours.advice import advice, averages
from nebulab.portal.hours.use import Job

END = datetime(2026, 11, 29)


def job(idle: float, load: float, memory: float | None, *, tool: str = contract.JOB_TOOL, hours: float = 4) -> Job:
    peak = None if memory is None else memory * 400
    return Job(
        1, 7, "ada@x.org", tool, END - timedelta(hours=hours), END, hours,
        load=load, idle=idle, memory_peak_mb=peak, memory_total_mb=40_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("jobs", "told"),
    [
        ([job(51, 45, 60)], ["idle for 51 % of its time"]),
        ([job(50, 45, 60)], ["load was 90 %"]),
        ([job(80, 18, 60, tool=contract.LAB_TOOL)], ["In your sessions the GPU was idle for 80 %"]),
        ([job(0, 49, 60)], ["load was 49 %."]),
        ([job(0, 49, 81)], ["load was 49 %, with 81 % of its memory in use"]),
        ([job(0, 50, 60)], []),
        ([job(0, 80, 60)], ["load was 80 %"]),
        ([job(0, 60, 24)], ["At most 24 % of the GPU's memory"]),
        ([job(0, 60, 25)], []),
        ([job(90, 1, 3, hours=0.9)], []),
        ([], []),
    ],
)
def test_each_threshold(jobs: list[Job], told: list[str]) -> None:
    found = [each.figure for each in advice(jobs)]
    assert [text for text in told if not any(text in figure for figure in found)] == []
    assert len(found) >= len(told)
    if not told:
        assert found == []


def test_sessions_and_jobs_are_told_apart() -> None:
    found = advice([job(90, 5, 60, tool=contract.LAB_TOOL), job(10, 80, 60)])
    assert [each.figure.split()[2] for each in found if "idle for" in each.figure] == ["sessions"]
    assert "ends by itself" in found[0].text


def test_good_use_is_praised_and_full_memory_gets_mixed_precision() -> None:
    (praise,) = advice([job(0, 95, 60)])
    assert praise.good
    (full,) = advice([job(0, 30, 95)])
    assert "mixed precision" in full.text and not full.good
    (small,) = advice([job(0, 30, 50)])
    assert "batch size" in small.text


def test_longer_jobs_count_more() -> None:
    found = averages([job(100, 0, 10, hours=1), job(0, 80, 50, hours=3)])
    assert (found.hours, found.idle, found.memory) == (4, 25, 40)
    assert found.busy_load == pytest.approx(80)


def test_what_nobody_measured_is_no_figure() -> None:
    unmeasured = Job(1, 7, "ada@x.org", "t", END, None, 5.0)
    assert averages([unmeasured]).idle is None
    assert averages([job(100, 0, None)]).busy_load is None
