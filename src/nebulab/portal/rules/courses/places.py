"""A course's participants: who joins by its code, leaves, is taken out, and asks for help; runs beside Galaxy.

Whoever changes who is in a course holds its row: of two who join at the last place, one gets it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from nebulab.errors import NotThere, PortalError
from nebulab.portal import clock
from nebulab.portal.data.courses import Course, Place, Seat
from nebulab.portal.data.tables import Access, Ending, Person, State
from nebulab.portal.rules import applications, errands
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.courses import letters, outbox
from nebulab.portal.rules.courses.asking import own
from nebulab.portal.rules.courses.forms import TERMS

_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Of codes: none that is read as another one from a blackboard."""
CODE_LENGTH = 8
"""With 31 letters nearly 10^12 codes: at ten attempts a minute nobody finds one."""


def new_code() -> str:
    """Return a code that nobody can guess."""
    return "".join(secrets.choice(_LETTERS) for _ in range(CODE_LENGTH))


def read_code(typed: str) -> str:
    """Return a code as it is kept, however it was typed; nothing if it can't be one."""
    code = "".join(each for each in typed[:40].upper() if each.isalnum())
    return code if len(code) == CODE_LENGTH and set(code) <= set(_LETTERS) else ""


def of_code(session: Session, typed: str, *, lock: bool = False) -> Course:
    """Return the course that a code opens.

    Raises
    ------
    NotThere, PortalError
        It opens none, or the course has ended.
    """
    code = read_code(typed)
    query = select(Course).where(Course.code == code, Course.state == State.APPROVED)
    found = session.scalars(query.with_for_update() if lock else query).first() if code else None
    if found is None:
        raise NotThere(
            "This code opens no course.",
            "Look whether it is written rightly; if it is, ask your trainer: there may be a new code.",
        )
    if found.ended is not None or found.ends < clock.today():
        raise PortalError("This course has ended.", "If it should go on, your trainer asks the administrators.")
    return found


def taken(session: Session, course: str) -> int:
    """Return how many are in a course."""
    query = select(func.count()).select_from(Place).where(Place.course_id == course, Place.state == Seat.JOINED)
    return session.scalar(query) or 0


def participants(session: Session, course: str) -> list[Place]:
    """Return who is in a course, those first who have waited for help the longest."""
    query = (
        select(Place)
        .where(Place.course_id == course, Place.state == Seat.JOINED)
        .join(Place.person)
        .options(contains_eager(Place.person))
        .order_by(Place.help_since.is_(None), Place.help_since, Person.email)
    )
    return list(session.scalars(query))


def check_may_join(session: Session, account: Account, course: Course) -> None:
    """Require that nobody has forbidden somebody to join.

    Raises
    ------
    PortalError
        The trainer has taken the person out, or an administrator has revoked the person's own access.
    """
    place = session.get(Place, (course.id, account.id))
    if place is not None and place.state == Seat.REMOVED:
        raise PortalError("Your trainer has taken you out of this course.", "If that is a mistake, ask your trainer.")
    access = session.get(Access, account.id)
    if access is not None and access.ending == Ending.REVOKED:
        raise PortalError(
            "Your access to GPUs was revoked, for courses too.", "Apply again, or ask the administrators."
        )


def join(session: Session, account: Account, typed: str, context: Context) -> Course:
    """Give somebody a place; who has one keeps it.

    Raises
    ------
    NotThere, PortalError
        The code opens no course, all places are taken, the trainer has taken the person out, or an administrator has
        revoked the person's own access.
    """
    course = of_code(session, typed, lock=True)
    applications.keep_person(session, account)
    place = session.get(Place, (course.id, account.id))
    if place is not None and place.state == Seat.JOINED:
        return course
    check_may_join(session, account, course)
    if taken(session, course.id) >= course.places:
        raise PortalError(
            f"All {course.places} places of this course are taken.", "More places: the trainer asks the administrators."
        )
    if place is None:
        place = Place(course_id=course.id, person_id=account.id)
        session.add(place)
    place.state, place.joined, place.terms, place.help_since = Seat.JOINED, clock.now(), TERMS, None
    outbox.want_place(session, course.id, account.id)
    letter = letters.joined(context.settings, course)
    errands.send(session, account.id, account.email, letter, context.settings.sender)
    note(session, account.actor, "course-joined", person=account.id, course=course.id, terms=TERMS)
    return course


def of_person(session: Session, account: Account, course: str) -> Place:
    """Return somebody's own place.

    Raises
    ------
    NotThere
        They are not in this course, or there is none.
    """
    place = session.get(Place, (course, account.id), options=[joinedload(Place.course)])
    if place is None or place.state != Seat.JOINED:
        raise NotThere("There is no such course.", "Those that you are in are on the page Courses.")
    return place


def leave(session: Session, account: Account, course: str) -> None:
    """Give a place back.

    Raises
    ------
    NotThere
        As `of_person`.
    """
    place = of_person(session, account, course)
    place.state, place.help_since = Seat.LEFT, None
    outbox.want_place(session, course, account.id)
    note(session, account.actor, "course-left", person=account.id, course=course)


def call_for_help(session: Session, account: Account, course: str) -> None:
    """Tell the trainer that a participant needs help.

    Raises
    ------
    NotThere
        As `of_person`.
    """
    place = of_person(session, account, course)
    if place.help_since is None and place.course.ended is None:
        place.help_since = clock.now()
        note(session, account.actor, "course-help", person=account.id, course=course)


def solved(session: Session, account: Account, course: str) -> None:
    """Take the call for help back.

    Raises
    ------
    NotThere
        As `of_person`.
    """
    place = of_person(session, account, course)
    if place.help_since is not None:
        place.help_since = None
        note(session, account.actor, "course-solved", person=account.id, course=course)


def tell_galaxy_again(session: Session, course: str, others: Iterable[str], actor: Actor) -> None:
    """Have the course's group in Galaxy made what the portal says: its roles, its participants, and `others` left."""
    outbox.want_course(session, course)
    for person in {place.person_id for place in participants(session, course)} | set(others):
        outbox.want_place(session, course, person)
    note(session, actor, "course-mended", course=course)


def remove(session: Session, trainer: Account, course: str, person: str, context: Context) -> None:
    """Take a participant out of a trainer's own course.

    Raises
    ------
    NotThere
        The course is not the trainer's, or the person not in it.
    """
    found = own(session, trainer, course, lock=True)
    place = session.get(Place, (found.id, person), options=[joinedload(Place.person)])
    if place is None or place.state != Seat.JOINED:
        raise NotThere("This person is not in the course any more.", "Open its page again.")
    place.state, place.help_since = Seat.REMOVED, None
    outbox.want_place(session, found.id, person)
    letter = letters.removed(context.settings, found)
    errands.send(session, person, place.person.email, letter, context.settings.sender)
    note(session, trainer.actor, "course-removed", person=person, course=found.id)


def renew_code(session: Session, trainer: Account, course: str) -> None:
    """Make a new code: the former one, and its link, open nothing from now on; who is in stays in.

    Raises
    ------
    NotThere, PortalError
        The course is not the trainer's, or there is nothing to join.
    """
    found = own(session, trainer, course, lock=True)
    if found.code is None or found.ended is not None:
        raise PortalError("There is nothing to join in this course now.")
    found.code = new_code()
    note(session, trainer.actor, "course-code", person=trainer.id, course=found.id)
