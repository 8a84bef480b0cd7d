"""Galaxy's groups follow the database, whatever was there before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nebulab.errors import GalaxyAway, NotAllowed
from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.rules import accesses, applications, personal
from nebulab.portal.rules.context import Context
from nebulab.portal.work.membership import Membership
from support.applicants import ADA, REVIEWER
from support.fake_accounts import FakeAccounts

GROUP, ENDED = "Nebulab GPU access", "Nebulab GPU access (ended)"


@pytest.fixture
def membership(database: Database, administration: Administration, context: Context) -> Membership:
    return Membership(database, administration, context.settings)


def grant(database: Database, context: Context, days: int = 30) -> None:
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, clock.today() + timedelta(days=days), context)


def revoke(database: Database, context: Context) -> None:
    with database.writing() as session:
        accesses.revoke(session, ADA.id, version=None, actor=REVIEWER, context=context, reason="The end")


def test_access_is_a_group_with_the_role(
    database: Database, context: Context, membership: Membership, galaxy: FakeAccounts
) -> None:
    galaxy.account("ada", ADA.email)
    grant(database, context)
    for _ in range(2):  # the second time changes nothing
        membership.make(ADA.id)
        assert (galaxy.members(GROUP), galaxy.members(ENDED)) == ({"ada"}, set())
    roles = {group["name"]: {galaxy.roles[role] for role in group["roles"]} for group in galaxy.groups.values()}
    assert roles == {GROUP: {"gpu_access_validated"}, ENDED: {"gpu_access_expired"}}
    revoke(database, context)
    membership.make(ADA.id)
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == (set(), {"ada"})
    grant(database, context)
    membership.make(ADA.id)
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == ({"ada"}, set())
    with database.writing() as session:
        personal.erase(session, ADA)
    membership.make(ADA.id)
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == (set(), set())
    assert len(galaxy.groups) == 2 and len(galaxy.roles) == 2


def test_an_access_whose_time_is_over_is_none(
    database: Database, context: Context, membership: Membership, galaxy: FakeAccounts
) -> None:
    galaxy.account("ada", ADA.email)
    grant(database, context, days=-1)
    assert membership.make(ADA.id).ended
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == (set(), {"ada"})


def test_a_group_that_is_there_gets_the_role_and_keeps_its_members(
    database: Database, context: Context, membership: Membership, galaxy: FakeAccounts
) -> None:
    galaxy.account("ada", ADA.email)
    galaxy.account("bob", "bob@example.org")
    galaxy.groups["g0"] = {"name": GROUP, "roles": set(), "users": {"idbob"}}
    grant(database, context)
    membership.make(ADA.id)
    assert galaxy.members(GROUP) == {"ada", "bob"}
    assert len(galaxy.groups["g0"]["roles"]) == 1


def test_what_is_decided_meanwhile_counts(
    database: Database, context: Context, membership: Membership, galaxy: FakeAccounts
) -> None:
    """An administrator revokes between the look into the database and the request to Galaxy."""
    galaxy.account("ada", ADA.email)
    grant(database, context)

    def before(line: str) -> None:
        if line.startswith("PUT groups"):
            galaxy.before = lambda _: None
            revoke(database, context)

    galaxy.before = before
    membership.make(ADA.id)
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == (set(), {"ada"})


def test_a_group_that_was_deleted_is_made_again(
    database: Database, context: Context, membership: Membership, galaxy: FakeAccounts
) -> None:
    galaxy.account("ada", ADA.email)
    grant(database, context)
    membership.make(ADA.id)
    galaxy.groups.clear()
    with pytest.raises(Exception, match="knows no such thing"):
        membership.make(ADA.id)
    membership.make(ADA.id)
    assert galaxy.members(GROUP) == {"ada"}


def test_galaxy_away_or_a_wrong_key_is_an_error(database: Database, context: Context, galaxy: FakeAccounts) -> None:
    galaxy.account("ada", ADA.email)
    grant(database, context)
    with Administration(GalaxySettings(galaxy.url, "wrong", patience=0)) as connection:
        with pytest.raises(NotAllowed):
            Membership(database, connection, context.settings).make(ADA.id)
        galaxy.away = 503
        with pytest.raises(GalaxyAway):
            Membership(database, connection, context.settings).make(ADA.id)
