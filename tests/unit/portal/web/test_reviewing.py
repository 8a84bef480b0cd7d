"""Reviewers: a queue with everything at a glance, decisions, accesses, the portal's state and the log."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from nebulab.portal.data.database import Database
from nebulab.portal.work.chores import Chores
from support.applicants import Browser, link_in, mails, told, written
from support.fake_accounts import FakeAccounts

Open = Callable[..., Browser]
GROUP = "Nebulab GPU access"


@pytest.fixture
def admin(browser: Open) -> Browser:
    return browser("grace", "grace@uni-freiburg.de", is_admin=True)


@pytest.fixture
def waiting(browser: Open, database: Database) -> str:
    """Ada's confirmed application: its page in the queue."""
    ada = browser("ada", "ada@uni-freiburg.de")
    name = ada.post("/apply", **written()).headers["location"].partition("?")[0].rpartition("/")[2]
    ada.post(f"/confirm/{link_in(mails(database)[-1].body)}")
    return f"/admin/applications/{name}"


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found
    return found[1]


def test_a_reviewer_approves_from_the_queue(
    admin: Browser, waiting: str, database: Database, chores: Chores, galaxy: FakeAccounts
) -> None:
    assert "1 application waits for a decision" in admin.text("/")
    page = admin.get("/admin/queue").text
    for text in ("Nuclei", "Grace Hopper", "Universität Freiburg", "address confirmed", "on the list of institutions"):
        assert text in page
    until = re.search(r'name="until" value="([\d-]+)"', page)
    assert until
    answer = admin.post(f"{waiting}/approve", version=version(page), until=until[1])
    assert answer.headers["location"] == "/admin/queue?done=approved"
    chores.delivery.look()
    assert galaxy.members(GROUP) == {"ada"}
    assert "ada@uni-freiburg.de" in admin.text("/admin/accesses")
    access = admin.get("/admin/accesses/idada").text
    assert admin.post("/admin/accesses/idada/revoke", version=version(access), reason="").status_code == 422
    admin.post("/admin/accesses/idada/revoke", version=version(access), reason="The project has ended")
    chores.delivery.look()
    assert galaxy.members(GROUP) == set()
    assert "revoked" in admin.text("/admin/accesses?ended=true")
    log = admin.text("/admin/log")
    assert "grace@uni-freiburg.de approved ada@uni-freiburg.de" in log and "revoked ada@uni-freiburg.de" in log


def test_a_reviewer_asks_and_refuses_with_words(admin: Browser, waiting: str, database: Database) -> None:
    page = admin.get(waiting).text
    asked = admin.post(f"{waiting}/ask", version=version(page), question=" ")
    assert asked.status_code == 422 and 'id="question-fault"' in asked.text and "<details open>" in asked.text
    assert admin.post(f"{waiting}/refuse", version=version(page), reason="").status_code == 422
    assert admin.post(f"{waiting}/approve", version=version(page), until="yesterday").status_code == 422
    assert admin.post(f"{waiting}/refuse", version=version(page), reason="CPUs do").status_code == 303
    assert "CPUs do" in mails(database)[-1].body
    assert "CPUs do" in admin.text("/admin/queue?state=refused")


def test_the_second_reviewer_is_told(admin: Browser, browser: Open, waiting: str) -> None:
    other = browser("lise", "lise@uni-freiburg.de", is_admin=True)
    page = admin.get(waiting).text
    other.post(f"{waiting}/refuse", version=version(page), reason="No")
    late = admin.post(f"{waiting}/approve", version=version(page), until="")
    assert late.status_code == 409
    assert "lise@uni-freiburg.de was quicker: they refused it" in told(late.text)


PAGES = ["/admin/queue", "/admin/applications/x", "/admin/accesses", "/admin/accesses/x", "/admin/state", "/admin/log"]
POSTS = [
    *(f"/admin/applications/x/{act}" for act in ("approve", "refuse", "ask")),
    "/admin/accesses/x/revoke",
    "/admin/state/try",
    "/admin/state/compare",
    "/admin/state/mend/x",
]


def test_these_pages_are_for_administrators_alone(browser: Open) -> None:
    eve, nobody = browser("eve", "eve@uni-freiburg.de"), browser()
    for page in PAGES:
        assert (eve.get(page).status_code, nobody.get(page).status_code) == (403, 401), page
    for page in POSTS:
        assert eve.post(page, version="1").status_code == 403, page
        assert nobody.post(page, version="1").status_code == 401, page


def test_an_administrator_that_no_longer_is_one_decides_nothing(
    admin: Browser, waiting: str, galaxy: FakeAccounts
) -> None:
    page = admin.get(waiting).text
    galaxy.users["idgrace"]["is_admin"] = False
    assert admin.post(f"{waiting}/approve", version=version(page)).status_code == 403


def test_the_state_shows_what_waits_and_why(admin: Browser, waiting: str, chores: Chores, galaxy: FakeAccounts) -> None:
    admin.post(f"{waiting}/approve", version=version(admin.get(waiting).text), until="")
    galaxy.before = lambda _: setattr(galaxy, "away", 503)
    chores.delivery.look()
    galaxy.away, galaxy.before = 0, lambda _: None
    assert "membership idada" in admin.text("/admin/state") and "does not answer" in admin.text("/admin/state")
    admin.post("/admin/state/try")
    chores.delivery.look()
    assert "Nothing: Galaxy knows all" in admin.text("/admin/state")


def test_drift_is_shown_and_mended(admin: Browser, chores: Chores, galaxy: FakeAccounts) -> None:
    galaxy.account("bob", "bob@gmail.com")
    chores.comparison.compare()
    next(group for group in galaxy.groups.values() if group["name"] == GROUP)["users"].add("idbob")
    assert admin.post("/admin/state/compare").status_code == 303
    assert "bob@gmail.com is in Galaxy's group, and has no access here" in admin.text("/admin/state")
    assert admin.post("/admin/state/mend/idbob").status_code == 303
    chores.delivery.look()
    assert galaxy.members(GROUP) == set()
    galaxy.away = 503
    assert admin.post("/admin/state/compare").status_code == 503


def test_the_log_names_people_and_finds_what_concerns_one(admin: Browser, waiting: str, browser: Open) -> None:
    browser("eve", "eve@uni-freiburg.de").post("/apply", **written(email="eve@uni-freiburg.de"))
    admin.post(f"{waiting}/approve", version=version(admin.get(waiting).text), until="")
    log = admin.text("/admin/log")
    assert "grace@uni-freiburg.de approved ada@uni-freiburg.de" in log and "eve@uni-freiburg.de applied" in log
    for name in ("ADA@uni-freiburg.de", "idada"):
        found = admin.text(f"/admin/log?of={name}")
        assert "grace@uni-freiburg.de approved ada@uni-freiburg.de" in found and "eve@" not in found
    assert "approved" in admin.text("/admin/log?of=idgrace") and "There is none" in admin.text("/admin/log?of=x")
    assert "There is none." in admin.text("/admin/log?of=nobody@x.org%00")


def test_an_administrator_is_told_what_is_theirs_first(admin: Browser) -> None:
    page = admin.text("/")
    assert "You have none yet" not in page and "Apply for a GPU" not in page
    assert page.index("For administrators") < page.index("Your own access") < page.index("pass the rules for GPUs")
    assert "mail server" not in admin.text("/admin/state"), "there is none"
