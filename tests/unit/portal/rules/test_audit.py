"""The audit log: lines in their order, of a person, with nothing that a person wrote."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Act
from nebulab.portal.rules import applications, audit, decisions
from nebulab.portal.rules.context import ITSELF, Context
from support.applicants import ADA, REVIEWER, WRITTEN, a_form, link_in, mails


def test_lines_are_read_the_latest_first_and_in_pages(database: Database) -> None:
    with database.writing() as session:
        for number in range(5):
            audit.note(session, ITSELF, f"act{number}", person="idada", until=date(2027, 5, 31))
    with database.reading() as session:
        newest = audit.latest(session, 2)
        assert [act.act for act in newest] == ["act4", "act3"]
        assert [act.act for act in audit.latest(session, 9, before=newest[-1].id)] == ["act2", "act1", "act0"]
        assert audit.of_person(session, "idada")[0].detail == {"until": "2027-05-31"}
        assert audit.of_person(session, "idbob") == []


def test_the_log_holds_no_text_of_a_person(database: Database, context: Context) -> None:
    with database.writing() as session:
        application = applications.apply(session, ADA, a_form(), context)
    with database.writing() as session:
        applications.confirm(session, link_in(mails(database)[-1].body), context)
        decisions.ask(session, application.id, version=None, actor=REVIEWER, context=context, question="How many?")
        applications.answer(session, ADA, application.id, "Nine hundred")
        decisions.refuse(session, application.id, version=None, actor=REVIEWER, context=context, reason="Too many")
    with database.reading() as session:
        lines = audit.latest(session, 99)
        kept = str(session.execute(select(Act.__table__)).all())
    assert len(lines) == 5
    for text in (*WRITTEN.values(), ADA.email, "How many?", "Nine hundred", "Too many"):
        assert text == "1" or text not in kept
