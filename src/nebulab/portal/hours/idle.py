"""Sessions and jobs that held a GPU for long without computing on it; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from nebulab.portal.hours.use import Job

_MOST = 10
"""Jobs that a mail names."""


def idle_jobs(jobs: Sequence[Job], since: datetime, hours: float) -> list[Job]:
    """Return those that ended after a moment, and whose GPUs were idle for so many hours or more; none for 0 hours."""
    if hours <= 0:
        return []
    return [job for job in jobs if job.ended is not None and job.ended > since and (job.idle_hours or 0) >= hours]


def in_words(jobs: Sequence[Job]) -> str:
    """Return the lines of a mail, one for each job, the idlest first."""
    ordered = sorted(jobs, key=lambda job: -(job.idle_hours or 0))
    lines = [
        f"- {job.short_tool}, from {job.begun:%d %b %H:%M} to {job.ended:%d %b %H:%M} UTC: "
        f"idle for {job.idle_hours or 0:.1f} of {job.hours:.1f} GPU hours"
        for job in ordered[:_MOST]
    ]
    left = len(ordered) - _MOST
    return "\n".join([*lines, *([f"- and {left} more"] if left > 0 else [])])
