"""What an administrator's revocation means for courses; apart from `places`, which accesses stand below."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from nebulab.portal.data.courses import Course, Place, Seat
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import Actor
from nebulab.portal.rules.courses import outbox


def remove_from_all(session: Session, person: str, actor: Actor) -> None:
    """Take somebody whose own access is revoked out of the courses that have not ended."""
    query = select(Place).join(Course).where(Place.person_id == person, Place.state == Seat.JOINED)
    for place in session.scalars(query.where(Course.ended.is_(None))):
        place.state, place.help_since = Seat.REMOVED, None
        outbox.want_place(session, place.course_id, person)
        note(session, actor, "course-removed", person=person, course=place.course_id)
