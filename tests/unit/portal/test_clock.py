"""The portal's time is UTC, to the second."""

from __future__ import annotations

from datetime import UTC, datetime

from nebulab.portal import clock


def test_the_time_is_utc() -> None:
    now = clock.now()
    assert now.tzinfo is None and now.microsecond == 0
    assert abs((datetime.now(UTC).replace(tzinfo=None) - now).total_seconds()) < 5
    assert clock.today() in {now.date(), clock.now().date()}
