"""The chores together, as the process runs them: an access that ends leaves Galaxy by itself."""

from __future__ import annotations

import time as real_time
from datetime import timedelta

from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.rules import accesses, applications
from nebulab.portal.rules.context import Context
from nebulab.portal.work.chores import Chores
from support.applicants import ADA, Clock, mails
from support.fake_accounts import FakeAccounts

GROUP, ENDED = "Nebulab GPU access", "Nebulab GPU access (ended)"


def test_an_access_ends_by_itself(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    galaxy.account("ada", ADA.email)
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, clock.today() + timedelta(days=30), context)
    chores.delivery.look()
    time.move(days=20)
    chores.end_accesses()
    time.move(days=11)
    chores.start()
    try:
        assert {health.trouble for health in chores.health()} == {""}
        end = real_time.monotonic() + 10
        while galaxy.members(ENDED) != {"ada"} and real_time.monotonic() < end:
            real_time.sleep(0.02)
    finally:
        chores.stop()
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == (set(), {"ada"})
    assert [mail.subject.split(" on ")[0] for mail in mails(database)] == [
        "Your access to GPUs ends",
        "Your access to GPUs has ended",
    ]
