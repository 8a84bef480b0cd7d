"""GPU hours of jobs as plain values, and their sums, whatever they were read from; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, datetime, timedelta

_STEPS = 40
"""Halvings of a window of days: to well under a second."""


@dataclass(frozen=True)
class Job:
    """A job that has or had GPUs; times in UTC, sizes in MiB, shares in percent; a figure that nobody took is None."""

    id: int
    account: int | None
    """Galaxy's number of its user, whose address is `email`; None and empty for a job of nobody's."""
    email: str
    tool: str
    begun: datetime
    ended: datetime | None
    """None while it runs."""
    hours: float
    """Of all its GPUs, until its end or now."""
    gpus: int = 1
    model: str = ""
    load: float | None = None
    idle: float | None = None
    idle_hours: float | None = None
    memory_peak_mb: float | None = None
    memory_total_mb: float | None = None

    def hours_in(self, since: datetime, until: datetime, now: datetime) -> float:
        """Return the hours that fall between two moments: a job's hours lie evenly between its start and its end."""
        end = self.ended or now
        whole = (end - self.begun).total_seconds()
        if whole <= 0:
            # Shorter than the clock's tick, or the clock was set back meanwhile.
            return self.hours if since <= self.begun < until else 0.0
        part = (min(end, until) - max(self.begun, since)).total_seconds()
        return self.hours * max(0.0, part) / whole

    @property
    def short_tool(self) -> str:
        """The tool's name without the address of a tool shed."""
        parts = self.tool.split("/")
        return parts[-2] if len(parts) > 2 else self.tool


@dataclass
class Sum:
    """What one account, role, group or tool has used."""

    hours: float = 0.0
    idle_hours: float = 0.0
    """Of the hours whose load was measured."""
    measured_hours: float = 0.0
    jobs: int = 0

    @property
    def idle(self) -> float | None:
        """The share of the measured hours in which the GPU was idle, in percent; None without any."""
        return 100 * self.idle_hours / self.measured_hours if self.measured_hours else None

    def add(self, job: Job, hours: float) -> None:
        """Add a job of which `hours` count here."""
        self.hours += hours
        self.jobs += 1
        if job.idle is not None and job.hours > 0:
            self.measured_hours += hours
            self.idle_hours += hours * job.idle / 100


def used(jobs: Iterable[Job], days: float, now: datetime) -> float:
    """Return the hours of the last `days`."""
    since = now - timedelta(days=days)
    return sum(job.hours_in(since, now, now) for job in jobs)


def summed(
    jobs: Iterable[Job], since: datetime, until: datetime, now: datetime, keys: Callable[[Job], Iterable[str]]
) -> dict[str, Sum]:
    """Return the sums between two moments by the keys of each job, the largest first."""
    found: dict[str, Sum] = {}
    for job in jobs:
        hours = job.hours_in(since, until, now)
        if hours > 0:
            for key in keys(job):
                found.setdefault(key, Sum()).add(job, hours)
    return dict(sorted(found.items(), key=lambda item: (-item[1].hours, item[0])))


def free_at(jobs: Sequence[Job], most: float, days: float, now: datetime) -> datetime:
    """Return the moment at which the hours of the window of `days` are down to `most`, if nothing more is used."""
    window = timedelta(days=days)
    early, late = timedelta(), window

    def after(passed: timedelta) -> float:
        return sum(job.hours_in(now + passed - window, now, now) for job in jobs)

    if after(early) <= most:
        return now
    for _ in range(_STEPS):
        middle = (early + late) / 2
        early, late = (early, middle) if after(middle) <= most else (middle, late)
    return now + late


def month_of(text: str) -> tuple[datetime, datetime]:
    """Return the first moment of a month written as 2026-11, and that of the month after it.

    Raises
    ------
    ValueError
        It is no month.
    """
    begin = datetime.strptime(text, "%Y-%m")
    if begin.year == MAXYEAR:
        raise ValueError("there is no month after it")
    return begin, (begin + timedelta(days=32)).replace(day=1)
