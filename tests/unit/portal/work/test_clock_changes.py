"""A clock that is set forward and back again: what waits is neither late for ever nor given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nebulab.errors import NotThere
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.rules import accesses, applications, errands
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.letters import Letter
from nebulab.portal.work import comparison
from nebulab.portal.work.chores import Chores
from nebulab.portal.work.delivery import Delivery
from support.applicants import ADA, Clock, a_form, link_in, mails
from support.fake_accounts import FakeAccounts

GROUP = "Nebulab GPU access"


class Server:
    """A mail server that is away until `sent` may grow."""

    keeps = False

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.away = True

    def send(self, mail: object) -> None:
        if self.away:
            raise ConnectionRefusedError("no mail server")
        self.sent.append("mail")


def grant(database: Database, context: Context, galaxy: FakeAccounts) -> None:
    galaxy.account("ada", ADA.email)
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, clock.today() + timedelta(days=900), context)


@pytest.mark.parametrize("written", ["at the wrong time", "before"])
def test_an_errand_of_a_clock_that_was_ahead_is_not_late(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock, written: str
) -> None:
    """A year ahead an errand is made, or tried in vain: back at the right time it is due, and not in a year."""
    if written == "before":
        grant(database, context, galaxy)
    time.move(days=365)
    if written != "before":
        grant(database, context, galaxy)
    galaxy.away = 503
    chores.delivery.look()
    galaxy.away = 0
    time.move(days=-365)
    chores.delivery.look()
    assert galaxy.members(GROUP) == {"ada"}


def test_a_clock_that_jumps_ahead_gives_no_mail_up(database: Database, chores: Chores, time: Clock) -> None:
    post = Server()
    delivery = Delivery(database, post, chores.in_galaxy)
    with database.writing() as session:
        errands.send(session, ADA.id, ADA.email, Letter("Subject", "Text"), "gpu@example.org")
    time.move(days=30)
    delivery.look()
    post.away = False
    time.move(days=-30)
    delivery.look()
    assert post.sent == ["mail"]
    with database.reading() as session:
        assert errands.given_up(session) == []


def test_what_was_done_ahead_of_time_hides_no_difference(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    time.move(days=365)
    grant(database, context, galaxy)
    chores.delivery.look()
    time.move(days=-365, seconds=5)
    next(group for group in galaxy.groups.values() if group["name"] == GROUP)["users"].clear()
    chores.comparison.compare()
    with database.reading() as session:
        assert [each.kind for each in comparison.listed(session)] == ["missing"]


def test_a_link_of_a_clock_that_was_behind_ends_all_the_same(database: Database, context: Context, time: Clock) -> None:
    """Whatever the clock does, a link works once."""
    time.move(days=-30)
    with database.writing() as session:
        applications.apply(session, ADA, a_form(days=200), context)
    link = link_in(mails(database)[-1].body)
    time.move(days=30)
    with pytest.raises(NotThere, match="does not work any more"), database.writing() as session:
        applications.confirm(session, link, context)
