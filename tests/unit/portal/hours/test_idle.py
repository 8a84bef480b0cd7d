"""Which sessions and jobs held a GPU without computing, and how a mail names them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nebulab.portal.hours.idle import idle_jobs, in_words
from nebulab.portal.hours.use import Job

NOW = datetime(2026, 11, 29, 12)


def job(ended: float | None, idle: float | None) -> Job:
    """Return a job of ten hours that ended so many hours ago."""
    end = None if ended is None else NOW - timedelta(hours=ended)
    begun = NOW - timedelta(hours=(ended or 0) + 10)
    return Job(1, 7, "ada@x.org", "shed/repos/o/r/train/1.0", begun, end, 10.0, idle_hours=idle)


@pytest.mark.parametrize(
    ("ended", "idle", "told"),
    [(1, 4.0, True), (1, 3.9, False), (24, 9.0, False), (23.9, 9.0, True), (None, 9.0, False), (1, None, False)],
)
def test_ended_in_the_last_day_and_idle_for_long_enough(ended: float | None, idle: float | None, told: bool) -> None:
    assert bool(idle_jobs([job(ended, idle)], NOW - timedelta(days=1), 4.0)) is told
    assert idle_jobs([job(ended, idle)], NOW - timedelta(days=1), 0.0) == [], "0 hours: never"


def test_a_mail_names_the_idlest_first_and_not_too_many() -> None:
    text = in_words([job(2, 4.0), job(1, 9.5)])
    assert text.splitlines()[0] == "- train, from 29 Nov 01:00 to 29 Nov 11:00 UTC: idle for 9.5 of 10.0 GPU hours"
    assert in_words([job(1, 5.0)] * 12).splitlines()[-1] == "- and 2 more"
