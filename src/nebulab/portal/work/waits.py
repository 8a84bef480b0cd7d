"""How long sessions and trainings waited for their machine, read from Galaxy's own tables; runs beside Galaxy.

Galaxy notes each state of a job with its time. What a job waited is from its first `queued` to its first `running`:
staging of inputs before, and the start of JupyterLab after it, are no waiting for a machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import comb, floor, sqrt

from sqlalchemy import func, select

from nebulab.portal import clock
from nebulab.portal.hours.galaxy_tables import HISTORY, JOB, TOOLS, GalaxyTables, of_tools

WEEKS = 4
_MOST = 2_000
_FEWEST = 5
_SURE = 0.95


@dataclass(frozen=True)
class Waits:
    """The waits of the last weeks, in seconds; all None where too few jobs ran to tell."""

    number: int = 0
    median: float | None = None
    low: float | None = None
    """The median is between `low` and `high` with 95 % confidence, as far as the next weeks are as the last were."""
    high: float | None = None
    longest_of_ten: float | None = None
    """Nine in ten waited no longer."""


NOTHING = Waits()


def summed_up(seconds: Sequence[float]) -> Waits:
    """Sum waits up: their median with its distribution-free confidence interval, and the ninth decile.

    The interval is between two order statistics: that many waits lie below the true median as heads fall in so many
    throws of a coin (Conover, Practical Nonparametric Statistics, 1999, section 3.2).
    """
    ordered = sorted(seconds)
    number = len(ordered)
    if number < _FEWEST:
        return Waits(number)
    middle = number // 2
    median = ordered[middle] if number % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    below = _rank(number)
    return Waits(
        number=number,
        median=median,
        low=ordered[below],
        high=ordered[number - 1 - below],
        longest_of_ten=ordered[min(number - 1, floor(0.9 * number))],
    )


def _rank(number: int) -> int:
    """Return how many of the waits at either end the interval leaves out."""
    left_out = 0
    chance = 0.0
    # Exact up to a thousand; beyond it the normal distribution is the same to a rank.
    if number > 1_000:
        return max(0, round(number / 2 - 0.98 * sqrt(number)) - 1)
    for rank in range(number // 2):
        chance += float(comb(number, rank) / 2**number)
        if chance > (1 - _SURE) / 2:
            break
        left_out = rank
    return left_out


def read(url: str, *, tools: Sequence[str] = TOOLS) -> Waits:
    """Return the waits of the tools' jobs of the last four weeks in Galaxy's database, which is only read.

    Raises
    ------
    SettingsError
        It does not answer, or is none of Galaxy's.
    """
    since = clock.now() - timedelta(weeks=WEEKS)
    first = {
        state: select(HISTORY.c.job_id, func.min(HISTORY.c.create_time).label("at"))
        .where(HISTORY.c.state == state, HISTORY.c.create_time >= since)
        .group_by(HISTORY.c.job_id)
        .subquery(state)
        for state in ("queued", "running")
    }
    query = (
        select(first["queued"].c.at, first["running"].c.at)
        .join(first["running"], first["queued"].c.job_id == first["running"].c.job_id)
        .join(JOB, JOB.c.id == first["queued"].c.job_id)
        .where(of_tools(tools), JOB.c.create_time >= since)
        .order_by(JOB.c.id.desc())
        .limit(_MOST)
    )
    rows = GalaxyTables(url).rows(query)
    return summed_up([max(0.0, (running - queued).total_seconds()) for queued, running in rows])
