"""What courses have done in Galaxy, as errands; runs beside Galaxy.

As with memberships, an errand names no wanted state: whoever does it makes Galaxy what the database then says.
"""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from nebulab.portal import clock
from nebulab.portal.data.tables import Errand

COURSE, PLACE = "course", "place"


def want_course(session: Session, course: str) -> None:
    """Have the roles of a course's group made what the database then says."""
    now = clock.now()
    session.add(Errand(kind=COURSE, person_id="", course_id=course, made=now, due=now))


def want_place(session: Session, course: str, person: str) -> None:
    """Have a person's membership in a course's group made what the database then says."""
    now = clock.now()
    session.add(Errand(kind=PLACE, person_id=person, course_id=course, made=now, due=now))


def waits(session: Session, course: str, person: str | None = None) -> bool:
    """Return whether Galaxy has not heard yet of the course, or of this participant, or of all, as they are now."""
    query = select(Errand.id).where(Errand.done.is_(None), Errand.course_id == course)
    if person is not None:
        query = query.where(or_(Errand.kind == COURSE, Errand.person_id == person))
    return session.scalar(query.limit(1)) is not None
