"""GPU hours in windows: at their edges, over months, and when some are free again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nebulab.portal.hours.use import Job, free_at, month_of, summed, used

NOW = datetime(2026, 11, 29, 12)
DAY = timedelta(days=1)


def job(begun: float, ended: float | None, hours: float, **others: object) -> Job:
    """Return a job that began and ended so many hours ago."""
    end = None if ended is None else NOW - timedelta(hours=ended)
    values = {"email": "ada@x.org", "tool": "t", "idle": None} | others
    return Job(1, 7, begun=NOW - timedelta(hours=begun), ended=end, hours=hours, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("begun", "ended", "hours", "counted"),
    [
        (10, 5, 5, 5),  # within
        (26, 22, 4, 2),  # half of it before the window
        (48, 24, 24, 0),  # ended as the window begins
        (24, 23, 1, 1),  # began as the window begins
        (72, None, 144, 48),  # two GPUs, three days, and it runs
        (30, 25, 5, 0),
        (0, None, 0, 0),  # began now
    ],
)
def test_hours_of_the_last_day(begun: float, ended: float | None, hours: float, counted: float) -> None:
    assert used([job(begun, ended, hours)], 1, NOW) == pytest.approx(counted)


def test_a_job_shorter_than_a_tick_counts_where_it_began() -> None:
    short = job(5, 5, 0.001)
    assert short.hours_in(NOW - DAY, NOW, NOW) == 0.001
    assert short.hours_in(NOW - timedelta(hours=4), NOW, NOW) == 0


def test_a_clock_that_was_set_back_gives_no_negative_hours() -> None:
    ahead = Job(1, 7, "ada@x.org", "t", NOW + DAY, None, 0.0)
    assert used([ahead], 7, NOW) == 0
    backwards = Job(1, 7, "ada@x.org", "t", NOW - DAY, NOW - 2 * DAY, 3.0)
    assert 0 <= used([backwards], 7, NOW) <= 3


def test_sums_by_key_the_largest_first_with_the_idle_share_of_what_was_measured() -> None:
    jobs = [
        job(10, 8, 2, idle=50.0),
        job(8, 6, 2, idle=0.0),
        job(6, 2, 4),
        job(9, 3, 6, email="bob@x.org", idle=100.0),
    ]
    found = summed(jobs, NOW - DAY, NOW, NOW, lambda one: (one.email,))
    assert list(found) == ["ada@x.org", "bob@x.org"]
    ada = found["ada@x.org"]
    assert (ada.hours, ada.measured_hours, ada.idle, ada.jobs) == (8, 4, 25, 3)
    assert found["bob@x.org"].idle == 100
    assert summed(jobs, NOW, NOW + DAY, NOW, lambda one: (one.email,)) == {}
    assert summed([job(2, 1, 1)], NOW - DAY, NOW, NOW, lambda _: ("a", "b")).keys() == {"a", "b"}


def test_hours_are_free_again_when_they_lie_behind_for_long_enough() -> None:
    # 10 hours that ended 20 hours ago: after 4 hours the window of a day begins to leave them.
    jobs = [job(30, 20, 10)]
    assert used(jobs, 1, NOW) == pytest.approx(4)
    back = free_at(jobs, 1, 1, NOW)
    assert abs(back - (NOW + timedelta(hours=3))) < timedelta(seconds=2)
    assert free_at(jobs, 4, 1, NOW) == NOW
    assert abs(free_at(jobs, 0, 1, NOW) - (NOW + timedelta(hours=4))) < timedelta(seconds=2)


def test_months() -> None:
    assert month_of("2026-12") == (datetime(2026, 12, 1), datetime(2027, 1, 1))
    assert month_of("2024-02")[1] == datetime(2024, 3, 1)
    for text in ("", "2026-13", "November", "2026-11-01", "9999-12"):
        with pytest.raises(ValueError, match=r"time data|unconverted|no month"):
            month_of(text)


def test_a_months_end_parts_a_job() -> None:
    over_new_year = Job(1, 7, "a@x.org", "t", datetime(2026, 12, 31, 22), datetime(2027, 1, 1, 1), 6.0)
    later = datetime(2027, 2, 1)
    assert over_new_year.hours_in(*month_of("2026-12"), later) == pytest.approx(4)
    assert over_new_year.hours_in(*month_of("2027-01"), later) == pytest.approx(2)


def test_a_tool_of_a_tool_shed_has_a_short_name() -> None:
    assert job(2, 1, 1, tool="shed.org/repos/owner/repo/my_tool/1.0").short_tool == "my_tool"
    assert job(2, 1, 1).short_tool == "t"
