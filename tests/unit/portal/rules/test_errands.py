"""The outbox: written with the change that asks for it, or not at all."""

from __future__ import annotations

import pytest

from nebulab.portal.data.database import Database
from nebulab.portal.rules import errands
from nebulab.portal.rules.letters import Letter
from support.applicants import Clock


def test_an_errand_is_part_of_its_transaction(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        errands.want_membership(session, "idada")
        _ = 1 // 0
    with database.reading() as session:
        assert errands.waiting(session) == []
    with database.writing() as session:
        errands.want_membership(session, "idada")
    with database.reading() as session:
        assert [errand.kind for errand in errands.waiting(session)] == ["membership"]
        assert errands.membership_waits(session, "idada") and not errands.membership_waits(session, "idbob")
        assert errands.count_waiting(session) == 1


def test_a_mail_has_a_number_of_its_own(database: Database) -> None:
    with database.writing() as session:
        for _ in range(2):
            errands.send(session, "idada", "ada@uni-freiburg.de", Letter("Subject", "Text"), "gpu@example.org")
    with database.reading() as session:
        mails = errands.mails_of(session, "idada")
        assert len({mail.message_id for mail in mails}) == 2
        assert all(mail.message_id.endswith("@example.org>") for mail in mails)
        assert errands.mails_of(session, "idbob") == []
        assert len(errands.mails_of(session, None)) == 2


def test_what_waits_is_tried_now_when_asked_to(database: Database, time: Clock) -> None:
    time.move(hours=1)
    with database.writing() as session:
        errands.want_membership(session, "idada")
    time.move(hours=-1)
    with database.writing() as session:
        errands.try_now(session)
    with database.reading() as session:
        (errand,) = errands.waiting(session)
    assert errand.due < errand.made
