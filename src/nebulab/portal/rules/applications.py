"""An application on the applicant's side: sent, confirmed, answered, withdrawn; runs beside Galaxy."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from nebulab.errors import NotThere, PortalError
from nebulab.portal import clock
from nebulab.portal.data.tables import LINE, OPEN, Application, Confirmation, Person, State
from nebulab.portal.rules import decisions, errands, letters
from nebulab.portal.rules.audit import note
from nebulab.portal.rules.context import Actor, Context
from nebulab.portal.rules.domains import Standing
from nebulab.portal.rules.forms import TERMS, Form, read_text

_MOST_LINKS = 5
"""Mails with a link for one application, so that nobody's mailbox is filled by pressing a button."""


@dataclass(frozen=True)
class Account:
    """Somebody's account in Galaxy, as Galaxy tells it."""

    id: str
    email: str
    name: str

    @property
    def actor(self) -> Actor:
        """This person as the one who acts."""
        return Actor(self.id, self.email)


def keep_person(session: Session, account: Account) -> None:
    """Write down who somebody is now; several requests may do so at once."""
    values = {"email": account.email, "name": account.name[:LINE], "seen": clock.now()}
    insert: Any = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(Person).values(id=account.id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[Person.id], set_=values))


def acting(session: Session, account: Account) -> Actor:
    """Return who acts, and keep who that is: the log shows the address of whom it names."""
    keep_person(session, account)
    return account.actor


def of_person(session: Session, person: str) -> list[Application]:
    """Return a person's applications, the latest first."""
    query = select(Application).where(Application.person_id == person).order_by(Application.submitted.desc())
    return list(session.scalars(query))


def own(session: Session, account: Account, application: str) -> Application:
    """Return a person's own application.

    Raises
    ------
    NotThere
        There is none, or it is somebody else's, which is not told apart.
    """
    found = session.get(Application, application)
    if found is None or found.person_id != account.id:
        raise NotThere("There is no such application.", "Your own ones are on the first page.")
    return found


def apply(session: Session, account: Account, form: Form, context: Context) -> Application:
    """Keep an application, and send the mail by which its address is confirmed.

    Raises
    ------
    PortalError
        The person has one that is not decided.
    """
    query = select(Application.id).where(Application.person_id == account.id, Application.state.in_(OPEN))
    if session.scalar(query.limit(1)) is not None:
        raise PortalError(
            "You have an application that is not decided yet.",
            "Wait for its decision, or withdraw it to write another.",
        )
    keep_person(session, account)
    application = Application(
        person_id=account.id,
        state=State.UNCONFIRMED,
        email=form.email,
        standing=form.standing,
        purpose=form.purpose,
        project=form.project,
        group_leader=form.group_leader,
        institution=form.institution,
        gpu_need=form.gpu_need,
        wanted_until=form.wanted_until,
        tool=form.tool,
        submitted=clock.now(),
        terms=TERMS,
    )
    session.add(application)
    session.flush()
    note(session, account.actor, "applied", person=account.id, application=application.id, terms=TERMS)
    _send_link(session, account, application, context)
    return application


def send_again(session: Session, account: Account, application: str, context: Context) -> None:
    """Send a new link to confirm the address; those before it stop working.

    Raises
    ------
    NotThere, PortalError
        There is nothing to confirm, or enough links were sent.
    """
    found = own(session, account, application)
    if found.state != State.UNCONFIRMED:
        raise PortalError("The address of this application is confirmed already.")
    if len(found.confirmations) >= _MOST_LINKS:
        raise PortalError(
            f"{_MOST_LINKS} mails were sent to {found.email}.",
            "If none arrives, withdraw this application, and give another address.",
        )
    for former in found.confirmations:
        former.used = former.used or clock.now()
    _send_link(session, account, found, context)


def _send_link(session: Session, account: Account, application: Application, context: Context) -> None:
    token = secrets.token_urlsafe(32)
    expires = clock.now() + timedelta(hours=letters.CONFIRM_HOURS)
    session.add(
        Confirmation(token_hash=_hash(token), application_id=application.id, email=application.email, expires=expires)
    )
    letter = letters.confirm(context.settings, token, account.email)
    errands.send(session, account.id, application.email, letter, context.settings.sender)


def of_link(session: Session, token: str) -> Application:
    """Return the application that a link confirms; nothing is changed.

    Raises
    ------
    NotThere
        The link was used, is too old, or never was one.
    """
    link = session.get(Confirmation, _hash(token))
    if (
        link is None
        or link.used is not None
        or link.expires <= clock.now()
        or link.application.state != State.UNCONFIRMED
    ):
        raise NotThere(
            "This link does not work any more.",
            f"Links work once, and for {letters.CONFIRM_HOURS} hours. Log in and look at your application: it may be "
            "confirmed already, and if not, its page sends a new link.",
        )
    return link.application


def confirm(session: Session, token: str, context: Context) -> Application:
    """Confirm the address of an application, once; a rule may approve it at once.

    Raises
    ------
    NotThere
        As `of_link`.
    """
    application = of_link(session, token)
    now = clock.now()
    claim = update(Confirmation).where(Confirmation.token_hash == _hash(token), Confirmation.used.is_(None))
    claimed = session.execute(claim.values(used=now))
    assert isinstance(claimed, CursorResult)  # noqa: S101 - what SQLAlchemy returns for an update
    if claimed.rowcount != 1:
        raise NotThere("This link was used at this moment.", "Look at your application.")
    application.state, application.confirmed = State.WAITING, now
    # The lists may have changed since the form was filled in.
    application.standing = context.domains.standing(application.email)
    applicant = Actor(application.person_id, application.email)
    note(session, applicant, "confirmed", person=application.person_id, application=application.id)
    session.flush()
    if application.standing == Standing.APPROVED:
        decisions.approve_by_rule(session, application, context)
    else:
        letter = letters.received(context.settings, application.id)
        errands.send(session, application.person_id, application.email, letter, context.settings.sender)
    return application


def answer(session: Session, account: Account, application: str, text: str) -> None:
    """Answer a reviewer's question: the application is in the queue again.

    Raises
    ------
    NotThere, PortalError, FormError
        There is no question, or no answer.
    """
    found = own(session, account, application)
    if found.state != State.ASKED:
        raise PortalError("Nobody waits for an answer here.")
    found.answer = read_text(text, "Write an answer.", "answer")
    found.state = State.WAITING
    note(session, account.actor, "answered", person=account.id, application=found.id)


def withdraw(session: Session, account: Account, application: str) -> None:
    """Take an application back.

    Raises
    ------
    NotThere, PortalError
        It is decided already.
    """
    found = own(session, account, application)
    if found.state not in OPEN:
        raise PortalError("This application is decided; there is nothing to withdraw.")
    found.state = State.WITHDRAWN
    note(session, account.actor, "withdrew", person=account.id, application=found.id)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
