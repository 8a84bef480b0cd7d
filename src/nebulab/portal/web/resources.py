"""The page of resources, for everybody: what there is to compute on, what is free, who waits; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from nebulab.errors import NotThere
from nebulab.pool.pool import Pool
from nebulab.portal import clock
from nebulab.portal.data.tables import PoolSample
from nebulab.portal.web.shown import duration, size
from nebulab.portal.web.visit import Visit, Visiting
from nebulab.portal.work.resources import LOOK_SECONDS, SAMPLE_MINUTES
from nebulab.portal.work.waits import Waits

router = APIRouter()
_DAYS = 7
_WIDTH, _HEIGHT = 700, 160
_STALE_SECONDS = 6 * LOOK_SECONDS


@router.get("/resources")
def page(visit: Visiting) -> Response:
    """Show the tables and the plot; a script brings the tables of this moment."""
    shown = _shown(visit)
    return visit.page("resources", **shown, plot=plot(visit.portal.chores.resources.history(_DAYS), clock.now()))


@router.get("/resources/now")
def part(visit: Visiting) -> Response:
    """Return the page's tables alone."""
    return visit.part("resources_now", **_shown(visit))


@router.get("/api/resources")
def for_programs(visit: Visiting) -> Response:
    """Return the same as JSON; sizes in MiB, times in UTC, waits in seconds."""
    pool = _pool(visit)
    waits = visit.portal.chores.resources.waits
    return JSONResponse(
        {
            "at": pool.at.isoformat(timespec="seconds"),
            "complete": not pool.troubles,
            "gpus": [
                {
                    "model": gpus.model,
                    "memory_mb": gpus.memory_mb,
                    "total": gpus.total,
                    "free": gpus.free,
                    "busy": gpus.busy,
                    "down": gpus.down,
                    "load_percent": None if gpus.percent is None else round(gpus.percent, 1),
                }
                for gpus in pool.models()
            ],
            "cpus": {"total": pool.total("cpus"), "busy": pool.total("cpus_busy")},
            "memory_mb": {"total": pool.total("memory_mb"), "busy": pool.total("memory_busy_mb")},
            "disk_mb": pool.total("disk_mb"),
            "machines": {"total": len(pool.nodes), "down": sum(not node.up for node in pool.nodes)},
            "waiting": None
            if pool.waiting is None
            else [
                {
                    "since": one.since.isoformat(timespec="seconds"),
                    "gpus": one.gpus,
                    "model": one.model,
                }
                for one in pool.waiting
            ],
            "expected_wait": {
                "jobs": waits.number,
                "median": waits.median,
                "median_from": waits.low,
                "median_to": waits.high,
                "nine_in_ten": waits.longest_of_ten,
            },
            "session": dict(visit.context.settings.session),
        },
        headers=_SHARED,
    )


@router.get("/resources/badge.svg")
def badge(visit: Visiting) -> Response:
    """Return a small picture for other pages: how many GPUs are free now."""
    pool = _pool(visit)
    models = pool.models()
    free = None if any(gpus.free is None for gpus in models) else sum(gpus.free or 0 for gpus in models)
    total = sum(gpus.total for gpus in models)
    text = f"{free} of {total} free" if free is not None else f"{total}"
    text = text if total else "none here"
    return visit.part(
        "badge", media_type="image/svg+xml", headers=_SHARED, text=text, width=60 + 7 * len(text), good=bool(free)
    )


# Scripts of other pages may read what everybody may see.
_SHARED = {"Cache-Control": f"public, max-age={LOOK_SECONDS:.0f}", "Access-Control-Allow-Origin": "*"}


def _pool(visit: Visit) -> Pool:
    resources = visit.portal.chores.resources
    if not visit.context.settings.pool:
        raise NotThere(
            "This portal shows no resources.", "Its administrator can name where to read them: NEBULAB_PORTAL_POOL."
        )
    pool = resources.now()
    if pool is None:
        raise NotThere("The machines have not been asked yet.", "Look again in a few seconds.")
    return pool


def _shown(visit: Visit) -> dict[str, Any]:
    pool = _pool(visit)
    waits = visit.portal.chores.resources.waits
    now = datetime.now(UTC)
    waiting = pool.waiting
    return {
        "pool": pool,
        "models": pool.models(),
        "totals": _totals(pool),
        "down": [node for node in pool.nodes if not node.up],
        "waiting": waiting,
        "longest": duration((now - waiting[0].since).total_seconds()) if waiting else "",
        "waits": waits,
        "expected": expected(waits),
        "session": visit.context.settings.session,
        "stale": (now - pool.at).total_seconds() > _STALE_SECONDS,
    }


def _totals(pool: Pool) -> list[tuple[str, str, str]]:
    """Return the rows of what is not counted by model: what, how much in all, how much of it is taken."""
    rows = []
    for name, figure, busy in (("Processors", "cpus", "cpus_busy"), ("Memory", "memory_mb", "memory_busy_mb")):
        total, taken = pool.total(figure), pool.total(busy)
        if total is not None:
            shown = [f"{value:,}" if figure == "cpus" else size(value) for value in (total, taken or 0)]
            rows.append((name, shown[0], shown[1] if taken is not None else ""))
    disk = pool.total("disk_mb")
    if disk is not None:
        rows.append(("Disk of the machines", size(disk), ""))
    return rows


def expected(waits: Waits) -> str:
    """Return the sentence on how long one waits for a machine, with its error; empty where too few jobs ran."""
    if waits.median is None or waits.low is None or waits.high is None or waits.longest_of_ten is None:
        return ""
    median, low, high = (duration(seconds) for seconds in (waits.median, waits.low, waits.high))
    error = "" if low == high == median else f" (between {low} and {high}, with 95 % confidence)"
    return (
        f"Half of the last {waits.number:,} sessions and trainings of four weeks waited {median} or less{error}; "
        f"nine in ten no longer than {duration(waits.longest_of_ten)}."
    )


@dataclass(frozen=True)
class Plot:
    """The last days as an SVG's figures: areas and lines as points, and where the words stand."""

    busy: tuple[str, ...]
    total: tuple[str, ...]
    days: tuple[tuple[float, str], ...]
    most: int
    summary: str


def plot(samples: Sequence[PoolSample], now: datetime) -> Plot | None:
    """Draw how many GPUs were taken in the last days; None without samples. A time without the portal is a gap."""
    moments: dict[datetime, list[PoolSample]] = {}
    for sample in samples:
        moments.setdefault(sample.at, []).append(sample)
    points = [
        (at, sum(one.total for one in same), sum((one.busy or 0) + one.down for one in same))
        for at, same in moments.items()
        if all(one.busy is not None for one in same)
    ]
    if not points:
        return None
    most = max(1, *(total for _, total, _ in points))
    begin = now - timedelta(days=_DAYS)

    def x(at: datetime) -> float:
        return round((at - begin).total_seconds() / (_DAYS * 86_400) * _WIDTH, 1)

    def y(number: int) -> float:
        return round(_HEIGHT - number / most * _HEIGHT, 1)

    runs: list[list[tuple[datetime, int, int]]] = []
    for point in points:
        if not runs or point[0] - runs[-1][-1][0] > timedelta(minutes=3 * SAMPLE_MINUTES):
            runs.append([])
        runs[-1].append(point)
    busy, lines = [], []
    for run in runs:
        # A sample stands for the ten minutes after it.
        end = min(run[-1][0] + timedelta(minutes=SAMPLE_MINUTES), now)
        steps = [*run, (end, run[-1][1], run[-1][2])]
        edge = " ".join(f"{x(at)},{y(taken)}" for at, _, taken in steps)
        busy.append(f"{x(run[0][0])},{_HEIGHT} {edge} {x(end)},{_HEIGHT}")
        lines.append(" ".join(f"{x(at)},{y(total)}" for at, total, _ in steps))
    days = []
    for number in range(_DAYS + 1):
        midnight = datetime(now.year, now.month, now.day) - timedelta(days=number)
        if midnight >= begin:
            days.append((x(midnight), f"{midnight:%a} {midnight.day}"))
    mean = sum(taken / total for _, total, taken in points if total) / len(points)
    peak = max(taken for _, _, taken in points)
    summary = f"On average {mean:.0%} of the GPUs were taken or down, at most {peak} of {most}."
    return Plot(tuple(busy), tuple(lines), tuple(reversed(days)), most, summary)
