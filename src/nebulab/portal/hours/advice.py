"""What somebody's own figures say on how their GPUs are used, and what to do about it; runs beside Galaxy.

Each rule is one figure beyond a threshold; docs/access-for-users.md says the thresholds too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nebulab import contract
from nebulab.portal.hours.use import Job

FEWEST_HOURS = 1.0
"""Measured hours from which figures say something."""
IDLE_PERCENT = 50.0
"""A GPU that was idle (load below 5 %) for a larger share of its time waited for something."""
LOW_PERCENT, HIGH_PERCENT = 50.0, 80.0
"""Mean load while it computed: below the first it waited between two steps, above the second it was well used."""
LITTLE_PERCENT, MUCH_PERCENT = 25.0, 80.0
"""Highest use of a GPU's memory, as a share of it."""


@dataclass(frozen=True)
class Advice:
    """One finding: the figure in words, and what to do."""

    figure: str
    text: str
    good: bool = False


@dataclass(frozen=True)
class Averages:
    """Figures of several jobs, weighted by their hours; all shares in percent, None where nothing was measured."""

    hours: float = 0.0
    idle: float | None = None
    busy_load: float | None = None
    """Mean load of the time in which the GPU was not idle."""
    memory: float | None = None


def averages(jobs: Sequence[Job]) -> Averages:
    """Return the figures of those of the jobs whose load was measured."""
    measured = [job for job in jobs if job.load is not None and job.idle is not None and job.hours > 0]
    hours = sum(job.hours for job in measured)
    if not hours:
        return Averages()
    idle = sum((job.idle or 0) * job.hours for job in measured) / hours
    load = sum((job.load or 0) * job.hours for job in measured) / hours
    shares = [
        (100 * (job.memory_peak_mb or 0) / job.memory_total_mb, job.hours) for job in measured if job.memory_total_mb
    ]
    weight = sum(each for _, each in shares)
    return Averages(
        hours=hours,
        idle=idle,
        busy_load=min(100.0, load / (1 - idle / 100)) if idle < 99.5 else None,
        memory=sum(share * each for share, each in shares) / weight if weight else None,
    )


def advice(jobs: Sequence[Job]) -> list[Advice]:
    """Return what to do, the most costly first; nothing where too little was measured to say."""
    all_ = averages(jobs)
    if all_.idle is None or all_.hours < FEWEST_HOURS:
        return []
    return [*_idle(jobs), *_load(all_), *_memory(all_)]


def _idle(jobs: Sequence[Job]) -> list[Advice]:
    found = []
    for kind, chosen, text in (
        (
            "sessions",
            [job for job in jobs if contract.LAB_TOOL in job.tool],
            "Somebody else could have had it. End a session when you only read and write, and send what takes long as "
            "a job: it ends by itself.",
        ),
        (
            "jobs",
            [job for job in jobs if contract.LAB_TOOL not in job.tool],
            "The GPU waits for its data. Load it in several processes (PyTorch: num_workers and pin_memory; Keras and "
            "TensorFlow: prefetch and a parallel map), prepare images once and not in every epoch, and ask for a GPU "
            "only for the part that computes on it.",
        ),
    ):
        of_kind = averages(chosen)
        if of_kind.idle is not None and of_kind.idle > IDLE_PERCENT:
            found.append(Advice(f"In your {kind} the GPU was idle for {of_kind.idle:.0f} % of its time.", text))
    return found


def _load(all_: Averages) -> list[Advice]:
    load, memory = all_.busy_load, all_.memory
    if load is None:
        return []
    if load >= HIGH_PERCENT:
        figure = f"While it computed, the GPU's load was {load:.0f} %."
        return [Advice(figure, "That is good use. Mixed precision may still make it faster.", good=True)]
    if load >= LOW_PERCENT:
        return []
    figure = f"While it computed, the GPU's load was {load:.0f} %"
    if memory is not None and memory > MUCH_PERCENT:
        text = (
            "Its memory is full, so that no larger batch fits: mixed precision halves what a batch takes, and the "
            "batch can then be larger. If the load stays low, it is the data that comes too slowly."
        )
        return [Advice(f"{figure}, with {memory:.0f} % of its memory in use.", text)]
    text = "Each step is too small for it. Double the batch size until the load or the memory stops growing."
    return [Advice(f"{figure}.", text)]


def _memory(all_: Averages) -> list[Advice]:
    if all_.memory is None or all_.memory >= LITTLE_PERCENT:
        return []
    return [
        Advice(
            f"At most {all_.memory:.0f} % of the GPU's memory was in use.",
            "A smaller GPU, or a slice of one, would do, and is free sooner where there are some; on this one there is "
            "room for a larger batch or model.",
        )
    ]
