"""Courses on the administrators' side, and what happens by itself: approved, begun, changed, ended; runs beside Galaxy.

Each act is one transaction with its errands: whatever is killed, a course begins once and ends once.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.exc import StaleDataError

from nebulab.errors import FormError, NotThere, Overtaken
from nebulab.portal import clock
from nebulab.portal.data.courses import SLUG, Conclusion, Course
from nebulab.portal.data.tables import State
from nebulab.portal.rules import errands
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import ITSELF, Actor, Context
from nebulab.portal.rules.courses import letters, outbox
from nebulab.portal.rules.courses.forms import Frame
from nebulab.portal.rules.courses.places import new_code, participants
from nebulab.portal.rules.forms import read_text
from nebulab.portal.rules.letters import Letter

LASTING, ENDED = "lasting", "ended"
"""What an approved course is, beside the states of those that are not."""
SHOWN = (State.WAITING, State.ASKED, LASTING, ENDED, State.REFUSED, State.WITHDRAWN)
PAGE = 50
AT_ONCE = 20
"""Courses that one look begins, and ends, at most."""


def queue(session: Session, shown: str = State.WAITING, page: int = 1) -> list[Course]:
    """Return courses as `SHOWN` names them, with their trainers: the oldest first, ended ones the latest first."""
    query = select(Course).options(joinedload(Course.trainer))
    if shown == LASTING:
        query = query.where(Course.state == State.APPROVED, Course.ended.is_(None)).order_by(Course.begins, Course.id)
    elif shown == ENDED:
        query = query.where(Course.ended.is_not(None)).order_by(Course.ended.desc(), Course.id)
    else:
        query = query.where(Course.state == shown).order_by(Course.submitted, Course.id)
    return list(session.scalars(query.limit(PAGE).offset((page - 1) * PAGE)))


def count_waiting(session: Session) -> int:
    """Return how many courses wait for a decision."""
    return session.scalar(select(func.count()).select_from(Course).where(Course.state == State.WAITING)) or 0


def find(session: Session, course: str) -> Course:
    """Return a course, whosever it is.

    Raises
    ------
    NotThere
        There is none.
    """
    found = session.get(Course, course, options=[joinedload(Course.trainer)])
    if found is None:
        raise NotThere(
            f"There is no course {course[:40]!r}.", "`nebulab access course list` shows those that are there."
        )
    return found


def frame_of(course: Course) -> Frame:
    """Return a course's days and places as they are."""
    return Frame(course.begins, course.ends, course.places)


def approve(
    session: Session, course: str, *, version: int | None, actor: Actor, context: Context, frame: Frame | None = None
) -> None:
    """Approve a course, as it was asked for or in another frame; it begins at once if its first day has come.

    Raises
    ------
    NotThere, Overtaken
        Nothing was changed.
    """
    with _changing(session, course, version, State.WAITING) as found:
        frame = frame or frame_of(found)
        if frame.ends < clock.today():
            raise Overtaken("The days of this course have passed.", "Give other days, or refuse it.")
        found.begins, found.ends, found.places = frame.begins, frame.ends, frame.places
        _decide(found, State.APPROVED, actor)
        found.reason = ""
        found.slug, found.code = _slug(found.name), new_code()
        outbox.want_course(session, found.id)
        _tell_trainer(session, found, letters.approved(context.settings, found), context)
        _note(session, actor, "course-approved", found)
        if found.begins <= clock.today():
            _begin(session, found, actor, context, told=False)


def refuse(session: Session, course: str, *, version: int | None, actor: Actor, context: Context, reason: str) -> None:
    """Refuse a course, with the reason that the trainer is told.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _changing(session, course, version, State.WAITING) as found:
        found.reason = read_text(reason, "Write the reason: the trainer gets it by mail.", "reason")
        _decide(found, State.REFUSED, actor)
        _tell_trainer(session, found, letters.refused(context.settings, found), context)
        _note(session, actor, "course-refused", found)


def ask(session: Session, course: str, *, version: int | None, actor: Actor, context: Context, question: str) -> None:
    """Ask the trainer something; the course waits for the answer.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _changing(session, course, version, State.WAITING) as found:
        found.reason = read_text(question, "Write the question: the trainer gets it by mail.", "question")
        _decide(found, State.ASKED, actor)
        _tell_trainer(session, found, letters.asked(context.settings, found), context)
        _note(session, actor, "course-asked", found)


def change(session: Session, course: str, *, version: int | None, actor: Actor, context: Context, frame: Frame) -> None:
    """Give a course that lasts another last day or number of places; its first day stays, which Galaxy was told.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _changing(session, course, version, State.APPROVED) as found:
        if frame.ends < found.begins:
            raise FormError({"ends": "The last day comes before the first one."})
        found.ends, found.places = frame.ends, frame.places
        _tell_trainer(session, found, letters.changed(context.settings, found), context)
        _note(session, actor, "course-changed", found)


def end(session: Session, course: str, *, version: int | None, actor: Actor, context: Context, reason: str) -> None:
    """End a course now, with the reason that trainer and participants are told.

    Raises
    ------
    NotThere, Overtaken, FormError
        Nothing was changed.
    """
    with _changing(session, course, version, State.APPROVED) as found:
        found.reason = read_text(reason, "Write the reason: trainer and participants get it by mail.", "reason")
        _end(session, found, Conclusion.EARLY, actor, context)


def begin_and_end(session: Session, context: Context) -> int:
    """Begin the courses whose first day has come, end those whose last has passed, and return how many they were."""
    today = clock.today()
    lasting = select(Course).where(Course.state == State.APPROVED, Course.ended.is_(None)).limit(AT_ONCE)
    lasting = lasting.with_for_update(of=Course, skip_locked=True).order_by(Course.id)
    over = list(session.scalars(lasting.where(Course.ends < today)))
    for course in over:
        _end(session, course, Conclusion.OVER, ITSELF, context)
    due = list(session.scalars(lasting.where(Course.begun.is_(None), Course.begins <= today, Course.ends >= today)))
    for course in due:
        _begin(session, course, ITSELF, context)
    return len(over) + len(due)


def _begin(session: Session, course: Course, actor: Actor, context: Context, *, told: bool = True) -> None:
    course.begun = clock.now()
    outbox.want_course(session, course.id)
    if told:
        _tell_all(session, course, letters.begun(context.settings, course), context)
    _note(session, actor, "course-begun", course)


def _end(session: Session, course: Course, ending: Conclusion, actor: Actor, context: Context) -> None:
    course.ended, course.ending = clock.now(), ending
    for place in participants(session, course.id):
        place.help_since = None
    outbox.want_course(session, course.id)
    _tell_all(session, course, letters.ended(context.settings, course), context)
    _note(session, actor, "course-ended", course)


def _tell_all(session: Session, course: Course, letter: Letter, context: Context) -> None:
    _tell_trainer(session, course, letter, context)
    for place in participants(session, course.id):
        if place.person_id != course.trainer_id:
            errands.send(session, place.person_id, place.person.email, letter, context.settings.sender)


def _tell_trainer(session: Session, course: Course, letter: Letter, context: Context) -> None:
    if course.trainer_id is not None:
        errands.send(session, course.trainer_id, course.email, letter, context.settings.sender)


def _note(session: Session, actor: Actor, act: str, course: Course) -> None:
    detail: dict[str, Any] = {"begins": course.begins, "ends": course.ends, "places": course.places}
    note(session, actor, act, person=course.trainer_id or "", course=course.id, **detail)


def _slug(name: str) -> str:
    """Return a name for Galaxy's group that no other has, of TIaaS's small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: SLUG - 9].strip("-") or "course"
    return f"{plain}-{secrets.token_hex(4)}"


def _decide(course: Course, state: State, actor: Actor) -> None:
    course.state, course.decided, course.decided_by = state, clock.now(), actor.name


@contextmanager
def _changing(session: Session, course: str, version: int | None, state: State) -> Iterator[Course]:
    """Yield a course of a state that has not ended, as the reviewer has seen it, and write the change."""
    found = find(session, course)
    if found.state != state or found.ended is not None or version not in {None, found.version}:
        raise _overtaken(found)
    try:
        with session.begin_nested():
            yield found
    except StaleDataError:
        session.expire_all()
        raise _overtaken(find(session, course)) from None


def _overtaken(found: Course) -> Overtaken:
    state = {State.APPROVED: "is approved", State.REFUSED: "was refused", State.ASKED: "waits for the trainer's answer",
             State.WITHDRAWN: "was withdrawn", State.WAITING: "waits for a decision"}[State(found.state)]  # fmt: skip
    how = f"has ended ({found.ending})" if found.ended is not None else f"{state}, and has changed since you opened it"
    who = f" {found.decided_by} decided last." if found.decided_by else ""
    return Overtaken(f"This course {how}.{who}", "Nothing was changed. Open it again to see how it is now.")
