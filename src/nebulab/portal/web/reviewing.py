"""Pages of administrators: the queue, the accesses, how the portal does, and the log; runs beside Galaxy."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from nebulab.errors import FormError
from nebulab.portal.data.tables import ADDRESS, State
from nebulab.portal.rules import accesses, audit, decisions, errands, forms
from nebulab.portal.web.public import Id, Token
from nebulab.portal.web.visit import Visit, Visiting
from nebulab.portal.work import comparison

router = APIRouter(prefix="/admin")
Page = Annotated[int, Query(ge=1, le=100_000)]
Text = Annotated[str, Form()]
Version = Annotated[int, Form(ge=0, le=2**31 - 1)]
_LINES = 100


@router.get("/queue")
def queue(visit: Visiting, state: State = State.WAITING, page: Page = 1) -> Response:
    """Show the applications of a state, those that wait for a decision first of all."""
    visit.administrator()
    with visit.portal.database.reading() as session:
        found = decisions.queue(session, state, page)
        return visit.page(
            "queue",
            applications=found,
            counts=decisions.counts(session),
            state=state.value,
            number=page,
            more=len(found) == decisions.PAGE,
        )


@router.get("/applications/{application}")
def review(visit: Visiting, application: Id) -> Response:
    """Show an application, to be decided."""
    visit.administrator()
    return _review(visit, application)


@router.post("/applications/{application}/approve")
def approve(visit: Visiting, application: Id, version: Version, until: Text = "", form_token: Token = "") -> Response:
    """Give access."""
    try:
        with visit.deciding(form_token) as (session, actor):
            decisions.approve(session, application, version=version, actor=actor, context=visit.context, until=until)
    except FormError as error:
        return _review(visit, application, error, until=until)
    return visit.to("/admin/queue", "approved")


@router.post("/applications/{application}/refuse")
def refuse(visit: Visiting, application: Id, version: Version, reason: Text = "", form_token: Token = "") -> Response:
    """Refuse with a reason."""
    try:
        with visit.deciding(form_token) as (session, actor):
            decisions.refuse(session, application, version=version, actor=actor, context=visit.context, reason=reason)
    except FormError as error:
        return _review(visit, application, error, refusing=True, reason=reason)
    return visit.to("/admin/queue", "refused")


@router.post("/applications/{application}/ask")
def ask(visit: Visiting, application: Id, version: Version, question: Text = "", form_token: Token = "") -> Response:
    """Ask the person back."""
    try:
        with visit.deciding(form_token) as (session, actor):
            decisions.ask(session, application, version=version, actor=actor, context=visit.context, question=question)
    except FormError as error:
        return _review(visit, application, error, asking=True, question=question)
    return visit.to("/admin/queue", "asked")


@router.get("/accesses")
def people(visit: Visiting, ended: bool = False, page: Page = 1) -> Response:
    """Show who has access, or had it."""
    visit.administrator()
    with visit.portal.database.reading() as session:
        found = accesses.listed(session, page, ended=ended)
        return visit.page("accesses", accesses=found, ended=ended, number=page, more=len(found) == accesses.PAGE)


@router.get("/accesses/{person}")
def access(visit: Visiting, person: Id) -> Response:
    """Show a person's access."""
    visit.administrator()
    return _access(visit, person)


@router.post("/accesses/{person}/revoke")
def revoke(visit: Visiting, person: Id, version: Version, reason: Text = "", form_token: Token = "") -> Response:
    """End a person's access now."""
    try:
        with visit.deciding(form_token) as (session, actor):
            accesses.revoke(session, person, version=version, actor=actor, context=visit.context, reason=reason)
    except FormError as error:
        return _access(visit, person, error, reason)
    return visit.to("/admin/accesses", "revoked")


@router.get("/state")
def state(visit: Visiting) -> Response:
    """Show what waits, what fails, and what differs from Galaxy."""
    visit.administrator()
    with visit.portal.database.reading() as session:
        return visit.page(
            "state",
            health=visit.portal.chores.health(),
            errands=errands.waiting(session),
            given_up=errands.given_up(session) if visit.context.settings.smtp else [],
            count=errands.count_waiting(session),
            drift=comparison.listed(session),
        )


@router.post("/state/try")
def try_now(visit: Visiting, form_token: Token = "") -> Response:
    """Have all that waits tried now."""
    visit.administrator()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        errands.try_now(session)
    return visit.to("/admin/state", "tried")


@router.post("/state/compare")
def compare(visit: Visiting, form_token: Token = "") -> Response:
    """Compare with Galaxy's groups now."""
    visit.administrator()
    visit.check_form(form_token)
    visit.portal.chores.comparison.compare()
    return visit.to("/admin/state", "compared")


@router.post("/state/mend/{person}")
def mend(visit: Visiting, person: Id, form_token: Token = "") -> Response:
    """Make Galaxy's groups what the portal says of a person."""
    with visit.deciding(form_token) as (session, actor):
        comparison.mend(session, person, actor)
    return visit.to("/admin/state", "mended")


@router.get("/log")
def log(
    visit: Visiting,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    of: Annotated[str, Query(max_length=ADDRESS)] = "",
) -> Response:
    """Show the audit log, of all or of somebody, the latest line first."""
    visit.administrator()
    with visit.portal.database.reading() as session:
        lines = audit.latest(session, _LINES, before=before, of=of.replace("\0", ""))
        names = audit.names(session, lines)
        return visit.page("log", lines=lines, names=names, of=of, older=lines[-1].id if len(lines) == _LINES else None)


def _review(visit: Visit, application: str, error: FormError | None = None, **filled: Any) -> Response:
    with visit.portal.database.reading() as session:
        found = decisions.find(session, application)
        return visit.page(
            "review",
            422 if error else 200,
            application=found,
            faults=error.faults if error else {},
            longest=forms.longest_until(visit.context),
            filled={"until": found.wanted_until.isoformat(), "reason": "", "question": ""}
            | {"refusing": False, "asking": False}
            | filled,
        )


def _access(visit: Visit, person: str, error: FormError | None = None, reason: str = "") -> Response:
    with visit.portal.database.reading() as session:
        found = accesses.find(session, person)
        faults = error.faults if error else {}
        return visit.page("access", 422 if error else 200, access=found, faults=faults, reason=reason)
