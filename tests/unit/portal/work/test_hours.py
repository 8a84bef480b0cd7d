"""GPU hours added up: warned once, stopped once, free again, whatever is away, killed or changed by hand meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from sqlalchemy import select

from nebulab.errors import GalaxyAway, GalaxyError, NotThere
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import HourAccount
from nebulab.portal.data.tables import Errand
from nebulab.portal.hours import limits
from nebulab.portal.rules import audit, errands, personal
from nebulab.portal.rules.applications import keep_person
from nebulab.portal.rules.context import Context
from nebulab.portal.settings import PortalSettings
from nebulab.portal.work import hours as work
from nebulab.portal.work.chores import Chores
from nebulab.portal.work.hours import USED_UP_ROLE, Hours, drift
from support.applicants import ADA, REVIEWER, Clock, mails
from support.fake_accounts import FakeAccounts
from support.galaxy_database import GalaxyDatabase, figures

GROUP = "Nebulab GPU access (hours used up)"


@pytest.fixture
def settings(settings: PortalSettings, galaxy_database: GalaxyDatabase) -> PortalSettings:
    return replace(galaxy_database.known_to(settings), idle_hours=0.0)


@dataclass
class World:
    """Portal, Galaxy, its database, and Ada's number in it."""

    chores: Chores
    hours: Hours
    database: Database
    galaxy: FakeAccounts
    jobs: GalaxyDatabase
    ada: int


@pytest.fixture
def world(chores: Chores, database: Database, galaxy: FakeAccounts, galaxy_database: GalaxyDatabase) -> World:
    galaxy.account("ada", ADA.email)
    assert chores.hours is not None
    limit(database, "40")
    return World(chores, chores.hours, database, galaxy, galaxy_database, galaxy_database.user(ADA.email))


def limit(database: Database, hours: str, whose: str = "everybody", name: str = "", days: str = "7") -> None:
    with database.writing() as session:
        limits.put(session, REVIEWER, whose=whose, name=name, hours=hours, days=days)


def account(database: Database) -> HourAccount:
    with database.reading() as session:
        return session.scalars(select(HourAccount)).one()


def acts(database: Database) -> list[str]:
    with database.reading() as session:
        return [act.act for act in audit.of_person(session, ADA.id)]


def subjects(database: Database) -> list[str]:
    return [mail.subject for mail in mails(database)]


def test_below_the_limit_nothing_happens(world: World) -> None:
    world.jobs.job(world.ada, begun=40, ended=8.1, figures=figures(31.9))
    assert world.hours.look() > 0
    row = account(world.database)
    assert (row.email, row.used, row.hours, row.days, row.over) == (ADA.email, 31.9, 40, 7, False)
    assert (mails(world.database), world.galaxy.requests) == ([], [])
    figures_ = world.hours.figures
    assert figures_ is not None
    assert (figures_.accounts, figures_.over, figures_.running_jobs) == (1, 0, 0)
    assert figures_.by_tool == pytest.approx({"interactive_tool_ml_jupyter_notebook": 15.9}, abs=0.01)


def test_warned_once_and_again_when_a_window_has_passed(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=40, ended=8, figures=figures(32))
    for _ in range(3):
        world.hours.look()
    (mail,) = mails(world.database)
    assert (mail.to, mail.subject) == (ADA.email, "Most of your GPU hours are used")
    assert "32.0 of 40 GPU hours in the last 7 days" in mail.body and "http://localhost:8095/usage" in mail.body
    assert acts(world.database) == ["hours-warned"]
    time.move(days=8)
    world.hours.look()
    with world.database.reading() as session:
        assert session.scalars(select(HourAccount)).all() == [], "nothing is used any more"
    world.jobs.job(world.ada, begun=-8 * 24 + 34, ended=-8 * 24 + 1, figures=figures(33))
    world.hours.look()
    assert len(mails(world.database)) == 2


def test_stopped_at_the_limit_told_once_and_free_again_below_it(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(40))
    for _ in range(3):
        world.hours.look()
        world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}
    assert list(world.galaxy.roles.values()) == [USED_UP_ROLE]
    assert subjects(world.database) == ["Your GPU hours are used up"]
    assert "40.0 of 40 GPU hours in the last 7 days" in mails(world.database)[0].body
    assert acts(world.database) == ["hours-used-up", "hours"]
    assert len([each for each in world.galaxy.requests if each.startswith("PUT groups/g0/users")]) == 1
    # An hour of the forty has left the window, which is not enough; then three.
    time.move(days=7, hours=-47)
    world.hours.look()
    assert account(world.database).used == pytest.approx(39, abs=0.01) and account(world.database).over
    time.move(hours=2)
    world.hours.look()
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == set()
    assert acts(world.database)[2:] == ["hours-back", "hours"]
    assert subjects(world.database)[1:] == []


def test_a_mail_says_when_jobs_run_again(world: World) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(40))
    world.hours.look()
    # Two of the forty are to lie behind: seven days after the job's second hour.
    back = world.jobs.before(46 - 7 * 24)
    body = mails(world.database)[0].body
    assert f"{back.day} {back:%B %Y} at " in body


def test_a_running_session_counts_until_now_and_is_not_ended(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=19, params={"nebulab_gpus": "2"})
    world.hours.look()
    assert account(world.database).used == pytest.approx(38, abs=0.01)
    time.move(hours=1)
    world.hours.look()
    world.chores.delivery.look()
    assert account(world.database).over and world.galaxy.members(GROUP) == {"ada"}
    assert not any(each.startswith("DELETE") for each in world.galaxy.requests)


def test_galaxy_away_is_done_later_once(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(41))
    world.galaxy.away = 503
    with pytest.raises((GalaxyAway, GalaxyError)):
        world.hours.look()
    assert mails(world.database) == []
    world.galaxy.away = 0
    world.hours.look()
    world.galaxy.away = 503
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == set()
    world.galaxy.away = 0
    time.move(minutes=5)
    world.hours.look()
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}
    assert (len(mails(world.database)), acts(world.database)) == (1, ["hours-used-up", "hours"])


def test_galaxy_away_for_days_is_not_given_up(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(41))
    world.hours.look()
    world.galaxy.away = 503
    for _ in range(30):
        world.chores.delivery.look()
        time.move(hours=4)
    world.galaxy.away = 0
    time.move(hours=2)
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}


def test_killed_between_galaxy_and_database_it_is_the_same_once_more(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(41))
    world.hours.look()

    with world.database.reading() as session:
        errand = session.scalars(select(Errand.id).where(Errand.kind == errands.HOURS)).one()
    # What a killed process leaves: Galaxy has heard, the errand is claimed and not done.
    world.hours.make(ADA.id)
    assert world.galaxy.members(GROUP) == {"ada"}
    time.move(minutes=2)
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}
    with world.database.reading() as session:
        assert session.get_one(Errand, errand).done is not None
    assert len(mails(world.database)) == 1


def test_a_limit_of_a_role_and_a_raised_one(world: World) -> None:
    world.jobs.job(world.ada, begun=10, ended=5, figures=figures(5))
    world.jobs.group(world.ada, "Course", "training-gpu")
    limit(world.database, "4", "role", "training-*")
    world.hours.look()
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}
    limit(world.database, "9", "account", ADA.email)
    world.hours.look()
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == set()
    assert account(world.database).hours == 9


def test_what_somebody_changed_by_hand_is_found_and_mended(world: World) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(41))
    world.galaxy.account("bob", "bob@gmail.com")
    bob = world.jobs.user("bob@gmail.com")
    world.hours.look()
    assert world.hours.compare() == 0, "it is on its way"
    world.chores.delivery.look()
    assert world.hours.compare() == 0
    (group,) = world.galaxy.groups.values()
    group["users"] = {"idbob"}
    # Within the second of the errand it might still be under way.
    with world.database.writing() as session:
        for errand in session.scalars(select(Errand)):
            errand.done = world.jobs.before(1)
    assert world.hours.compare() == 2
    with world.database.reading() as session:
        assert [(row.email, row.over) for row in drift(session)] == [(ADA.email, True), ("bob@gmail.com", False)]
    world.hours.look()
    for each in (world.ada, bob):
        with world.database.writing() as session:
            work.mend(session, each, REVIEWER)
    with world.database.writing() as session, pytest.raises(NotThere):
        work.mend(session, bob, REVIEWER)
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}
    assert world.hours.compare() == 0


def test_without_limits_galaxy_gets_no_group(world: World) -> None:
    with world.database.writing() as session:
        limits.remove(session, REVIEWER, limits.listed(session)[0].id)
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(410))
    world.hours.look()
    assert world.hours.look_at_galaxy() > 0
    assert (world.galaxy.requests, mails(world.database)) == ([], [])


def test_an_account_that_galaxy_has_no_more_is_left(world: World) -> None:
    world.jobs.job(world.jobs.user("gone@x.org"), begun=48, ended=8, figures=figures(41))
    world.hours.look()
    assert (account(world.database).over, mails(world.database)) == (False, [])


def test_a_clock_set_forward_and_back_again_warns_anew(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=40, ended=8, figures=figures(33))
    time.move(hours=6)
    world.hours.look()
    time.move(hours=-6)
    world.hours.look()
    world.hours.look()
    assert len(mails(world.database)) == 2


def test_at_the_limit_for_long_there_is_a_mail_a_day_at_most(world: World, time: Clock) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(41))
    world.hours.look()
    limit(world.database, "50")
    world.hours.look()
    limit(world.database, "40")
    world.hours.look()
    assert subjects(world.database).count("Your GPU hours are used up") == 1
    time.move(hours=25)
    limit(world.database, "50")
    world.hours.look()
    limit(world.database, "40")
    world.hours.look()
    assert subjects(world.database).count("Your GPU hours are used up") == 2


def test_a_gpu_that_was_held_and_idle_is_told_at_the_end_once_a_day(
    world: World, context: Context, time: Clock
) -> None:
    world.hours._context = replace(context, settings=replace(context.settings, idle_hours=4.0))
    world.jobs.job(world.ada, begun=30, ended=25, figures=figures(5, idle_hours=5.0))
    world.jobs.job(world.ada, begun=12, ended=7, figures=figures(5, idle_hours=3.9))
    running = world.jobs.job(world.ada, begun=6, params={"nebulab_gpus": "1"})
    world.hours.look()
    assert subjects(world.database) == [], "too little, too long ago, or not over"
    world.jobs.end(running, 1, gpu_hours=5, gpu_count=1, load_mean_percent=1, idle_percent=95, idle_hours=4.75)
    for _ in range(3):
        world.hours.look()
    (mail,) = mails(world.database)
    assert (mail.to, mail.subject) == (ADA.email, "Your GPU was idle")
    assert "idle for 4.8 of 5.0 GPU hours" in mail.body and mail.body.count("- inter") == 1
    assert acts(world.database) == ["idle-gpus"]
    world.jobs.job(world.ada, begun=6, ended=0.5, figures=figures(5, idle_hours=5.0))
    world.hours.look()
    assert len(mails(world.database)) == 1, "one a day"
    # Its end is not a day ago yet: a second later it would be.
    time.move(hours=23)
    world.hours.look()
    assert len(mails(world.database)) == 1
    world.jobs.job(world.ada, begun=-20, ended=-23.5, figures=figures(5, idle_hours=4.0))
    time.move(hours=1)
    world.hours.look()
    assert len(mails(world.database)) == 2


def test_who_has_all_erased_is_kept_no_more_and_is_counted_again(world: World) -> None:
    world.jobs.job(world.ada, begun=48, ended=8, figures=figures(41))
    world.hours.look()
    world.chores.delivery.look()
    with world.database.writing() as session:
        keep_person(session, ADA)
    with world.database.reading() as session:
        told = personal.export(session, ADA)
    assert [each["used"] for each in told["gpu_hours"]] == [pytest.approx(41)]
    with world.database.writing() as session:
        personal.erase(session, ADA)
    with world.database.reading() as session:
        assert session.scalars(select(HourAccount)).all() == []
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == set()
    world.hours.look()
    world.chores.delivery.look()
    assert world.galaxy.members(GROUP) == {"ada"}, "erasing gives no hours"
    assert clock.now() >= world.jobs.now
