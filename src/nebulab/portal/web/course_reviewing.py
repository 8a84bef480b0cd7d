"""Pages of administrators on courses: those that wait, last and have ended, and what is decided; runs beside Galaxy."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form
from pydantic import BaseModel, Field
from starlette.responses import Response

from nebulab.errors import FormError, NebulabError, NotThere
from nebulab.portal import clock
from nebulab.portal.rules import applications
from nebulab.portal.rules.courses import deciding, forms, outbox, places
from nebulab.portal.rules.forms import longest_until
from nebulab.portal.web.public import Id, Token
from nebulab.portal.web.reviewing import Page, Text, Version
from nebulab.portal.web.visit import Visit, Visiting

router = APIRouter(prefix="/admin/courses")


class Framed(BaseModel):
    """Days and places as a browser sends them, with the version that the reviewer has seen."""

    version: int = Field(ge=0, le=2**31 - 1)
    form_token: str = ""
    begins: str = ""
    ends: str = ""
    places: str = ""

    def days(self) -> dict[str, str]:
        """Return the fields of the frame."""
        return {"begins": self.begins, "ends": self.ends, "places": self.places}


@router.get("")
def queue(visit: Visiting, state: str = "waiting", page: Page = 1) -> Response:
    """Show the courses of a state, those that wait for a decision first of all."""
    visit.administrator()
    if state not in deciding.SHOWN:
        raise NotThere("There is no such state.", "The page of courses names those that there are.")
    with visit.portal.database.reading() as session:
        found = deciding.queue(session, state, page)
        return visit.page(
            "admin_courses",
            courses=found,
            waiting=deciding.count_waiting(session),
            taken={each.id: places.taken(session, each.id) for each in found},
            states=[str(each) for each in deciding.SHOWN],
            state=state,
            number=page,
            more=len(found) == deciding.PAGE,
        )


@router.get("/{course}")
def review(visit: Visiting, course: Id) -> Response:
    """Show a course, to be decided, changed or ended."""
    visit.administrator()
    return _review(visit, course)


@router.post("/{course}/approve")
def approve(visit: Visiting, course: Id, framed: Annotated[Framed, Form()]) -> Response:
    """Approve a course."""
    try:
        with visit.deciding(framed.form_token) as (session, actor):
            frame, version = forms.read_frame(framed.days(), visit.context), framed.version
            deciding.approve(session, course, version=version, actor=actor, context=visit.context, frame=frame)
    except FormError as error:
        return _review(visit, course, error, **framed.days())
    return visit.to("/admin/courses", "course-approved")


@router.post("/{course}/refuse")
def refuse(visit: Visiting, course: Id, version: Version, reason: Text = "", form_token: Token = "") -> Response:
    """Refuse with a reason."""
    try:
        with visit.deciding(form_token) as (session, actor):
            deciding.refuse(session, course, version=version, actor=actor, context=visit.context, reason=reason)
    except FormError as error:
        return _review(visit, course, error, refusing=True, reason=reason)
    return visit.to("/admin/courses", "course-refused")


@router.post("/{course}/ask")
def ask(visit: Visiting, course: Id, version: Version, question: Text = "", form_token: Token = "") -> Response:
    """Ask the trainer back."""
    try:
        with visit.deciding(form_token) as (session, actor):
            deciding.ask(session, course, version=version, actor=actor, context=visit.context, question=question)
    except FormError as error:
        return _review(visit, course, error, asking=True, question=question)
    return visit.to("/admin/courses", "course-asked")


@router.post("/{course}/change")
def change(visit: Visiting, course: Id, framed: Annotated[Framed, Form()]) -> Response:
    """Give a course another last day, or another number of places."""
    # The first day stays, and may have passed.
    days = framed.days() | {"begins": clock.today().isoformat()}
    try:
        with visit.deciding(framed.form_token) as (session, actor):
            frame, version = forms.read_frame(days, visit.context), framed.version
            deciding.change(session, course, version=version, actor=actor, context=visit.context, frame=frame)
    except FormError as error:
        return _review(visit, course, error, ends=framed.ends, places=framed.places)
    return visit.to(f"/admin/courses/{course}", "course-changed")


@router.post("/{course}/end")
def end(visit: Visiting, course: Id, version: Version, reason: Text = "", form_token: Token = "") -> Response:
    """End a course now."""
    try:
        with visit.deciding(form_token) as (session, actor):
            deciding.end(session, course, version=version, actor=actor, context=visit.context, reason=reason)
    except FormError as error:
        return _review(visit, course, error, ending=True, reason=reason)
    return visit.to(f"/admin/courses/{course}", "course-ended")


@router.post("/{course}/mend")
def mend(visit: Visiting, course: Id, form_token: Token = "") -> Response:
    """Make the course's group in Galaxy what the portal says."""
    administrator = visit.administrator()
    visit.check_form(form_token)
    strangers = visit.portal.chores.courses.difference(course).strangers
    with visit.portal.database.writing() as session:
        deciding.find(session, course)
        places.tell_galaxy_again(session, course, strangers, applications.acting(session, administrator))
    return visit.to(f"/admin/courses/{course}", "course-mended")


def _review(visit: Visit, course: str, error: FormError | None = None, **filled: Any) -> Response:
    difference, unknown = None, ""
    with visit.portal.database.reading() as session:
        found = deciding.find(session, course)
        if found.slug and not outbox.waits(session, found.id):
            try:
                difference = visit.portal.chores.courses.difference(found.id)
            except NebulabError as failure:
                unknown = failure.message
        known = {
            "begins": found.begins.isoformat(),
            "ends": found.ends.isoformat(),
            "places": str(found.places),
            **dict.fromkeys(("reason", "question"), ""),
            **dict.fromkeys(("refusing", "asking", "ending"), False),
        }
        return visit.page(
            "admin_course",
            422 if error else 200,
            course=found,
            people=places.participants(session, found.id),
            difference=difference,
            unknown=unknown,
            most=forms.MOST_PLACES,
            faults=error.faults if error else {},
            longest=longest_until(visit.context),
            filled=known | filled,
        )
