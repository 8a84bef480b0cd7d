"""A course in Galaxy: its group has the roles that say how far it is, whatever comes late, twice or in any order."""

from __future__ import annotations

import pytest

from nebulab.errors import GalaxyAway, GalaxyError
from nebulab.portal.data.database import Database
from nebulab.portal.rules import accesses, applications, personal
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.courses import deciding, places
from nebulab.portal.work.chores import Chores
from support.applicants import ADA, BOB, Clock
from support.courses import REVIEWER, TRAINER, approved, frame, join
from support.fake_accounts import FakeAccounts

GPUS, EXPIRED, OWN = "gpu_access_validated", "gpu_access_expired", "Nebulab GPU access"


@pytest.fixture(autouse=True)
def _accounts(galaxy: FakeAccounts) -> None:
    for account in (ADA, BOB, TRAINER):
        galaxy.account(account.name, account.email)


def test_roles_come_and_go_with_the_course(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    course = approved(database, context, begins=1, ends=2)
    group = course.galaxy_name
    join(database, context, course, ADA, BOB)
    chores.delivery.look()
    assert galaxy.members(group) == {"ada", "bob"}
    assert galaxy.roles_of(group) == {group}
    assert galaxy.descriptions[group].startswith(f"GPUs from {course.begins.isoformat()}: ")
    time.move(days=1)
    chores.follow_courses()
    chores.delivery.look()
    assert galaxy.roles_of(group) == {group, GPUS}
    time.move(days=2)
    chores.follow_courses()
    chores.delivery.look()
    # As with TIaaS the participants stay in the group, and the role leaves it.
    assert (galaxy.roles_of(group), galaxy.members(group)) == ({EXPIRED}, {"ada", "bob"})


def test_who_leaves_or_is_erased_leaves_the_group(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts
) -> None:
    course, other = approved(database, context), approved(database, context)
    join(database, context, course, ADA, BOB)
    join(database, context, other, ADA)
    chores.delivery.look()
    with database.writing() as session:
        places.leave(session, ADA, course.id)
        personal.erase(session, BOB)
    chores.delivery.look()
    assert galaxy.members(course.galaxy_name) == set()
    # One person in two courses: the other one is untouched.
    assert galaxy.members(other.galaxy_name) == {"ada"}


def test_an_own_approval_stays_when_the_course_ends(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts
) -> None:
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, frame(0, 100).ends, context)
    course = approved(database, context)
    join(database, context, course, ADA)
    chores.delivery.look()
    with database.writing() as session:
        deciding.end(session, course.id, version=None, actor=REVIEWER, context=context, reason="Over")
    chores.delivery.look()
    assert galaxy.members(OWN) == {"ada"} and galaxy.roles_of(OWN) == {GPUS}
    assert galaxy.roles_of(course.galaxy_name) == {EXPIRED}
    assert chores.comparison.compare() == 0


def test_a_course_that_ends_before_it_begins_marks_nobody(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts
) -> None:
    course = approved(database, context, begins=5, ends=6)
    chores.delivery.look()
    with database.writing() as session:
        deciding.end(session, course.id, version=None, actor=REVIEWER, context=context, reason="Called off")
    chores.delivery.look()
    assert galaxy.roles_of(course.galaxy_name) == set()


def test_galaxy_away_is_later_and_once(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock
) -> None:
    course = approved(database, context)
    join(database, context, course, ADA)
    galaxy.before = lambda _: setattr(galaxy, "away", 503)
    chores.delivery.look()
    galaxy.away, galaxy.before = 0, lambda _: None
    assert galaxy.groups == {}
    # It ends while Galaxy is away: GPUs are never given.
    with database.writing() as session:
        deciding.end(session, course.id, version=None, actor=REVIEWER, context=context, reason="Over")
    time.move(minutes=5)
    galaxy.requests.clear()
    chores.delivery.look()
    assert galaxy.roles_of(course.galaxy_name) == {EXPIRED}
    assert sum(line == "POST groups" for line in galaxy.requests) == 1
    before = len(galaxy.requests)
    time.move(minutes=5)
    chores.delivery.look()
    assert len(galaxy.requests) == before


def test_what_is_decided_while_galaxy_is_told_counts(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts
) -> None:
    course = approved(database, context)
    join(database, context, course, ADA)

    def leave(line: str) -> None:
        if line.startswith("PUT groups/") and "/users/" in line:
            galaxy.after = lambda _: None
            with database.writing() as session:
                places.leave(session, ADA, course.id)

    galaxy.after = leave
    chores.delivery.look()
    assert galaxy.members(course.galaxy_name) == set()


def test_sessions_are_those_of_galaxy(chores: Chores, galaxy: FakeAccounts) -> None:
    galaxy.jobs = [
        {"user_email": ADA.email, "state": "queued"},
        {"user_email": ADA.email, "state": "running"},
        {"user_email": BOB.email, "state": "new"},
    ]
    assert chores.courses.sessions() == {ADA.email: "running", BOB.email: "queued"}
    asked = [line for line in galaxy.requests if line.startswith("GET jobs")]
    assert len(asked) == 1 and "state=queued" in asked[0] and "interactive_tool_ml_jupyter_notebook" in asked[0]
    galaxy.away = 503
    assert chores.courses.sessions() == {ADA.email: "running", BOB.email: "queued"}  # remembered for seconds


def test_sessions_with_galaxy_away_are_unknown(chores: Chores, galaxy: FakeAccounts) -> None:
    galaxy.away = 503
    with pytest.raises((GalaxyAway, GalaxyError)):
        chores.courses.sessions()
