"""A link from a mail that is used twice at the same moment works once."""

from __future__ import annotations

import threading

from sqlalchemy import select

from nebulab.errors import NotThere
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Act
from nebulab.portal.rules import applications
from nebulab.portal.rules.context import Context
from support.applicants import ADA, a_form, link_in, mails


def test_a_link_that_is_used_twice_at_once_works_once(database: Database, context: Context) -> None:
    with database.writing() as session:
        applications.apply(session, ADA, a_form(), context)
    link = link_in(mails(database)[-1].body)
    both, refused = threading.Barrier(2), list[str]()

    def confirm() -> None:
        try:
            with database.writing() as session:
                # On PostgreSQL both have read that it is unused; on SQLite the second waits for the first.
                applications.of_link(session, link)
                if not database.is_sqlite:
                    both.wait()
                applications.confirm(session, link, context)
        except NotThere as error:
            refused.append(error.message)

    threads = [threading.Thread(target=confirm) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with database.reading() as session:
        assert session.scalars(select(Act.act)).all() == ["applied", "confirmed"]
    assert [mail.subject for mail in mails(database)].count("Your application for a GPU has arrived") == 1
