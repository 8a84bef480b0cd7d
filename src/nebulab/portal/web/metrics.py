"""The portal's figures for Prometheus, for who has the token; runs beside Galaxy."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from starlette.responses import PlainTextResponse, Response

from nebulab.errors import NotThere
from nebulab.pool.pool import Gpus
from nebulab.portal.data.tables import Access, Drift
from nebulab.portal.rules import accesses, decisions, errands
from nebulab.portal.web.visit import Portal, Visiting

router = APIRouter()


@router.get("/metrics")
def metrics(visit: Visiting) -> Response:
    """Return the figures; there is no such page without a token in the settings, and nothing to read without it."""
    token = visit.context.settings.metrics_token
    if not token:
        raise NotThere("There is no such page.")
    # Not for loopback without it: behind a web server everybody comes from there.
    given = visit.request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return PlainTextResponse("The token is missing or wrong.\n", 401, {"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(visit.portal))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class Figures(Collector):
    """What the portal knows, as it was last looked at: a scrape asks neither Galaxy nor the machines."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families."""
        yield from self._people()
        yield from self._chores()
        yield from self._pool()
        yield from self._hours()

    def _people(self) -> Iterator[GaugeMetricFamily]:
        with self._portal.database.reading() as session:
            states = decisions.counts(session)
            active = session.scalar(select(func.count()).select_from(Access).where(accesses.lasting())) or 0
            waiting = errands.count_waiting(session)
            drift = session.scalar(select(func.count()).select_from(Drift)) or 0
        yield _by("nebulab_applications", "Applications by their state.", "state", states)
        yield _one("nebulab_accesses", "Accesses to GPUs that last.", active)
        yield _one("nebulab_errands_waiting", "What Galaxy and the mail server have not heard yet.", waiting)
        yield _one("nebulab_drift", "Accounts that differ between the portal and Galaxy's groups.", drift)

    def _chores(self) -> Iterator[GaugeMetricFamily]:
        health = {each.name: 0 if each.trouble else 1 for each in self._portal.chores.health()}
        yield _by("nebulab_chore_works", "Whether what the portal does by itself works.", "chore", health)

    def _pool(self) -> Iterator[GaugeMetricFamily]:
        pool = self._portal.chores.resources.now()
        if pool is None:
            return
        gpus = GaugeMetricFamily("nebulab_gpus", "GPUs by model and state.", labels=["model", "state"])
        load = GaugeMetricFamily("nebulab_gpu_load_percent", "Mean load of a model's GPUs.", labels=["model"])
        for each in pool.models():
            for state, number in _states(each).items():
                gpus.add_metric([each.model, state], number)
            if each.percent is not None:
                load.add_metric([each.model], each.percent)
        yield gpus
        yield load
        if pool.waiting is not None:
            yield _one("nebulab_gpu_jobs_waiting", "Jobs in the queue for GPUs.", len(pool.waiting))

    def _hours(self) -> Iterator[GaugeMetricFamily]:
        hours = self._portal.chores.hours
        figures = hours.figures if hours is not None else None
        if figures is None:
            return
        text = "GPU hours of the last 24 hours, by tool."
        yield _by("nebulab_gpu_hours_last_day", text, "tool", figures.by_tool)
        yield _one("nebulab_gpu_jobs_running", "Sessions and jobs that hold GPUs, by Galaxy.", figures.running_jobs)
        yield _one("nebulab_gpus_held", "GPUs that those hold.", figures.running_gpus)
        yield _one("nebulab_accounts_with_hours", "Accounts with GPU hours in their window.", figures.accounts)
        yield _one("nebulab_accounts_over_limit", "Accounts whose GPU hours are used up.", figures.over)


def _states(gpus: Gpus) -> dict[str, int]:
    known = {"free": gpus.free, "busy": gpus.busy, "down": gpus.down}
    return {state: number for state, number in known.items() if number is not None}


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
