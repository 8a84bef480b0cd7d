"""Errands are done once, in effect, whatever is away or killed in the middle."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta
from itertools import pairwise
from typing import NoReturn

import pytest
from sqlalchemy import select

from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Act, Errand, Mail
from nebulab.portal.rules import accesses, applications, errands
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.letters import Letter
from nebulab.portal.settings import PortalSettings
from nebulab.portal.work.chores import Chores
from nebulab.portal.work.delivery import CLAIM_SECONDS, Delivery
from nebulab.portal.work.membership import Membership
from support.applicants import ADA, Clock
from support.fake_accounts import KEY, FakeAccounts

GROUP = "Nebulab GPU access"


class Post:
    """A mail server that is away while `error` is set."""

    keeps = False

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.error: Exception | None = None

    def send(self, mail: Mail) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(mail.message_id)


def grant(database: Database, context: Context, galaxy: FakeAccounts) -> None:
    galaxy.account("ada", ADA.email)
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, clock.today() + timedelta(days=30), context)


def write(database: Database) -> None:
    with database.writing() as session:
        errands.send(session, "idada", ADA.email, Letter("Subject", "Text"), "gpu@example.org")


def waiting(database: Database) -> list[Errand]:
    with database.reading() as session:
        return errands.waiting(session)


def test_galaxy_away_is_told_and_done_later(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    grant(database, context, galaxy)
    galaxy.away = 503
    chores.delivery.look()
    (errand,) = waiting(database)
    assert "does not answer" in errand.trouble and errand.attempts == 1
    galaxy.away = 0
    chores.delivery.look()  # not yet due again
    assert len(waiting(database)) == 1
    time.move(seconds=10)
    chores.delivery.look()
    assert waiting(database) == []
    assert galaxy.members(GROUP) == {"ada"}


def test_an_errand_that_nothing_does_waits_and_is_shown(database: Database, chores: Chores) -> None:
    now = clock.now()
    with database.writing() as session:
        session.add(Errand(kind="of-another-version", person_id="idada", made=now, due=now))
    chores.delivery.look()
    (kept,) = waiting(database)
    assert kept.done is None and "of-another-version" in kept.trouble


def test_pauses_grow_to_an_hour(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    grant(database, context, galaxy)
    galaxy.away = 503
    pauses = []
    for _ in range(13):
        chores.delivery.look()
        (errand,) = waiting(database)
        pauses.append((errand.due - clock.now()).total_seconds())
        time.move(seconds=pauses[-1] + 1)
    # The clock goes on by a second now and then.
    assert pauses[0] <= 5 and pauses[-1] > 3590
    assert all(later >= earlier - 2 for earlier, later in pairwise(pauses))


def test_a_mail_server_that_is_down_delays_mails_and_no_memberships(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    post = Post()
    post.error = ConnectionRefusedError("no mail server")
    delivery = Delivery(database, post, chores.in_galaxy)
    write(database)
    grant(database, context, galaxy)
    delivery.look()
    assert galaxy.members(GROUP) == {"ada"}
    assert [errand.trouble for errand in waiting(database)] == ["no mail server"]
    post.error = None
    time.move(minutes=1)
    delivery.look()
    delivery.look()
    assert len(post.sent) == 1 and waiting(database) == []
    with database.reading() as session:
        assert session.scalars(select(Mail)).all() == []  # its text is kept no longer than needed


def test_a_mail_is_given_up_after_days_and_told(
    database: Database, chores: Chores, context: Context, time: Clock
) -> None:
    post = Post()
    post.error = OSError("no such mailbox")
    delivery = Delivery(database, post, chores.in_galaxy)
    write(database)
    for _ in range(20):
        assert len(waiting(database)) == 1
        time.move(hours=3, minutes=45)
        delivery.look()
    assert waiting(database) == []
    with database.reading() as session:
        assert [errand.trouble for errand in errands.given_up(session)] == ["no such mailbox"]
        assert session.scalars(select(Act.act)).all() == ["mail-given-up"]


def test_two_processes_do_each_errand_once(database: Database, chores: Chores) -> None:
    post = Post()
    for _ in range(8):
        write(database)
    threads = [threading.Thread(target=Delivery(database, post, chores.in_galaxy).look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(post.sent) == len(set(post.sent)) == 8


def test_what_is_erased_meanwhile_is_nobodys_errand(database: Database, chores: Chores, time: Clock) -> None:
    class Erasing(Post):
        def send(self, mail: Mail) -> None:
            with database.writing() as session:
                session.delete(session.get_one(Errand, mail.errand_id))
            super().send(mail)

    post = Erasing()
    delivery = Delivery(database, post, chores.in_galaxy)
    write(database)
    delivery.look()
    write(database)
    post.error = OSError("no")
    delivery.look()
    assert waiting(database) == []


def deliver(database: str, galaxy: str) -> NoReturn:
    """Do the errands, in a process of its own."""
    try:
        opened = Database(database)
        administration = Administration(GalaxySettings(galaxy, KEY, patience=0))
        settings = PortalSettings()
        membership = Membership(opened, administration, settings)
        Delivery(opened, Post(), {errands.MEMBERSHIP: lambda errand: membership.make(errand.person_id)}).look()
    finally:
        os._exit(1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_that_is_killed_leaves_nothing_undone_and_nothing_double(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock, moment: str
) -> None:
    """SIGKILL when Galaxy has the request and has not made the change, or has made it and not answered."""
    grant(database, context, galaxy)
    child = os.fork()
    if child == 0:
        deliver(database.url.render_as_string(hide_password=False), galaxy.url)

    def kill(line: str) -> None:
        if line.startswith("PUT groups") and line.endswith("idada"):
            os.kill(child, signal.SIGKILL)

    galaxy.before = kill if moment == "before" else galaxy.before
    galaxy.after = kill if moment == "after" else galaxy.after
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    galaxy.before = galaxy.after = lambda _: None
    chores.delivery.look()
    assert len(waiting(database)) == 1  # still claimed
    time.move(seconds=CLAIM_SECONDS + 1)
    chores.delivery.look()
    assert waiting(database) == []
    assert galaxy.members(GROUP) == {"ada"}
    with database.reading() as session:
        assert session.scalars(select(Act.act)).all() == ["membership"]
