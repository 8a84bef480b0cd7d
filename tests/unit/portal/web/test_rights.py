"""Who may do what: every route of the application is walked, as nobody, as another person and as an administrator.

A route that is new is walked by itself. One that anybody may ask for is named in `support.portal_routes.PUBLIC`, so
that somebody has decided it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Drift
from nebulab.portal.rules import applications, decisions
from nebulab.portal.rules.applications import Account
from nebulab.portal.rules.context import Context
from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal
from support.applicants import ADA, REVIEWER, Browser, a_form, link_in, mails
from support.courses import TRAINER, approved, asked, join
from support.portal_routes import WITH_A_LINK, Route, content_of, routes_of, without_rates

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""
BEN = Account("idben", "ben@uni-freiburg.de", "ben")


@dataclass(frozen=True)
class Filled:
    """What lies in the database of Ada and Ben: their ids, by the names that routes have for them, and their words."""

    ids: dict[str, list[str]]
    words: tuple[str, ...]


@pytest.fixture
def filled(database: Database, context: Context) -> Filled:
    """Ada has access and an application that waits; Ben has not confirmed his."""
    ids = []
    for number in range(2):
        with database.writing() as session:
            ids.append(applications.apply(session, ADA, a_form(), context).id)
        with database.writing() as session:
            applications.confirm(session, link_in(mails(database)[-1].body), context)
            if number == 0:
                decisions.approve(session, ids[0], version=None, actor=REVIEWER, context=context)
    with database.writing() as session:
        ids.append(applications.apply(session, BEN, a_form(BEN.email), context).id)
        session.add(Drift(person_id=ADA.id, email=ADA.email, kind="missing", found=clock.now()))
    link = link_in(mails(database)[-1].body)
    course = approved(database, context, begins=1)
    join(database, context, course, BEN)
    waits = asked(database, context)
    code = course.code or ""
    known = {
        "application": ids,
        "person": [ADA.id, BEN.id],
        "link": [link],
        "course": [course.id, waits.id],
        "code": [code],
        "account": ["1"],
    }
    return Filled(known, (ADA.email, BEN.email, TRAINER.email, "Segment nuclei", "Grace Hopper", link, code))


@pytest.fixture
def routes(portal: Portal) -> list[Route]:
    portal.rates = without_rates()
    found = routes_of(make_app(portal))
    assert len(found) > 30 and len({str(route) for route in found}) == len(found)
    return found


def test_nobody_reaches_what_is_not_for_everybody(
    browser: Open, routes: list[Route], filled: Filled, database: Database
) -> None:
    nobody, before = browser(), content_of(database)
    for route in routes:
        for address in () if route.is_public else route.addresses(filled.ids):
            answer = route.ask(nobody, address)
            assert answer.status_code == 401, f"{route}: {answer.status_code}"
            assert not [word for word in filled.words if word in answer.text and word not in address], route
    assert content_of(database) == before


def test_administrators_pages_are_for_them_alone(
    browser: Open, routes: list[Route], filled: Filled, database: Database
) -> None:
    ada, before = browser("ada", ADA.email), content_of(database)
    theirs = [route for route in routes if route.is_for_administrators]
    assert len(theirs) > 12
    for route in theirs:
        for address in route.addresses(filled.ids):
            assert route.ask(ada, address).status_code == 403, route
    assert content_of(database) == before


def test_nobody_reads_or_changes_what_is_anothers(
    browser: Open, routes: list[Route], filled: Filled, database: Database
) -> None:
    """Eve knows every id that there is."""
    eve, before = browser("eve", "eve@uni-freiburg.de"), content_of(database)
    for route in routes:
        for address in () if route.path in WITH_A_LINK else route.addresses(filled.ids):
            answer = route.ask(eve, address)
            assert "{" not in route.path or route.is_public or answer.status_code in {403, 404}, f"{route}: {answer}"
            assert not [word for word in filled.words if word in answer.text], route
    after = content_of(database)
    for table, rows in before.items():
        assert rows <= after[table], table


def test_every_form_needs_its_token(browser: Open, routes: list[Route], filled: Filled, database: Database) -> None:
    """Ada is an administrator here: nothing else than the token is missing."""
    ada, before = browser("ada", ADA.email, is_admin=True), content_of(database)
    forms = [route for route in routes if route.method != "GET"]
    assert len(forms) > 10
    for route in forms:
        for address in route.addresses(filled.ids):
            assert route.ask(ada, address, token=False).status_code == 403, route
    assert content_of(database) == before


def test_no_page_changes_anything(browser: Open, routes: list[Route], filled: Filled, database: Database) -> None:
    """A link that somebody is led to is asked for with their login, and without a token."""
    ada, before = browser("ada", ADA.email, is_admin=True), content_of(database)
    for route in routes:
        for address in route.addresses(filled.ids) if route.method == "GET" else ():
            assert route.ask(ada, address).status_code in {200, 303, 404}, route
    assert content_of(database) == before


def test_no_page_has_a_script_or_a_style_in_it(browser: Open, routes: list[Route], filled: Filled) -> None:
    ada, seen = browser("ada", ADA.email, is_admin=True), 0
    for route in routes:
        for address in route.addresses(filled.ids) if route.method == "GET" else ():
            answer = ada.get(address)
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            seen += 1
            page = answer.text
            assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page, re.I), route
            policy = answer.headers["content-security-policy"]
            assert "unsafe" not in policy and "default-src 'none'" in policy, route
            # A page that may run a script has no form and nothing that a person wrote.
            if "script-src" in policy:
                assert "<form" not in page and not [word for word in filled.words[2:] if word in page], route
    assert seen > 15


def test_the_applications_description_is_not_served(browser: Open) -> None:
    """It would be a map of what is not for everybody, and no program can use it: forms need a page's token."""
    for page in ("/openapi.json", "/docs", "/redoc"):
        assert browser("ada", ADA.email, is_admin=True).get(page).status_code == 404
