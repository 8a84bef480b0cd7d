"""A person's own data: all of it in one object, and erased; runs beside Galaxy."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nebulab.portal.data.hour_tables import HourAccount
from nebulab.portal.data.tables import Access, Application, Base, Drift, Errand, Login, Person
from nebulab.portal.rules import applications, audit, errands
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.courses import personal as courses

_INTERNAL = frozenset({"version", "token_hash", "message_id", "id_token"})


def export(session: Session, account: Account) -> dict[str, Any]:
    """Return all that is kept of a person, for JSON."""
    person, access = session.get(Person, account.id), session.get(Access, account.id)
    given, places = courses.of_person(session, account.id)
    return {
        "account": _row(person) if person else {"id": account.id, "email": account.email, "name": account.name},
        "access": _row(access) if access else None,
        "gpu_hours": [_row(each) for each in _hours(session, account)],
        "applications": [
            _row(each) | {"confirmations": [_row(link) for link in each.confirmations]}
            for each in applications.of_person(session, account.id)
        ],
        "courses": [_row(each) for each in given],
        "places": [courses.place_as_told(each) for each in places],
        "logins": [_row(each) for each in session.scalars(select(Login).where(Login.person_id == account.id))],
        "mails": [_row(mail) for mail in errands.mails_of(session, account.id)],
        "log": [_row(act) for act in audit.of_person(session, account.id)],
    }


def erase(session: Session, account: Account) -> None:
    """Delete all that is kept of a person, but for the lines of the audit log, which name the account's id alone.

    Access ends with it: Galaxy's groups are left.
    """
    session.execute(delete(Errand).where(Errand.person_id == account.id))
    courses.erase(session, account.id)
    for table in (Application, Access, Drift, Login):
        session.execute(delete(table).where(table.person_id == account.id))
    session.execute(delete(Person).where(Person.id == account.id))
    errands.want_membership(session, account.id)
    # What Galaxy's jobs say is read again; until then no group of Galaxy's tells of it.
    for row in _hours(session, account):
        session.delete(row)
        errands.want_hours(session, account.id)
    audit.note(session, account.actor, "erased", person=account.id)


def _hours(session: Session, account: Account) -> list[HourAccount]:
    return list(session.scalars(select(HourAccount).where(HourAccount.email == account.email)))


def _row(row: Base) -> dict[str, Any]:
    values = {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}
    return {
        name: value.isoformat() if isinstance(value, date | datetime) else value
        for name, value in values.items()
        if name not in _INTERNAL
    }
