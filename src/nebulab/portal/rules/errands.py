"""The outbox: what is to be done in Galaxy and by mail, written with the change that asks for it; runs beside Galaxy.

`nebulab.portal.work` does it, now or when Galaxy and the mail server are back.
"""

from __future__ import annotations

from email.utils import make_msgid

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nebulab.portal import clock
from nebulab.portal.data.tables import Errand, Mail
from nebulab.portal.rules.letters import Letter

MEMBERSHIP, MAIL, HOURS = "membership", "mail", "hours"


def want_membership(session: Session, person: str) -> None:
    """Have the person's memberships in Galaxy made what the database then says.

    The errand names nobody's wanted state: whoever does it looks, so that order and number of errands don't matter.
    """
    now = clock.now()
    session.add(Errand(kind=MEMBERSHIP, person_id=person, made=now, due=now))


def want_hours(session: Session, person: str) -> None:
    """Have the person's membership in Galaxy's group of used-up hours made what the database then says."""
    now = clock.now()
    session.add(Errand(kind=HOURS, person_id=person, made=now, due=now))


def send(session: Session, person: str, to: str, letter: Letter, sender: str) -> None:
    """Have a mail sent."""
    now = clock.now()
    mail = Mail(
        person_id=person,
        message_id=make_msgid(domain=sender.rpartition("@")[2]),
        to=to,
        subject=letter.subject,
        body=letter.body,
    )
    session.add(Errand(kind=MAIL, person_id=person, made=now, due=now, mail=mail))


def waiting(session: Session) -> list[Errand]:
    """Return what is not done yet, the oldest first."""
    return list(session.scalars(select(Errand).where(Errand.done.is_(None)).order_by(Errand.id).limit(200)))


def count_waiting(session: Session) -> int:
    """Return how many errands are not done yet."""
    return session.scalar(select(func.count()).select_from(Errand).where(Errand.done.is_(None))) or 0


def membership_waits(session: Session, person: str) -> bool:
    """Return whether Galaxy has not heard yet of the person's access as it is now."""
    query = select(Errand.id).where(Errand.done.is_(None), Errand.kind == MEMBERSHIP, Errand.person_id == person)
    return session.scalar(query.limit(1)) is not None


def try_now(session: Session) -> None:
    """Have all that waits tried at once."""
    for errand in waiting(session):
        errand.due = clock.now()


def mails_of(session: Session, person: str | None) -> list[Mail]:
    """Return the mails that were kept, of a person or of all, the latest first."""
    query = select(Mail).order_by(Mail.errand_id.desc()).limit(100)
    return list(session.scalars(query if person is None else query.where(Mail.person_id == person)))


def given_up(session: Session) -> list[Errand]:
    """Return the mails that were not delivered after days of trying, the latest first.

    Beside a mail server only what waits and what was given up has a text still, so these are few to look through.
    """
    kept = select(Mail.errand_id).scalar_subquery()
    query = select(Errand).where(Errand.id.in_(kept), Errand.done.is_not(None), Errand.trouble != "")
    return list(session.scalars(query.order_by(Errand.id.desc()).limit(50)))
