"""What courses keep of a person: shown to them, and erased; runs beside Galaxy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nebulab.portal import clock
from nebulab.portal.data.courses import Course, Place
from nebulab.portal.data.tables import State
from nebulab.portal.rules.courses import outbox
from nebulab.portal.rules.courses.asking import UNDECIDED

_ERASED = "Course of an erased account"


def of_person(session: Session, person: str) -> tuple[list[Course], list[Place]]:
    """Return the courses that somebody gives, and the places that they have or had."""
    given = select(Course).where(Course.trainer_id == person).order_by(Course.submitted)
    had = select(Place).where(Place.person_id == person).order_by(Place.joined)
    return list(session.scalars(given)), list(session.scalars(had))


def place_as_told(place: Place) -> dict[str, Any]:
    """Return a place as its participant is told of it: of the course only what they saw when they joined."""
    course = place.course
    return {
        "course": course.name,
        "begins": course.begins.isoformat(),
        "ends": course.ends.isoformat(),
        "state": place.state,
        "joined": place.joined.isoformat(),
        "terms": place.terms,
        "help_since": place.help_since.isoformat() if place.help_since else None,
    }


def erase(session: Session, person: str) -> None:
    """Take somebody out of all courses, and their texts and address out of those that they give.

    Courses that they give end within a minute, by the look that ends all: their participants are told.
    """
    given, had = of_person(session, person)
    for place in had:
        outbox.want_place(session, place.course_id, person)
        session.delete(place)
    for course in given:
        course.trainer_id = None
        course.name, course.email, course.purpose, course.gpu_need, course.answer = _ERASED, "", "", "", ""
        course.code = None
        if course.state in UNDECIDED:
            course.state = State.WITHDRAWN
        elif course.state == State.APPROVED and course.ended is None:
            course.ends = clock.today() - timedelta(days=1)
    session.flush()
