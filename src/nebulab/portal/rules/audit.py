"""The audit log: a line for every act; runs beside Galaxy."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from nebulab.portal import clock
from nebulab.portal.data.tables import Act
from nebulab.portal.rules.context import Actor


def note(
    session: Session, actor: Actor, act: str, *, person: str = "", application: str = "", **detail: int | str | date
) -> None:
    """Write a line in the transaction of what it tells of; `detail` holds nothing that a person wrote."""
    told = {name: value.isoformat() if isinstance(value, date | datetime) else value for name, value in detail.items()}
    session.add(Act(at=clock.now(), actor=actor.id, act=act, person_id=person, application_id=application, detail=told))


def latest(session: Session, count: int, *, before: int | None = None) -> list[Act]:
    """Return the last lines, the latest first; `before` the line of an id."""
    query = select(Act).order_by(Act.id.desc()).limit(count)
    return list(session.scalars(query if before is None else query.where(Act.id < before)))


def of_person(session: Session, person: str) -> list[Act]:
    """Return all lines about a person, in their order."""
    return list(session.scalars(select(Act).where(Act.person_id == person).order_by(Act.id)))
