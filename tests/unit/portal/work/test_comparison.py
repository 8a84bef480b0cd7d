"""Galaxy and the database compared: what somebody did by hand is found, told and mended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nebulab.errors import GalaxyAway, NotThere
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.rules import accesses, applications
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Context
from nebulab.portal.work import comparison
from nebulab.portal.work.chores import Chores
from support.applicants import ADA, REVIEWER, Clock
from support.fake_accounts import FakeAccounts

GROUP, ENDED = "Nebulab GPU access", "Nebulab GPU access (ended)"


@pytest.fixture
def settled(database: Database, context: Context, chores: Chores, galaxy: FakeAccounts, time: Clock) -> None:
    """Ada has access, Eve had it, and Galaxy knows."""
    for name, days in (("ada", 30), ("eve", -1)):
        galaxy.account(name, f"{name}@uni-freiburg.de")
        with database.writing() as session:
            applications.keep_person(session, Account(f"id{name}", f"{name}@uni-freiburg.de", name))
            accesses.grant(session, f"id{name}", clock.today() + timedelta(days=days), context)
    galaxy.account("bob", "bob@gmail.com")
    chores.delivery.look()
    time.move(seconds=5)


def found(database: Database) -> dict[str, str]:
    with database.reading() as session:
        return {each.email: each.kind for each in comparison.listed(session)}


def group(galaxy: FakeAccounts, name: str) -> set[str]:
    users: set[str] = next(each["users"] for each in galaxy.groups.values() if each["name"] == name)
    return users


@pytest.mark.usefixtures("settled")
def test_nothing_differs_at_first(database: Database, chores: Chores, galaxy: FakeAccounts) -> None:
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == ({"ada"}, {"eve"})
    assert chores.comparison.look() > 0
    assert found(database) == {}


@pytest.mark.usefixtures("settled")
def test_what_was_done_by_hand_is_found_and_mended(database: Database, chores: Chores, galaxy: FakeAccounts) -> None:
    group(galaxy, GROUP).symmetric_difference_update({"idada", "idbob"})
    group(galaxy, ENDED).clear()
    assert chores.comparison.compare() == 3
    assert found(database) == {
        "ada@uni-freiburg.de": "missing",
        "bob@gmail.com": "stranger",
        "eve@uni-freiburg.de": "mark",
    }
    for person in ("idada", "idbob", "ideve"):
        with database.writing() as session:
            comparison.mend(session, person, REVIEWER)
    assert found(database) == {}
    chores.delivery.look()
    assert (galaxy.members(GROUP), galaxy.members(ENDED)) == ({"ada"}, {"eve"})
    with pytest.raises(NotThere), database.writing() as session:
        comparison.mend(session, "idada", REVIEWER)


@pytest.mark.usefixtures("settled")
def test_what_is_on_its_way_is_no_difference(
    database: Database, context: Context, chores: Chores, galaxy: FakeAccounts
) -> None:
    with database.writing() as session:
        accesses.revoke(session, ADA.id, version=None, actor=REVIEWER, context=context, reason="The end")
    assert chores.comparison.compare() == 0


@pytest.mark.usefixtures("settled")
def test_galaxy_away_leaves_what_was_found(database: Database, chores: Chores, galaxy: FakeAccounts) -> None:
    group(galaxy, GROUP).add("idbob")
    chores.comparison.compare()
    galaxy.away = 503
    with pytest.raises(GalaxyAway):
        chores.comparison.compare()
    assert found(database) == {"bob@gmail.com": "stranger"}
