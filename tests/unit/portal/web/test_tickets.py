"""A session's ticket opens the hours of its own account, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from limits import RateLimitItemPerMinute

from nebulab.errors import SettingsError
from nebulab.portal.checking import check
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import HourAccount
from nebulab.portal.hours import galaxy_tables, limits
from nebulab.portal.rules import accesses, applications, personal
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Context
from nebulab.portal.serve import opened
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal
from support.applicants import REVIEWER, Browser
from support.galaxy_database import GalaxyDatabase, figures
from support.portal_routes import routes_of
from support.tickets import KEY, ticket

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""
ADA = Account("idada", "ada@uni-freiburg.de", "ada")
MINE = "/api/hours/mine"


@pytest.fixture
def settings(settings: PortalSettings, galaxy_database: GalaxyDatabase, tmp_path: Path) -> PortalSettings:
    key = tmp_path / "ticket-key"
    key.touch(0o600)
    key.write_text(f"{KEY}\n")
    return replace(galaxy_database.known_to(settings), ticket_key_file=key)


@pytest.fixture
def ada(galaxy_database: GalaxyDatabase) -> int:
    """Ada's number in Galaxy, with 8 hours of hers and 15 of Bob's."""
    number, bob = galaxy_database.user(ADA.email), galaxy_database.user("bob@gmail.com")
    galaxy_database.job(number, begun=9, ended=1, figures=figures(8))
    galaxy_database.job(bob, begun=20, ended=5, figures=figures(15))
    return number


@pytest.fixture
def nobody(browser: Open) -> Browser:
    return browser()


def put(database: Database, hours: str) -> None:
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="everybody", name="", hours=hours, days="7")


def asked(browser: Browser, text: str, page: str = MINE) -> Any:
    return browser.get(page, headers={"authorization": f"Bearer {text}"})


def test_it_tells_the_hours_of_its_account(nobody: Browser, ada: int, database: Database) -> None:
    put(database, "40")
    told = asked(nobody, ticket(ada, ADA.id)).json()
    assert (round(told["used"]), told["limit"], told["near"], told["refused"], told["back"]) == (
        8,
        40,
        False,
        False,
        None,
    )
    assert told["in_words"] == "8.0 of 40 GPU hours in the last 7 days"


def test_it_warns_and_tells_until_when_the_next_session_is_refused(
    nobody: Browser, ada: int, database: Database, galaxy_database: GalaxyDatabase
) -> None:
    put(database, "9")
    assert asked(nobody, ticket(ada, ADA.id)).json()["near"]
    put(database, "8")
    told = asked(nobody, ticket(ada, ADA.id)).json()
    assert told["refused"]
    # The hours of the job's first part have to leave the window.
    back = datetime.fromisoformat(told["back"]).replace(tzinfo=None)
    assert timedelta(days=6, hours=14) < back - galaxy_database.now < timedelta(days=6, hours=17)


def test_between_95_and_100_percent_it_tells_what_the_gate_does(nobody: Browser, ada: int, database: Database) -> None:
    put(database, "8.2")
    assert not asked(nobody, ticket(ada, ADA.id)).json()["refused"]
    with database.writing() as session:
        row = HourAccount(account=ada, email=ADA.email, used=8, hours=8.2, days=7, over=True, at=datetime(2026, 1, 1))
        session.add(row)
    assert asked(nobody, ticket(ada, ADA.id)).json()["refused"]


def test_who_has_used_nothing_has_hours_too(nobody: Browser, galaxy_database: GalaxyDatabase, ada: int) -> None:
    eve = galaxy_database.user("eve@uni-freiburg.de")
    assert asked(nobody, ticket(eve, "ideve")).json()["in_words"] == "0.0 GPU hours in the last 7 days"


def test_what_is_none_opens_nothing(nobody: Browser, ada: int, galaxy_database: GalaxyDatabase) -> None:
    good = ticket(ada, ADA.id)
    told, _, seal = good.rpartition(".")
    other = told.replace(f"v1.{ada}.", f"v1.{ada + 1}.")
    gone = galaxy_database.user("gone@uni-freiburg.de", deleted=True)
    for text, why in {
        f"{other}.{seal}": "none of this portal's",
        f"{told}.{seal[:-1]}": "none of this portal's",
        ticket(ada, ADA.id, key="guessed"): "none of this portal's",
        "": "none of this portal's",
        "x" * 10_000: "none of this portal's",
        ticket(ada, ADA.id, days=1, age=timedelta(days=1)): "time is over",
        ticket(gone, "idgone"): "no such account",
        ticket(999, "idnone"): "no such account",
    }.items():
        answer = asked(nobody, text)
        assert answer.status_code == 403 and why in answer.json()["error"], text
        assert ADA.email not in answer.text
    assert nobody.get(MINE).status_code == 401
    assert nobody.get(f"{MINE}?ticket={good}").status_code == 401, "addresses are in logs"


def test_it_opens_nothing_else(nobody: Browser, ada: int, portal: Portal) -> None:
    text = ticket(ada, ADA.id)
    for route in routes_of(make_app(portal)):
        if not route.is_public:
            for address in route.addresses({"account": [str(ada)]} if "{account}" in route.path else {"": ["1"]}):
                answer = nobody.client.request(route.method, address, headers={"authorization": f"Bearer {text}"})
                assert answer.status_code in {401, 403, 404, 422}, route
                assert ADA.email not in answer.text


def test_after_a_revocation_or_erasure_it_is_a_new_one_that_counts(
    nobody: Browser, ada: int, database: Database, context: Context
) -> None:
    before = ticket(ada, ADA.id, age=timedelta(minutes=5))
    with database.writing() as session:
        applications.keep_person(session, ADA)
        accesses.grant(session, ADA.id, datetime(2100, 1, 1).date(), context)
    assert asked(nobody, before).status_code == 200
    with database.writing() as session:
        accesses.revoke(session, ADA.id, version=None, actor=REVIEWER, context=context, reason="It has ended.")
    assert asked(nobody, before).status_code == 403
    assert asked(nobody, ticket(ada, ADA.id, age=timedelta(minutes=-1))).status_code == 200
    with database.writing() as session:
        personal.erase(session, ADA)
    assert "erased" in asked(nobody, ticket(ada, ADA.id, age=timedelta(seconds=30))).json()["error"]


def test_without_a_key_there_is_no_such_page(nobody: Browser, ada: int, portal: Portal, context: Context) -> None:
    portal.context = Context(replace(context.settings, ticket_key_file=None), context.domains)
    assert asked(nobody, ticket(ada, ADA.id)).status_code == 404
    assert asked(nobody, ticket(ada, ADA.id, key="")).status_code == 404


def test_an_account_asks_so_often_and_no_more(nobody: Browser, ada: int, portal: Portal) -> None:
    portal.rates.hours = RateLimitItemPerMinute(1)
    assert [asked(nobody, ticket(ada, ADA.id)).status_code for _ in range(2)] == [200, 429]


def test_galaxys_database_away_is_told_as_such(nobody: Browser, ada: int, galaxy_database: GalaxyDatabase) -> None:
    galaxy_tables.USER.drop(galaxy_database._engine)
    answer = asked(nobody, ticket(ada, ADA.id))
    galaxy_tables.USER.create(galaxy_database._engine)
    assert answer.status_code == 503


def test_a_ticket_of_the_future_opens_nothing(nobody: Browser, ada: int) -> None:
    """It would outlive what ends the tickets that were made before."""
    assert asked(nobody, ticket(ada, ADA.id, age=timedelta(minutes=-4))).status_code == 200
    answer = asked(nobody, ticket(ada, ADA.id, age=timedelta(hours=-1)))
    assert (answer.status_code, "of the future" in answer.text) == (403, True)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_key_that_can_not_be_used_is_told_at_the_start_and_to_nobody_else(
    nobody: Browser, settings: PortalSettings, content: bytes
) -> None:
    assert settings.check_secrets() == 1
    assert settings.ticket_key_file is not None
    settings.ticket_key_file.write_bytes(content)
    with pytest.raises(SettingsError, match="NEBULAB_PORTAL_TICKET_KEY_FILE"), opened(settings):
        pass
    findings = {each.what: each.fault for each in check(settings)}
    assert "NEBULAB_PORTAL_TICKET_KEY_FILE" in findings["secrets"]
    answer = nobody.get(MINE)
    assert answer.status_code == 500 and str(settings.ticket_key_file) not in answer.text
