"""Decisions: each with its mail, its line in the log and its errand; two reviewers never collide."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from nebulab.errors import FormError, NotThere, Overtaken
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Act, Application, Errand, State
from nebulab.portal.rules import applications, decisions
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Actor, Context
from support.applicants import ADA, REVIEWER, a_form, link_in, mails

OTHER = Actor("idgrace", "grace@uni-freiburg.de")


@pytest.fixture
def waiting(database: Database, context: Context) -> Application:
    with database.writing() as session:
        application = applications.apply(session, ADA, a_form(), context)
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
    with database.reading() as session:
        return session.get_one(Application, application.id)


def acts(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        return [(act.actor, act.act) for act in session.scalars(select(Act).order_by(Act.id))]


def test_an_approval_gives_access(database: Database, context: Context, waiting: Application) -> None:
    until = clock.today() + timedelta(days=30)
    with database.writing() as session:
        day = decisions.approve(
            session, waiting.id, version=waiting.version, actor=REVIEWER, context=context, until=until.isoformat()
        )
    assert day == until
    with database.reading() as session:
        access = session.get_one(Access, ADA.id)
        assert (access.until, access.ended) == (until, None)
        assert session.get_one(Application, waiting.id).decided_by == "admin@uni-freiburg.de"
        assert [errand.kind for errand in session.scalars(select(Errand).where(Errand.kind == "membership"))]
    assert mails(database)[-1].subject == "You may use GPUs"
    assert acts(database) == [("idada", "applied"), ("idada", "confirmed"), ("idadmin", "approved")]


def test_without_a_day_the_one_that_was_asked_for_counts(
    database: Database, context: Context, waiting: Application
) -> None:
    with database.writing() as session:
        day = decisions.approve(session, waiting.id, version=None, actor=REVIEWER, context=context)
    assert day == waiting.wanted_until


def test_a_day_that_has_passed_is_refused(database: Database, context: Context, waiting: Application) -> None:
    with pytest.raises(FormError), database.writing() as session:
        decisions.approve(session, waiting.id, version=None, actor=REVIEWER, context=context, until="2020-01-01")
    with database.reading() as session:
        assert session.get_one(Application, waiting.id).state == State.WAITING


def test_a_refusal_needs_a_reason_which_is_mailed(database: Database, context: Context, waiting: Application) -> None:
    with pytest.raises(FormError), database.writing() as session:
        decisions.refuse(session, waiting.id, version=None, actor=REVIEWER, context=context, reason=" ")
    with database.writing() as session:
        decisions.refuse(session, waiting.id, version=None, actor=REVIEWER, context=context, reason="No GPU needed.")
    assert "No GPU needed." in mails(database)[-1].body
    assert acts(database)[-1] == ("idadmin", "refused")


def test_the_second_reviewer_is_told_who_was_quicker(
    database: Database, context: Context, waiting: Application
) -> None:
    with database.writing() as session:
        decisions.ask(session, waiting.id, version=waiting.version, actor=OTHER, context=context, question="How many?")
    with (
        pytest.raises(Overtaken, match=r"grace\S+ was quicker: they asked"),
        database.writing() as session,
    ):
        decisions.approve(session, waiting.id, version=waiting.version, actor=REVIEWER, context=context)
    # The answer puts it into the queue again, as another version than the one on the reviewer's page.
    with database.writing() as session:
        applications.answer(session, ADA, waiting.id, "900")
    with pytest.raises(Overtaken), database.writing() as session:
        decisions.refuse(session, waiting.id, version=waiting.version, actor=REVIEWER, context=context, reason="No")


def test_two_reviewers_at_the_same_moment_decide_once(
    database: Database, context: Context, waiting: Application
) -> None:
    both, lost = threading.Barrier(2), list[str]()

    def decide(actor: Actor) -> None:
        try:
            with database.writing() as session:
                # On PostgreSQL both have read the same version; on SQLite the second waits for the first.
                decisions.find(session, waiting.id)
                if not database.is_sqlite:
                    both.wait()
                decisions.approve(session, waiting.id, version=waiting.version, actor=actor, context=context)
        except Overtaken as error:
            lost.append(error.message)

    threads = [threading.Thread(target=decide, args=(actor,)) for actor in (REVIEWER, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 1 and "was quicker: they approved it" in lost[0]
    assert [act for _, act in acts(database)].count("approved") == 1
    assert [mail.subject for mail in mails(database)].count("You may use GPUs") == 1


def test_what_is_withdrawn_or_not_there_can_not_be_decided(
    database: Database, context: Context, waiting: Application
) -> None:
    with database.writing() as session:
        applications.withdraw(session, ADA, waiting.id)
    with pytest.raises(Overtaken, match="was withdrawn"), database.writing() as session:
        decisions.approve(session, waiting.id, version=waiting.version, actor=REVIEWER, context=context)
    with pytest.raises(NotThere), database.writing() as session:
        decisions.approve(session, "another", version=None, actor=REVIEWER, context=context)


def test_the_queue_is_in_order_and_in_pages(
    database: Database, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "PAGE", 2)
    for number in range(3):
        with database.writing() as session:
            who = Account(f"id{number}", f"p{number}@uni-freiburg.de", "p")
            applications.apply(session, who, a_form(who.email), context)
    with database.reading() as session:
        pages = [[each.person.email for each in decisions.queue(session, "unconfirmed", page)] for page in (1, 2, 3)]
        assert sorted(pages[0] + pages[1]) == [f"p{number}@uni-freiburg.de" for number in range(3)]
        assert [len(page) for page in pages] == [2, 1, 0]
        assert decisions.counts(session)["unconfirmed"] == 3
