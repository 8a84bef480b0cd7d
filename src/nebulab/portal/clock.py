"""The time, as the portal keeps it: UTC, without saying so; runs beside Galaxy."""

from __future__ import annotations

from datetime import UTC, date, datetime


def now() -> datetime:
    """Return the time in UTC, to the second, without a time zone, as the tables have it."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


def today() -> date:
    """Return the day in UTC."""
    return now().date()
