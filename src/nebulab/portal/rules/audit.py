"""The audit log: a line for every act; runs beside Galaxy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from nebulab.portal import clock
from nebulab.portal.data.tables import Act, Person
from nebulab.portal.rules.context import Actor

_AT_ONCE = 500


def note(
    session: Session, actor: Actor, act: str, *, person: str = "", application: str = "", **detail: int | str | date
) -> None:
    """Write a line in the transaction of what it tells of; `detail` holds nothing that a person wrote."""
    told = {name: value.isoformat() if isinstance(value, date | datetime) else value for name, value in detail.items()}
    session.add(Act(at=clock.now(), actor=actor.id, act=act, person_id=person, application_id=application, detail=told))


def latest(session: Session, count: int, *, before: int | None = None, of: str = "") -> list[Act]:
    """Return the last lines, the latest first; `before` the line of an id, `of` what somebody did or was done to them.

    Somebody is named by the e-mail address of the account, by Galaxy's id, or as the log has them.
    """
    query = select(Act).order_by(Act.id.desc()).limit(count)
    if before is not None:
        query = query.where(Act.id < before)
    wanted = of.strip()
    if wanted:
        known = list(session.scalars(select(Person.id).where(func.lower(Person.email) == wanted.lower())))
        query = query.where(or_(Act.person_id.in_([*known, wanted]), Act.actor.in_([*known, wanted])))
    return list(session.scalars(query))


def names(session: Session, acts: Sequence[Act]) -> dict[str, str]:
    """Return the addresses of those whom lines name, by their ids; who has erased their data has none any more."""
    return addresses(session, {act.actor for act in acts} | {act.person_id for act in acts})


def addresses(session: Session, people: Iterable[str]) -> dict[str, str]:
    """Return the addresses of people by their ids, out of questions that no database finds too long."""
    found: dict[str, str] = {}
    wanted = list(people)
    for begin in range(0, len(wanted), _AT_ONCE):
        query = select(Person.id, Person.email).where(Person.id.in_(wanted[begin : begin + _AT_ONCE]))
        found |= {person: email for person, email in session.execute(query)}  # noqa: C416 - a row is no pair to mypy
    return found


def of_person(session: Session, person: str) -> list[Act]:
    """Return all lines about a person, in their order."""
    return list(session.scalars(select(Act).where(Act.person_id == person).order_by(Act.id)))
