"""Pages of courses: trainer, participant and administrator; each sees what is theirs, and nobody else does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from nebulab.portal.data.database import Database
from nebulab.portal.rules.context import Context
from nebulab.portal.rules.courses.forms import TERMS
from nebulab.portal.work.chores import Chores
from support.applicants import Browser, mails, told
from support.courses import TRAINER, approved, asked, filled, found
from support.fake_accounts import FakeAccounts

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The rules are tested on both kinds; the pages make no difference."""


@pytest.fixture
def trainer(browser: Open) -> Browser:
    return browser("lise", TRAINER.email)


@pytest.fixture
def admin(browser: Open) -> Browser:
    return browser("grace", "grace@uni-freiburg.de", is_admin=True)


def version(page: str) -> str:
    found_ = re.search(r'name="version" value="(\d+)"', page)
    assert found_
    return found_[1]


def fields(page: str) -> dict[str, Any]:
    """Return what the first form that approves has in it."""
    form = re.search(r'<form[^>]*/approve".*?</form>', page, re.DOTALL)
    assert form
    return dict(re.findall(r'name="(version|begins|ends|places)" value="([^"]*)"', form[0]))


def test_a_course_from_the_form_to_its_end(
    trainer: Browser, admin: Browser, browser: Open, database: Database, chores: Chores, galaxy: FakeAccounts
) -> None:
    wrong = trainer.post("/courses/new", **filled(count="many"))
    assert wrong.status_code == 422 and 'id="places-fault"' in wrong.text and "Übermut" in wrong.text
    page = trainer.post("/courses/new", **filled()).headers["location"].partition("?")[0]
    assert "waits for a decision" in trainer.text(page)
    assert "1 course waits for a decision" in admin.text("/")
    queue = admin.get("/admin/courses").text
    assert "address not confirmed by a mail" in queue and "U-Nets in PyTorch" in queue
    assert admin.post(f"/admin{page}/approve", **fields(queue)).headers["location"].endswith("?done=course-approved")
    shown = trainer.text(page)
    course = found(database, page.rpartition("/")[2])
    code = course.code or ""
    assert f"{code[:4]}-{code[4:]}" in shown and f"/join/{code}" in shown and "Nobody has joined yet" in shown

    bob = browser("bob", "bob@gmail.com")
    assert bob.get("/join").status_code == 200
    assert bob.get(f"/join?code={code[:4]}-{code[4:]}").headers["location"] == f"/join/{code}"
    assert "5 of 5 places are free" in bob.text(f"/join/{code}")
    assert "Accept the terms" in told(bob.post(f"/join/{code}").text)
    assert bob.post(f"/join/{code}", terms=TERMS).headers["location"] == f"{page}?done=course-joined"
    assert bob.get(f"/join/{code}").headers["location"] == page
    chores.delivery.look()
    assert galaxy.members(course.galaxy_name) == {"bob"}
    assert "You may use GPUs until" in bob.text(page) and "By the course" in bob.text("/")
    bob.post(f"{page}/help")
    galaxy.jobs = [{"user_email": "bob@gmail.com", "state": "running"}]
    shown = trainer.text(page)
    assert "1 needs help" in shown and "needs help since" in shown and "runs Take out" in shown
    bob.post(f"{page}/solved")
    assert "Nobody asks for help" in trainer.text(page)

    review = admin.get(f"/admin{page}").text
    assert admin.post(f"/admin{page}/change", version=version(review), ends="never", places="5").status_code == 422
    admin.post(f"/admin{page}/change", version=version(review), ends=filled(ends=8)["ends"], places="6")
    assert "of 6" in trainer.text(page)
    review = admin.get(f"/admin{page}").text
    no_reason = admin.post(f"/admin{page}/end", version=version(review), reason="")
    assert no_reason.status_code == 422 and "<details open>" in no_reason.text
    admin.post(f"/admin{page}/end", version=version(review), reason="The room has no power")
    assert "The room has no power" in trainer.text(page) and "has ended" in bob.text(page)
    assert "ended early" in admin.text("/admin/courses?state=ended")
    chores.delivery.look()
    assert galaxy.roles_of(course.galaxy_name) == {"gpu_access_expired"}
    for text in ("course-joined", "course-ended", "course-in-galaxy", "place-in-galaxy"):
        assert text in admin.text("/admin/log")


def test_a_trainer_answers_withdraws_and_makes_a_new_code(
    trainer: Browser, admin: Browser, browser: Open, database: Database, context: Context
) -> None:
    page = f"/courses/{asked(database, context).id}"
    review = admin.get(f"/admin{page}").text
    assert admin.post(f"/admin{page}/ask", version=version(review), question="").status_code == 422
    admin.post(f"/admin{page}/ask", version=version(review), question="How long each?")
    assert "How long each?" in trainer.text(page)
    assert trainer.post(f"{page}/answer", answer=" ").status_code == 422
    trainer.post(f"{page}/answer", answer="Four hours")
    assert "Four hours" in admin.text(f"/admin{page}")
    assert trainer.post(f"{page}/withdraw").status_code == 303
    assert admin.post(f"/admin{page}/refuse", version="9", reason="No").status_code == 409

    course = approved(database, context)
    eve = browser("eve", "eve@gmail.com")
    eve.post(f"/join/{course.code}", terms=TERMS)
    assert trainer.post(f"/courses/{course.id}/remove/ideve").status_code == 303
    assert eve.get(f"/courses/{course.id}").status_code == 404
    trainer.post(f"/courses/{course.id}/code")
    assert eve.get(f"/join/{course.code}").status_code == 404
    again = found(database, course.id).code
    assert "taken you out" in told(eve.post(f"/join/{again}", terms=TERMS).text)
    assert "taken you out" in told(eve.get(f"/join/{again}").text)


def test_a_participant_leaves_and_a_full_course_says_so(browser: Open, database: Database, context: Context) -> None:
    course = approved(database, context, count=1)
    bob, eve = browser("bob", "bob@gmail.com"), browser("eve", "eve@gmail.com")
    bob.post(f"/join/{course.code}", terms=TERMS)
    assert "All 1 places are taken" in eve.text(f"/join/{course.code}")
    assert eve.post(f"/join/{course.code}", terms=TERMS).status_code == 400
    assert bob.post(f"/courses/{course.id}/leave").headers["location"] == "/courses?done=course-left"
    assert eve.post(f"/join/{course.code}", terms=TERMS).status_code == 303
    assert "You were in" in bob.text("/courses")


def test_without_galaxy_sessions_are_unknown_and_said_so(
    trainer: Browser, browser: Open, database: Database, context: Context, galaxy: FakeAccounts
) -> None:
    course = approved(database, context)
    browser("bob", "bob@gmail.com").post(f"/join/{course.code}", terms=TERMS)
    # Galaxy goes away after it has told who asks.
    trainer.get("/courses")
    galaxy.away = 503
    shown = trainer.text(f"/courses/{course.id}")
    assert "Galaxy does not tell who has a session" in shown and "unknown Take out" in shown


def test_a_group_that_somebody_changed_by_hand_is_shown_and_mended(
    admin: Browser, browser: Open, database: Database, context: Context, chores: Chores, galaxy: FakeAccounts
) -> None:
    course = approved(database, context)
    browser("bob", "bob@gmail.com").post(f"/join/{course.code}", terms=TERMS)
    page = f"/admin/courses/{course.id}"
    assert "Galaxy is told at this moment" in admin.text(page)
    chores.delivery.look()
    assert "has the participants of the course, and nobody else" in admin.text(page)
    galaxy.account("eve", "eve@gmail.com")
    group = next(each for each in galaxy.groups.values() if each["name"] == course.galaxy_name)
    group["users"], group["roles"] = {"ideve"}, set()
    shown = admin.text(page)
    assert "eve@gmail.com is in Galaxy's group, and not in the course" in shown
    assert "bob@gmail.com is in the course, and not in Galaxy's group" in shown
    assert admin.post(f"{page}/mend").status_code == 303
    assert "course-mended" in admin.text("/admin/log?of=grace@uni-freiburg.de")
    chores.delivery.look()
    assert galaxy.members(course.galaxy_name) == {"bob"}
    assert galaxy.roles_of(course.galaxy_name) == {course.galaxy_name, "gpu_access_validated"}
    galaxy.away = 503
    assert "Galaxy does not tell who is in" in admin.text(page)
    assert admin.post(f"{page}/mend").status_code == 503


OWN = ("answer", "withdraw", "code", "remove/idbob", "help", "solved", "leave")


def test_a_course_is_nobody_elses(browser: Open, database: Database, context: Context) -> None:
    """What is another's is not there, whatever is done with it: neither the trainer's nor a participant's page."""
    course, waits = approved(database, context), asked(database, context)
    bob, eve, nobody = browser("bob", "bob@gmail.com"), browser("eve", "eve@uni-freiburg.de"), browser()
    bob.post(f"/join/{course.code}", terms=TERMS)
    for page in (f"/courses/{course.id}", f"/courses/{waits.id}"):
        assert (eve.get(page).status_code, nobody.get(page).status_code) == (404, 401)
        for act in OWN:
            assert eve.post(f"{page}/{act}", answer="x").status_code == 404, act
            assert nobody.post(f"{page}/{act}").status_code == 401, act
            assert eve.client.post(f"{page}/{act}", follow_redirects=False).status_code == 403, act
    # A participant is no trainer.
    for act in ("code", "remove/idlise", "answer", "withdraw"):
        assert bob.post(f"/courses/{course.id}/{act}", answer="x").status_code == 404, act
    assert course.code not in bob.get(f"/courses/{course.id}").text
    assert found(database, course.id).code == course.code


ADMIN = ("approve", "refuse", "ask", "change", "end", "mend")


def test_these_pages_are_for_administrators_alone(
    trainer: Browser, browser: Open, database: Database, context: Context
) -> None:
    course, nobody = asked(database, context), browser()
    for page in ("/admin/courses", f"/admin/courses/{course.id}", "/admin/courses?state=x"):
        assert (trainer.get(page).status_code, nobody.get(page).status_code) == (403, 401), page
    for act in ADMIN:
        page = f"/admin/courses/{course.id}/{act}"
        assert trainer.post(page, version="1").status_code == 403, page
        assert nobody.post(page, version="1").status_code == 401, page


def test_forms_without_their_token_are_refused(
    admin: Browser, trainer: Browser, browser: Open, database: Database, context: Context
) -> None:
    course, waits = approved(database, context), asked(database, context)
    before = len(mails(database))
    bob = browser("bob", "bob@gmail.com")
    assert bob.client.post(f"/join/{course.code}", data={"terms": TERMS}).status_code == 403
    assert trainer.client.post("/courses/new", data=filled()).status_code == 403
    for act in ADMIN:
        assert admin.client.post(f"/admin/courses/{waits.id}/{act}", data={"version": "1"}).status_code == 403
    assert len(mails(database)) == before


def test_codes_can_not_be_tried_out(browser: Open, database: Database, context: Context) -> None:
    approved(database, context)
    eve = browser("eve", "eve@gmail.com")
    answers = [eve.get("/join/AAAABBBB").status_code for _ in range(12)]
    assert answers == [404] * 10 + [429] * 2
    assert browser("bob", "bob@gmail.com").get("/join/AAAABBBB").status_code == 404


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}"])
def test_what_a_trainer_writes_is_text(trainer: Browser, admin: Browser, database: Database, name: str) -> None:
    page = trainer.post("/courses/new", **filled(name=name, purpose=name * 2)).headers["location"].partition("?")[0]
    for text in (trainer.get(page).text, admin.get("/admin/courses").text, admin.get(f"/admin{page}").text):
        assert "<script" not in text and "<img" not in text and "49" not in re.sub(r"[0-9a-f]{32,}|\d+-\d+", "", text)


PAGES = ("/courses", "/courses/new", "/join", "/terms", "/privacy")


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_no_script_and_no_style_of_their_own(trainer: Browser, page: str) -> None:
    answer = trainer.get(page)
    assert answer.status_code == 200
    assert all(text not in answer.text for text in ("<script", "<style", " style=", " onclick="))
    assert "script-src" not in answer.headers["content-security-policy"]
