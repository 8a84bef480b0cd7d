"""Pages of trainers and participants: courses asked for, joined, and how they go; runs beside Galaxy."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from nebulab.errors import FormError, NebulabError, NotThere
from nebulab.portal.data.courses import Course
from nebulab.portal.data.tables import LINE, TEXT
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.courses import asking, forms, letters, outbox, places
from nebulab.portal.rules.forms import longest_until
from nebulab.portal.web.public import Id, Token
from nebulab.portal.web.visit import Visit, Visiting

router = APIRouter()
Code = Annotated[str, Query(max_length=100)]


class Filled(BaseModel):
    """The form's fields as a browser sends them."""

    form_token: str = ""
    name: str = ""
    purpose: str = ""
    gpu_need: str = ""
    begins: str = ""
    ends: str = ""
    places: str = ""
    terms: str = ""


@router.get("/courses")
def mine(visit: Visiting) -> Response:
    """Show the courses that somebody gives, and those that they are in."""
    account = visit.account()
    with visit.portal.database.reading() as session:
        return visit.page(
            "courses",
            given=asking.of_trainer(session, account.id),
            joined=asking.lasting_of(session, account.id),
            former=asking.former_of(session, account.id),
        )


@router.get("/courses/new")
def form(visit: Visiting) -> Response:
    """Show the form, or say at once why somebody can't be a trainer."""
    account = visit.account()
    with visit.portal.database.reading() as session:
        asking.official_address(session, account, visit.context)
    return _form(visit, dict.fromkeys(Filled.model_fields, ""), {})


@router.post("/courses/new")
def ask_for(visit: Visiting, filled: Annotated[Filled, Form()]) -> Response:
    """Keep what a trainer asks for."""
    account = visit.account()
    visit.check_form(filled.form_token)
    visit.portal.rates.count("apply", account.id)
    try:
        read = forms.read_course(filled.model_dump(), visit.context)
        with visit.portal.database.writing() as session:
            course = asking.ask_for(session, account, read, visit.context)
    except FormError as error:
        return _form(visit, filled.model_dump(), error.faults, 422)
    return visit.to(f"/courses/{course.id}", "course-asked-for")


@router.get("/courses/{course}")
def show(visit: Visiting, course: Id) -> Response:
    """Show a trainer's own course, or one that somebody is in."""
    account = visit.account()
    with visit.portal.database.reading() as session:
        try:
            found = asking.own(session, account, course)
        except NotThere:
            return _place(visit, session, account, course)
        return _course(visit, session, found)


@router.post("/courses/{course}/answer")
def answer(visit: Visiting, course: Id, form_token: Token = "", answer: Annotated[str, Form()] = "") -> Response:
    """Answer a reviewer's question."""
    account = visit.account()
    visit.check_form(form_token)
    try:
        with visit.portal.database.writing() as session:
            asking.answer(session, account, course, answer)
    except FormError as error:
        with visit.portal.database.reading() as session:
            found = asking.own(session, account, course)
            return _course(visit, session, found, 422, faults=error.faults, answer=answer)
    return visit.to(f"/courses/{course}", "answered")


@router.post("/courses/{course}/withdraw")
def withdraw(visit: Visiting, course: Id, form_token: Token = "") -> Response:
    """Take back what was asked for."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        asking.withdraw(session, account, course)
    return visit.to("/courses", "course-withdrawn")


@router.post("/courses/{course}/code")
def renew_code(visit: Visiting, course: Id, form_token: Token = "") -> Response:
    """Make a new code; the former one opens nothing any more."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        places.renew_code(session, account, course)
    return visit.to(f"/courses/{course}", "course-code")


@router.post("/courses/{course}/remove/{person}")
def remove(visit: Visiting, course: Id, person: Id, form_token: Token = "") -> Response:
    """Take a participant out."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        places.remove(session, account, course, person, visit.context)
    return visit.to(f"/courses/{course}", "course-removed")


@router.post("/courses/{course}/help")
def call_for_help(visit: Visiting, course: Id, form_token: Token = "") -> Response:
    """Tell the trainer that a participant needs help."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        places.call_for_help(session, account, course)
    return visit.to(f"/courses/{course}", "course-help")


@router.post("/courses/{course}/solved")
def solved(visit: Visiting, course: Id, form_token: Token = "") -> Response:
    """Take the call for help back."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        places.solved(session, account, course)
    return visit.to(f"/courses/{course}", "course-solved")


@router.post("/courses/{course}/leave")
def leave(visit: Visiting, course: Id, form_token: Token = "") -> Response:
    """Give a place back."""
    account = visit.account()
    visit.check_form(form_token)
    with visit.portal.database.writing() as session:
        places.leave(session, account, course)
    return visit.to("/courses", "course-left")


@router.get("/join")
def type_code(visit: Visiting, code: Code = "") -> Response:
    """Show the field for a code, and lead to the course that it opens."""
    visit.needed()
    if not code:
        return visit.page("join", code="", faults={})
    read = places.read_code(code)
    if not read:
        fault = "A code has eight letters and digits, as K7QM-2XWP: without I, L, O, 0 and 1."
        return visit.page("join", 422, code=code, faults={"code": fault})
    return RedirectResponse(f"{visit.context.settings.path}/join/{read}", 303)


@router.get("/join/{code}")
def join_page(visit: Visiting, code: Id) -> Response:
    """Show the course that a code opens."""
    account = _counted(visit)
    with visit.portal.database.reading() as session:
        return _join_page(visit, session, account, code)


@router.post("/join/{code}")
def join(visit: Visiting, code: Id, form_token: Token = "", terms: Annotated[str, Form()] = "") -> Response:
    """Join a course."""
    account = _counted(visit)
    visit.check_form(form_token)
    if terms != forms.TERMS:
        with visit.portal.database.reading() as session:
            return _join_page(visit, session, account, code, {"terms": "Accept the terms for courses."})
    with visit.portal.database.writing() as session:
        course = places.join(session, account, code, visit.context)
    return visit.to(f"/courses/{course.id}", "course-joined")


def _counted(visit: Visit) -> Account:
    """Return who tries a code, of which nobody has many tries; a class comes from one address."""
    account = visit.account()
    visit.portal.rates.count("join", account.id)
    visit.portal.rates.count("join_address", visit.address)
    return account


def _form(visit: Visit, filled: dict[str, str], faults: dict[str, str], status: int = 200) -> Response:
    values = {"longest": longest_until(visit.context), "line": LINE, "text": TEXT, "most": forms.MOST_PLACES}
    return visit.page("course_form", status, filled=filled, faults=faults, terms_version=forms.TERMS, **values)


def _join_page(
    visit: Visit, session: Session, account: Account, code: str, faults: dict[str, str] | None = None
) -> Response:
    course = places.of_code(session, code)
    if asking.is_joined(session, course.id, account.id):
        return RedirectResponse(f"{visit.context.settings.path}/courses/{course.id}", 303)
    places.check_may_join(session, account, course)
    return visit.page(
        "join_course",
        422 if faults else 200,
        course=course,
        code=places.read_code(code),
        free=course.places - places.taken(session, course.id),
        faults=faults or {},
        terms_version=forms.TERMS,
    )


def _place(visit: Visit, session: Session, account: Account, course: str) -> Response:
    place = places.of_person(session, account, course)
    underway = outbox.waits(session, course, account.id)
    return visit.page("course_place", place=place, course=place.course, underway=underway)


def _course(visit: Visit, session: Session, course: Course, status: int = 200, **filled: Any) -> Response:
    people = places.participants(session, course.id)
    sessions: dict[str, str] = {}
    away = ""
    if people and course.ended is None:
        try:
            sessions = visit.portal.chores.courses.sessions()
        except NebulabError as error:
            away = error.message
    code = course.code or ""
    return visit.page(
        "course",
        status,
        course=course,
        people=people,
        sessions=sessions,
        sessions_unknown=away,
        code=letters.shown_code(code) if code else "",
        link=letters.link(visit.context.settings, code),
        **({"faults": {}, "answer": ""} | filled),
    )
