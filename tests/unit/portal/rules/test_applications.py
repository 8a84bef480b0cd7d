"""An application: its address is confirmed once, within a day; there is one at a time; nobody sees another's."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from nebulab.errors import FormError, NotThere, PortalError
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Application, Person, State
from nebulab.portal.rules import applications, decisions
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.domains import Standing
from support.applicants import ADA, BOB, REVIEWER, Clock, a_form, link_in, mails


def applied(
    database: Database, context: Context, who: Account = ADA, email: str = "ada@uni-freiburg.de"
) -> tuple[str, str]:
    """Apply, and return the application's id and its link."""
    with database.writing() as session:
        application = applications.apply(session, who, a_form(email), context)
    return application.id, link_in(mails(database)[-1].body)


def state(database: Database, application: str) -> str:
    with database.reading() as session:
        return session.get_one(Application, application).state


def test_a_link_works_once(database: Database, context: Context) -> None:
    application, link = applied(database, context)
    assert state(database, application) == State.UNCONFIRMED
    with database.writing() as session:
        applications.confirm(session, link, context)
    assert state(database, application) == State.WAITING
    with pytest.raises(NotThere, match="does not work any more"), database.writing() as session:
        applications.confirm(session, link, context)


def test_a_link_ends_after_a_day(database: Database, context: Context, time: Clock) -> None:
    application, link = applied(database, context)
    time.move(hours=23, minutes=59)
    with database.reading() as session:
        assert applications.of_link(session, link).id == application
    time.move(minutes=2)
    with pytest.raises(NotThere), database.writing() as session:
        applications.confirm(session, link, context)
    assert state(database, application) == State.UNCONFIRMED


def test_the_database_knows_no_link(database: Database, context: Context) -> None:
    _, link = applied(database, context)
    with database.reading() as session:
        kept = session.execute(text("SELECT token_hash FROM confirmation")).scalar_one()
    assert link not in kept and len(kept) == 64
    with pytest.raises(NotThere), database.reading() as session:
        applications.of_link(session, kept)


def test_a_new_link_ends_the_former_one(database: Database, context: Context) -> None:
    application, former = applied(database, context)
    with database.writing() as session:
        applications.send_again(session, ADA, application, context)
    with pytest.raises(NotThere), database.reading() as session:
        applications.of_link(session, former)
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
    with pytest.raises(PortalError, match="confirmed already"), database.writing() as session:
        applications.send_again(session, ADA, application, context)


def test_nobodys_mailbox_is_filled(database: Database, context: Context) -> None:
    application, _ = applied(database, context)
    for _ in range(4):
        with database.writing() as session:
            applications.send_again(session, ADA, application, context)
    with pytest.raises(PortalError, match="5 mails were sent"), database.writing() as session:
        applications.send_again(session, ADA, application, context)


def test_the_mail_goes_to_the_official_address(database: Database, context: Context) -> None:
    applied(database, context, BOB, "bob@roche.com")
    (mail,) = mails(database)
    assert mail.to == "bob@roche.com"
    assert "The Galaxy account bob@gmail.com" in mail.body


def test_there_is_one_application_at_a_time(database: Database, context: Context) -> None:
    application, _ = applied(database, context)
    with pytest.raises(PortalError, match="not decided yet"):
        applied(database, context)
    with database.writing() as session:
        applications.withdraw(session, ADA, application)
    applied(database, context)
    # Two requests at the same moment: the database itself refuses the second.
    with pytest.raises(IntegrityError), database.writing() as session:
        again = session.scalars(select(Application).where(Application.state == State.WITHDRAWN)).one()
        again.state = State.WAITING


def test_a_strangers_application_is_not_there(database: Database, context: Context) -> None:
    application, _ = applied(database, context)
    for act in (
        lambda session: applications.own(session, BOB, application),
        lambda session: applications.send_again(session, BOB, application, context),
        lambda session: applications.answer(session, BOB, application, "mine"),
        lambda session: applications.withdraw(session, BOB, application),
        lambda session: applications.own(session, ADA, "another"),
    ):
        with pytest.raises(NotThere), database.writing() as session:
            act(session)
    assert state(database, application) == State.UNCONFIRMED


def test_a_rule_approves_at_the_confirmation(database: Database, context: Context) -> None:
    with database.writing() as session:
        form = a_form("eve@company.example.org", Standing.APPROVED, days=700)
        application = applications.apply(session, ADA, form, context)
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
    with database.reading() as session:
        found = session.get_one(Application, application.id)
        assert (found.state, found.decided_by) == ("approved", "the rule for company.example.org")
        access = session.get_one(Access, ADA.id)
        assert (access.until - found.submitted.date()).days == 180


def test_the_lists_are_asked_again_at_the_confirmation(database: Database, context: Context) -> None:
    """Who wrote a form by hand says nothing about the standing of an address."""
    with database.writing() as session:
        applications.apply(session, ADA, a_form("ada@roche.com", Standing.APPROVED), context)
    with database.writing() as session:
        application = applications.confirm(session, link_in(mails(database)[-1].body), context)
    assert (application.state, application.standing) == ("waiting", "unknown")


def test_a_question_is_answered(database: Database, context: Context) -> None:
    application, link = applied(database, context)
    with database.writing() as session:
        applications.confirm(session, link, context)
    with pytest.raises(PortalError, match="Nobody waits"), database.writing() as session:
        applications.answer(session, ADA, application, "Too early")
    with database.writing() as session:
        decisions.ask(session, application, version=None, actor=REVIEWER, context=context, question="How large?")
    with pytest.raises(FormError), database.writing() as session:
        applications.answer(session, ADA, application, " ")
    with database.writing() as session:
        applications.answer(session, ADA, application, "900 images")
    assert state(database, application) == State.WAITING


def test_what_is_decided_is_not_withdrawn(database: Database, context: Context) -> None:
    application, link = applied(database, context)
    with database.writing() as session:
        applications.confirm(session, link, context)
        decisions.refuse(session, application, version=None, actor=REVIEWER, context=context, reason="No")
    with pytest.raises(PortalError, match="nothing to withdraw"), database.writing() as session:
        applications.withdraw(session, ADA, application)


def test_a_person_is_kept_as_they_are_now(database: Database) -> None:
    for email in ("ada@old.example.org", "ada@uni-freiburg.de"):
        with database.writing() as session:
            applications.keep_person(session, Account("idada", email, "ada"))
    with database.reading() as session:
        assert [person.email for person in session.scalars(select(Person))] == ["ada@uni-freiburg.de"]
