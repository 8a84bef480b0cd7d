"""A course on its trainer's side: asked for, answered, withdrawn, shown; runs beside Galaxy."""

from __future__ import annotations

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from nebulab.errors import NotThere, PortalError
from nebulab.portal import clock
from nebulab.portal.data.courses import Course, Place, Seat
from nebulab.portal.data.tables import Application, State
from nebulab.portal.rules import applications
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.courses.forms import TERMS, CourseForm
from nebulab.portal.rules.domains import Standing, checked_address
from nebulab.portal.rules.forms import read_text

UNDECIDED = (State.WAITING, State.ASKED)
_MOST_UNDECIDED = 10


def official_address(session: Session, account: Account, context: Context) -> tuple[str, Standing, bool]:
    """Return somebody's official address, what the lists say of it, and whether a mail has confirmed it.

    Raises
    ------
    PortalError
        The portal knows none.
    """
    query = select(Application.email).where(Application.person_id == account.id, Application.confirmed.is_not(None))
    for address in session.scalars(query.order_by(Application.submitted.desc())):
        standing = context.domains.standing(address)
        if standing.official:
            return address, standing, True
    address = checked_address(account.email)
    standing = context.domains.standing(address)
    if not standing.official:
        raise PortalError(
            f"Your account's address, {address}, does not show where you work, and a trainer is known by that.",
            "Apply for a GPU with your address at work: as soon as its mail is confirmed, you may ask for a course.",
        )
    return address, standing, False


def ask_for(session: Session, account: Account, form: CourseForm, context: Context) -> Course:
    """Keep what a trainer asks for, for the reviewers.

    Raises
    ------
    PortalError
        The trainer has no official address, or enough courses that are not decided.
    """
    email, standing, confirmed = official_address(session, account, context)
    undecided = select(func.count()).where(Course.trainer_id == account.id, Course.state.in_(UNDECIDED))
    if (session.scalar(undecided) or 0) >= _MOST_UNDECIDED:
        raise PortalError(
            f"{_MOST_UNDECIDED} courses of yours wait for a decision.", "Wait for one of them, or withdraw one."
        )
    applications.keep_person(session, account)
    course = Course(
        trainer_id=account.id,
        state=State.WAITING,
        email=email,
        standing=standing,
        confirmed=confirmed,
        name=form.name,
        purpose=form.purpose,
        gpu_need=form.gpu_need,
        begins=form.frame.begins,
        ends=form.frame.ends,
        places=form.frame.places,
        submitted=clock.now(),
        terms=TERMS,
    )
    session.add(course)
    session.flush()
    note(session, account.actor, "course-asked-for", person=account.id, course=course.id, places=course.places)
    return course


def own(session: Session, account: Account, course: str, *, lock: bool = False) -> Course:
    """Return a trainer's own course; with `lock` nobody else changes it, or who is in it, at the same time.

    Raises
    ------
    NotThere
        There is none, or it is somebody else's, which is not told apart.
    """
    found = session.get(Course, course, with_for_update=True if lock else None)
    if found is None or found.trainer_id != account.id:
        raise NotThere("There is no such course.", "Your own ones are on the page Courses.")
    return found


def of_trainer(session: Session, person: str) -> list[Course]:
    """Return a trainer's courses, the latest first."""
    query = select(Course).where(Course.trainer_id == person).order_by(Course.submitted.desc())
    return list(session.scalars(query.limit(200)))


def answer(session: Session, account: Account, course: str, text: str) -> None:
    """Answer a reviewer's question: the course is in the queue again.

    Raises
    ------
    NotThere, PortalError, FormError
        There is no question, or no answer.
    """
    found = own(session, account, course, lock=True)
    if found.state != State.ASKED:
        raise PortalError("Nobody waits for an answer here.")
    found.answer = read_text(text, "Write an answer.", "answer")
    found.state = State.WAITING
    note(session, account.actor, "course-answered", person=account.id, course=found.id)


def withdraw(session: Session, account: Account, course: str) -> None:
    """Take back what was asked for.

    Raises
    ------
    NotThere, PortalError
        It is decided already.
    """
    found = own(session, account, course, lock=True)
    if found.state not in UNDECIDED:
        raise PortalError("This course is decided.", "Ask the administrators to end it.")
    found.state = State.WITHDRAWN
    note(session, account.actor, "course-withdrawn", person=account.id, course=found.id)


def is_joined(session: Session, course: str, person: str) -> bool:
    """Return whether somebody is in a course."""
    place = session.get(Place, (course, person))
    return place is not None and place.state == Seat.JOINED


def lasting_of(session: Session, person: str) -> list[Course]:
    """Return the courses that somebody is in, and that have not ended, the next one first."""
    query = (
        select(Course)
        .join(Place, Place.course_id == Course.id)
        .where(Place.person_id == person, Place.state == Seat.JOINED, Course.ended.is_(None))
        .order_by(Course.begins, Course.id)
    )
    return list(session.scalars(query.limit(50)))


def former_of(session: Session, person: str) -> list[Course]:
    """Return the courses that somebody was in, as a participant: ended, left, or taken out of."""
    query = (
        select(Course)
        .join(Place, Place.course_id == Course.id)
        .where(Place.person_id == person, or_(Place.state != Seat.JOINED, Course.ended.is_not(None)))
        .order_by(Course.ends.desc(), Course.id)
    )
    return list(session.scalars(query.limit(50)))
