"""Accesses: reminded once, expired on their day, renewed, revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nebulab.errors import FormError, NotThere, Overtaken
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Access, Person
from nebulab.portal.rules import accesses, applications, audit
from nebulab.portal.rules.context import Context
from support.applicants import ADA, REVIEWER, Clock, mails


@pytest.fixture
def granted(database: Database, context: Context) -> Access:
    """Ada may use GPUs for 30 days."""
    return grant(database, context, 30)


def grant(database: Database, context: Context, days: int) -> Access:
    with database.writing() as session:
        applications.keep_person(session, ADA)
        return accesses.grant(session, ADA.id, clock.today() + timedelta(days=days), context)


def end(database: Database, context: Context) -> tuple[int, int]:
    with database.writing() as session:
        return accesses.expire(session, context), accesses.remind(session, context)


def subjects(database: Database) -> list[str]:
    return [mail.subject for mail in mails(database)]


def test_a_mail_comes_before_the_end_once(database: Database, context: Context, granted: Access, time: Clock) -> None:
    assert end(database, context) == (0, 0)
    time.move(days=16)
    assert end(database, context) == (0, 1)
    assert end(database, context) == (0, 0)
    assert subjects(database) == [f"Your access to GPUs ends on {granted.until.day} {granted.until:%B %Y}"]


def test_a_renewed_access_is_reminded_of_its_new_end(
    database: Database, context: Context, granted: Access, time: Clock
) -> None:
    time.move(days=20)
    end(database, context)
    grant(database, context, 60)
    assert end(database, context) == (0, 0)
    time.move(days=50)
    assert end(database, context) == (0, 1)
    assert len(subjects(database)) == 2


def test_an_access_shorter_than_the_reminder_is_not_reminded_at_once(database: Database, context: Context) -> None:
    grant(database, context, 5)
    assert end(database, context) == (0, 0)


def test_the_last_day_counts(database: Database, context: Context, granted: Access, time: Clock) -> None:
    time.move(days=30)
    assert end(database, context)[0] == 0
    with database.reading() as session:
        assert accesses.may_use_gpus(session.get(Access, ADA.id))
    time.move(days=1)
    with database.reading() as session:
        assert not accesses.may_use_gpus(session.get(Access, ADA.id))
    assert end(database, context)[0] == 1
    assert end(database, context)[0] == 0
    assert subjects(database)[-1] == "Your access to GPUs has ended"


def test_an_expired_access_is_given_again(database: Database, context: Context, granted: Access, time: Clock) -> None:
    time.move(days=31)
    end(database, context)
    grant(database, context, 10)
    with database.reading() as session:
        access = session.get_one(Access, ADA.id)
        assert accesses.may_use_gpus(access) and access.ending == ""


def test_a_clock_that_is_set_back_ends_and_reminds_nobody_twice(
    database: Database, context: Context, granted: Access, time: Clock
) -> None:
    time.move(days=31)
    assert end(database, context) == (1, 0)
    time.move(days=-31)
    assert end(database, context) == (0, 0)
    assert subjects(database) == ["Your access to GPUs has ended"]


def test_a_revocation_has_a_reason_and_happens_once(database: Database, context: Context, granted: Access) -> None:
    with pytest.raises(FormError), database.writing() as session:
        accesses.revoke(session, ADA.id, version=None, actor=REVIEWER, context=context, reason="")
    with database.writing() as session:
        accesses.revoke(
            session, "ADA@uni-freiburg.de", version=granted.version, actor=REVIEWER, context=context, reason="Mining"
        )
    assert "Mining" in mails(database)[-1].body
    with pytest.raises(Overtaken, match="ended already"), database.writing() as session:
        accesses.revoke(session, ADA.id, version=granted.version, actor=REVIEWER, context=context, reason="Again")
    with database.reading() as session:
        assert [(act.actor, act.act) for act in audit.of_person(session, ADA.id)] == [("idadmin", "revoked")]


def test_a_page_that_is_out_of_date_revokes_nothing(database: Database, context: Context, granted: Access) -> None:
    grant(database, context, 90)
    with pytest.raises(Overtaken, match="has changed"), database.writing() as session:
        accesses.revoke(session, ADA.id, version=granted.version, actor=REVIEWER, context=context, reason="Old")


def test_accesses_are_listed(database: Database, context: Context, granted: Access, time: Clock) -> None:
    with database.reading() as session:
        assert [each.person.email for each in accesses.listed(session)] == [ADA.email]
        assert accesses.listed(session, ended=True) == []
        with pytest.raises(NotThere):
            accesses.find(session, "nobody@uni-freiburg.de")
    time.move(days=31)
    end(database, context)
    with database.reading() as session:
        assert accesses.listed(session) == []
        assert [each.ending for each in accesses.listed(session, ended=True)] == ["expired"]


def test_accesses_that_ended_at_the_same_moment_have_one_order(database: Database) -> None:
    ended = clock.now()
    with database.writing() as session:
        for number in (3, 1, 2):
            # The index on (ended, until) alone would give them by their last day.
            until = clock.today() + timedelta(days=number)
            session.add(Person(id=f"p{number}", email=f"p{number}@uni-freiburg.de", name="", seen=ended))
            session.add(Access(person_id=f"p{number}", since=ended, until=until, ended=ended))
    with database.reading() as session:
        assert [each.person_id for each in accesses.listed(session, ended=True)] == ["p1", "p2", "p3"]
