"""The database compared with Galaxy's groups: what differs is kept for the administrators' page; runs beside Galaxy."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from nebulab.errors import NotThere
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Drift, Errand
from nebulab.portal.rules import audit, errands
from nebulab.portal.rules.accesses import lasting
from nebulab.portal.rules.context import Actor
from nebulab.portal.rules.errands import MEMBERSHIP
from nebulab.portal.work.membership import Membership

_PAUSE_SECONDS = 600.0


class Kind(enum.StrEnum):
    """What differs."""

    STRANGER = "stranger"
    """In Galaxy's group without an access here: somebody gave it by hand."""
    MISSING = "missing"
    """With an access here, and not in Galaxy's group: somebody took it away by hand."""
    MARK = "mark"
    """In the group of ended accesses, and should not be, or the other way round."""


class Comparison:
    """Compares, and changes nothing: an administrator decides what is right."""

    def __init__(self, database: Database, membership: Membership) -> None:
        self._database = database
        self._membership = membership

    def look(self) -> float:
        """Compare, and return the seconds until the next look."""
        self.compare()
        return _PAUSE_SECONDS

    def compare(self) -> int:
        """Write down what differs, and return how much that is.

        Raises
        ------
        NebulabError
            Galaxy is away, or refuses: what was found before stays.
        """
        began = clock.now()
        with_access, ended = self._membership.members()
        with self._database.writing() as session:
            found = _differences(session, set(with_access), set(ended), began)
            addresses = audit.addresses(session, found) | ended | with_access
            session.execute(delete(Drift))
            for person, kind in found.items():
                session.add(Drift(person_id=person, email=addresses.get(person, ""), kind=kind, found=clock.now()))
        return len(found)


def _differences(session: Session, with_access: set[str], ended: set[str], began: datetime) -> dict[str, Kind]:
    # Two columns, and not each access as a whole: there may be a hundred thousand.
    kept = set(session.scalars(select(Access.person_id)))
    may = set(session.scalars(select(Access.person_id).where(lasting())))
    found = dict.fromkeys(ended ^ (kept - may), Kind.MARK)
    found |= dict.fromkeys(with_access - may, Kind.STRANGER)
    found |= dict.fromkeys(may - with_access, Kind.MISSING)
    # What is on its way, or has arrived while Galaxy was read, is no difference.
    arrived = Errand.done.between(began, clock.now())
    query = select(Errand.person_id).where(Errand.kind == MEMBERSHIP, or_(Errand.done.is_(None), arrived))
    for person in session.scalars(query):
        found.pop(person, None)
    return found


def listed(session: Session) -> list[Drift]:
    """Return what the last comparison found."""
    return list(session.scalars(select(Drift).order_by(Drift.kind, Drift.email).limit(500)))


def mend(session: Session, person: str, actor: Actor) -> None:
    """Have Galaxy's groups made what the database says of a person in the list.

    Raises
    ------
    NotThere
        Nothing differs, as far as the last comparison knows.
    """
    found = session.get(Drift, person)
    if found is None:
        raise NotThere("Nothing differs there any more.", "Compare again.")
    session.delete(found)
    errands.want_membership(session, person)
    audit.note(session, actor, "mended", person=person, kind=found.kind)
