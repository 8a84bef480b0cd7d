"""Pages on GPU hours: one's own, the administrators', and their limits; runs beside Galaxy."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query
from starlette.responses import JSONResponse, Response

from nebulab.errors import FormError, GalaxyAway, NotThere, NotYours, SettingsError
from nebulab.pool.pool import Node, Pool
from nebulab.portal import clock
from nebulab.portal.data.hour_tables import HourAccount, Whose
from nebulab.portal.hours import advice, exports, limits
from nebulab.portal.hours.galaxy_tables import Names
from nebulab.portal.hours.limits import FREE_SHARE, MOST_DAYS, Standing, in_words
from nebulab.portal.hours.use import Job, free_at, month_of
from nebulab.portal.rules import tickets
from nebulab.portal.web import metrics
from nebulab.portal.web.public import Id, Token
from nebulab.portal.web.visit import Visit, Visiting
from nebulab.portal.work import hours as work
from nebulab.portal.work.hours import Hours

router = APIRouter()
router.include_router(metrics.router)
_log = logging.getLogger(__name__)
_DAYS = 30
"""Of the page of somebody's own jobs."""
_MOST_JOBS = 200
_IDLE_PERCENT = 5.0
"""Mean load of a machine's GPUs below which those that are taken count as idle."""
Month = Annotated[str, Query(pattern=r"^(20\d\d-(0[1-9]|1[0-2]))?$")]
Text = Annotated[str, Form()]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("/usage")
def own(visit: Visiting) -> Response:
    """Show somebody's own hours, jobs, and what to do better."""
    email, hours = _asker(visit)
    with _asking():
        standing, jobs = _own(visit, hours, email)
    now = clock.now()
    recent = [job for job in jobs if (job.ended or now) >= now - timedelta(days=_DAYS)]
    back = None
    if standing.hours is not None and standing.is_over:
        back = free_at(jobs, FREE_SHARE * standing.hours, standing.days, now)
    return visit.page(
        "usage",
        standing=standing,
        told=in_words(standing),
        back=back,
        jobs=recent[:_MOST_JOBS],
        left_out=max(0, len(recent) - _MOST_JOBS),
        averages=advice.averages(recent),
        advice=advice.advice(recent),
        rules=advice,
        days=_DAYS,
    )


@router.get("/usage.csv")
def own_csv(visit: Visiting) -> Response:
    """Return somebody's own jobs as a file."""
    email, hours = _asker(visit)
    with _asking():
        _, jobs = _own(visit, hours, email)
    return _file(exports.jobs_as_csv(jobs), "gpu-jobs.csv")


@router.get("/api/hours")
def for_programs(visit: Visiting) -> Response:
    """Return somebody's own hours as JSON; None as the limit is none."""
    email, hours = _asker(visit)
    with _asking():
        standing, _ = _own(visit, hours, email)
    told = {"used": round(standing.used, 3), "limit": standing.hours, "days": standing.days, "over": standing.is_over}
    return JSONResponse(told | {"in_words": in_words(standing)})


@router.get("/api/hours/mine")
def for_a_session(visit: Visiting) -> Response:
    """Return the hours of the account of a session's ticket, as JSON: the session tells them in the Lab."""
    key = visit.context.settings.ticket_key
    if not key:
        raise NotThere("There is no such page.")
    kind, _, text = visit.request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return JSONResponse({"error": "The ticket is missing."}, 401, {"WWW-Authenticate": "Bearer"})
    try:
        return JSONResponse(_of_ticket(visit, text.strip(), key))
    except NotYours as error:
        return JSONResponse({"error": str(error)}, 403)


def _of_ticket(visit: Visit, text: str, key: str) -> dict[str, Any]:
    ticket = tickets.read(text, key)
    hours = _hours(visit)
    visit.portal.rates.count("hours", f"ticket {ticket.account}")
    with visit.portal.database.reading() as session:
        tickets.check(session, ticket)
        row = session.get(HourAccount, ticket.account)
    with _asking():
        email = hours.tables.address(ticket.account)
        if email is None:
            raise NotYours("Galaxy has no such account any more.", "Log in to Galaxy.")
        standing, jobs = _own(visit, hours, email)
    refused = work.is_over(row, standing)
    back = free_at(jobs, FREE_SHARE * (standing.hours or 0), standing.days, clock.now()) if refused else None
    return {
        "used": round(standing.used, 3),
        "limit": standing.hours,
        "days": standing.days,
        "in_words": in_words(standing),
        "near": standing.is_near,
        "refused": refused,
        "back": None if back is None else f"{back:%Y-%m-%dT%H:%M:%SZ}",
    }


@router.get("/admin/usage")
def report(visit: Visiting, month: Month = "") -> Response:
    """Show who used how much in a month, and what is held now."""
    visit.administrator()
    hours = _hours(visit)
    month = month or exports.this_month()
    now = clock.now()
    with _asking():
        found = exports.report(hours.tables, month)
        running = [job for job in hours.tables.jobs(now) if job.ended is None]
    with visit.portal.database.reading() as session:
        differing = work.drift(session)
    return visit.page(
        "admin_usage",
        found=found,
        before=_shifted(month, -1),
        after=_shifted(month, 32) if month < exports.this_month() else "",
        running=running,
        since=now,
        idle=idle_nodes(visit.portal.chores.resources.now()),
        drift=differing,
    )


@router.get("/admin/usage.csv")
def report_csv(visit: Visiting, month: Month = "") -> Response:
    """Return a month's accounts as a file."""
    visit.administrator()
    hours = _hours(visit)
    month = month or exports.this_month()
    with _asking():
        found = exports.report(hours.tables, month)
    return _file(exports.month_as_csv(found), f"gpu-hours-{month}.csv")


@router.get("/admin/limits")
def rules(visit: Visiting) -> Response:
    """Show the limits, and the form that sets one."""
    visit.administrator()
    return _limits(visit)


@router.post("/admin/limits")
def put(
    visit: Visiting, whose: Text = "", name: Text = "", hours: Text = "", days: Text = "", form_token: Token = ""
) -> Response:
    """Set a limit."""
    try:
        with visit.deciding(form_token) as (session, actor):
            _hours(visit)
            limits.put(session, actor, whose=whose, name=name, hours=hours, days=days)
    except FormError as error:
        return _limits(visit, error, whose=whose, name=name, hours=hours, days=days)
    visit.portal.chores.add_up()
    return visit.to("/admin/limits", "limit")


@router.post("/admin/limits/{limit}/remove")
def remove(visit: Visiting, limit: Id, form_token: Token = "") -> Response:
    """Delete a limit."""
    with visit.deciding(form_token) as (session, actor):
        limits.remove(session, actor, limit)
    visit.portal.chores.add_up()
    return visit.to("/admin/limits", "limit-removed")


@router.post("/admin/hours/{account}/mend")
def mend(visit: Visiting, account: Number, form_token: Token = "") -> Response:
    """Make Galaxy's group what the portal says of an account."""
    with visit.deciding(form_token) as (session, actor):
        work.mend(session, account, actor)
    return visit.to("/admin/usage", "mended")


def idle_nodes(pool: Pool | None) -> list[tuple[Node, str]]:
    """Return the machines with GPUs that are taken and idle, and which; a source that tells no load names none."""
    found = []
    for node in pool.nodes if pool else ():
        for gpus in node.gpus:
            if gpus.busy and gpus.percent is not None and gpus.percent < _IDLE_PERCENT:
                found.append((node, f"{gpus.busy} of {gpus.total} {gpus.model}, at {gpus.percent:.0f} % load"))
    return found


def _asker(visit: Visit) -> tuple[str, Hours]:
    account = visit.account()
    hours = _hours(visit)
    visit.portal.rates.count("hours", account.id)
    return account.email, hours


def _own(visit: Visit, hours: Hours, email: str) -> tuple[Standing, list[Job]]:
    """Return how an account stands, and its jobs of the page's days or of the longest window."""
    with visit.portal.database.reading() as session:
        found = limits.listed(session)
    now = clock.now()
    jobs = hours.tables.jobs(now - timedelta(days=max(_DAYS, limits.longest(found))), email=email)
    account = hours.tables.account(email)
    names = hours.tables.names([account])[account] if account is not None else Names()
    return limits.standing(found, email, names, jobs, now), jobs


def _limits(visit: Visit, error: FormError | None = None, **filled: Any) -> Response:
    tables = _hours(visit).tables
    with visit.portal.database.reading() as session:
        found = limits.listed(session)
        with _asking():
            reach = limits.reach(found, tables)
        return visit.page(
            "limits",
            422 if error else 200,
            limits=found,
            reach=reach,
            kinds=[each.value for each in Whose],
            most_days=MOST_DAYS,
            faults=error.faults if error else {},
            filled={"whose": "everybody", "name": "", "hours": "", "days": "7"} | filled,
        )


def _hours(visit: Visit) -> Hours:
    hours = visit.portal.chores.hours
    if hours is None:
        raise NotThere(
            "This portal knows no GPU hours.",
            "Its administrator can name Galaxy's database, from which they are read: NEBULAB_PORTAL_GALAXY_DATABASE.",
        )
    return hours


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        # With the address of a server of somebody else's: for the log.
        _log.error("%s", error.message)
        raise GalaxyAway(
            "Galaxy's database does not answer, so the GPU hours can't be added up now.", "Try again in a minute."
        ) from None


def _shifted(month: str, days: int) -> str:
    begin: datetime = month_of(month)[0]
    return f"{begin + timedelta(days=days):%Y-%m}"


def _file(content: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)
