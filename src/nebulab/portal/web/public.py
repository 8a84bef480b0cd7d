"""Pages for everybody: the first one, terms, privacy, and the confirmation of an address; runs beside Galaxy."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from nebulab.portal.data.tables import OPEN, Access, State
from nebulab.portal.hours import limits
from nebulab.portal.rules import applications, decisions, errands
from nebulab.portal.rules.accesses import may_use_gpus
from nebulab.portal.rules.courses import asking, deciding
from nebulab.portal.web.protection import FIELD
from nebulab.portal.web.visit import Visiting

router = APIRouter()
Id = Annotated[str, Path(pattern=r"^[\w-]{1,64}$")]
"""The part of an address that names an application, a person or a link: what can't be one is nowhere."""
Token = Annotated[str, Form(alias=FIELD)]
"""The hidden field of a form."""


@router.get("/")
def first(visit: Visiting) -> Response:
    """Show what somebody has here, or what this is."""
    person = visit.person
    if person is None:
        return visit.page("welcome")
    with visit.portal.database.reading() as session:
        found = applications.of_person(session, person.id)
        access = session.get(Access, person.id)
        lasts = may_use_gpus(access)
        # Each question is a fifth of this page's time, which most people open: those without an answer are not asked.
        counted = visit.context.settings.galaxy_database
        return visit.page(
            "home",
            applications=found,
            undecided=next((each for each in found if each.state in OPEN), None),
            access=access,
            lasts=lasts,
            hours=limits.of_account(session, person.email) if counted else None,
            underway=lasts and errands.membership_waits(session, person.id),
            courses=asking.lasting_of(session, person.id),
            courses_wait=deciding.count_waiting(session) if person.is_admin else 0,
            queue=decisions.count(session, State.WAITING) if person.is_admin else 0,
        )


@router.get("/terms")
def terms(visit: Visiting) -> Response:
    """Show the terms."""
    return visit.page("terms")


@router.get("/privacy")
def privacy(visit: Visiting) -> Response:
    """Tell what is kept, for what, and how it is had and erased."""
    return visit.page("privacy")


@router.get("/health")
def health(visit: Visiting) -> Response:
    """Say whether the database answers and the chores run, for whoever watches this process."""
    with visit.portal.database.reading() as session:
        session.execute(text("SELECT 1"))
    troubles = [each.name for each in visit.portal.chores.health() if each.trouble]
    return JSONResponse({"ok": True, "troubles": troubles})


@router.get("/confirm/{link}")
def confirm_page(visit: Visiting, link: Id) -> Response:
    """Show the button that confirms an address; mail scanners open links, and press none."""
    visit.portal.rates.count("confirm", visit.address)
    with visit.portal.database.reading() as session:
        application = applications.of_link(session, link)
        return visit.page("confirm", application=application, account=application.person.email, link=link)


@router.post("/confirm/{link}")
def confirm(visit: Visiting, link: Id, form_token: Token = "") -> Response:
    """Confirm the address: who has the mail needs no login for it."""
    visit.portal.rates.count("confirm", visit.address)
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        application = applications.confirm(session, link, visit.context)
        approved = application.state == State.APPROVED
    visit.portal.chores.wake()
    return visit.page("confirmed", approved=approved)
