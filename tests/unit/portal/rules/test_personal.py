"""A person's own data: all of it is exported, all of it is erased, and nobody else's."""

from __future__ import annotations

import json

from sqlalchemy import func, select

from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Base, Errand
from nebulab.portal.rules import applications, audit, decisions, personal
from nebulab.portal.rules.context import Context
from support.applicants import ADA, BOB, REVIEWER, a_form, link_in, mails


def approved(database: Database, context: Context) -> None:
    for who, address in ((BOB, "bob@roche.com"), (ADA, ADA.email)):
        with database.writing() as session:
            application = applications.apply(session, who, a_form(address), context)
        with database.writing() as session:
            applications.confirm(session, link_in(mails(database)[-1].body), context)
            decisions.approve(session, application.id, version=None, actor=REVIEWER, context=context)


def test_all_is_exported_and_nothing_of_others(database: Database, context: Context) -> None:
    approved(database, context)
    with database.reading() as session:
        found = personal.export(session, ADA)
    told = json.dumps(found)
    assert found["account"]["email"] == ADA.email
    assert found["applications"][0]["purpose"].startswith("Segment nuclei")
    assert found["access"]["until"] and len(found["mails"]) == 3
    assert [line["act"] for line in found["log"]] == ["applied", "confirmed", "approved"]
    assert "bob" not in told and "token_hash" not in told


def test_who_never_came_has_an_account_alone(database: Database) -> None:
    with database.reading() as session:
        assert personal.export(session, ADA)["account"]["email"] == ADA.email


def test_all_is_erased_but_the_log(database: Database, context: Context) -> None:
    approved(database, context)
    with database.writing() as session:
        personal.erase(session, ADA)
    with database.reading() as session:
        left = personal.export(session, ADA)
        assert (left["access"], left["applications"], left["mails"]) == (None, [], [])
        assert [line["act"] for line in left["log"]] == ["applied", "confirmed", "approved", "erased"]
        # Galaxy is still to be told, by the number of the account alone.
        assert session.scalars(select(Errand.kind).where(Errand.person_id == ADA.id)).all() == ["membership"]
        assert len(personal.export(session, BOB)["applications"]) == 1
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                assert "ada@" not in str(row)
        assert session.scalar(select(func.count()).select_from(Errand)) is not None
        assert len(audit.of_person(session, ADA.id)) == 4
