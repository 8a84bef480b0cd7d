"""A person applies: login, form, mail, link, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nebulab.portal.data.database import Database
from nebulab.portal.rules import decisions
from nebulab.portal.rules.context import Context
from support.applicants import REVIEWER, Browser, link_in, mails, told, written

Open = Callable[..., Browser]


@pytest.fixture
def ada(browser: Open) -> Browser:
    return browser("ada", "ada@uni-freiburg.de")


def test_a_person_applies_confirms_and_answers(ada: Browser, database: Database, context: Context) -> None:
    form = ada.get("/apply?tool=run_jupyter_job")
    assert form.status_code == 200
    assert "The tool run_jupyter_job runs on a GPU" in told(form.text)
    assert "Albert-Ludwigs-Universität Freiburg" in form.text and 'value="ada@uni-freiburg.de"' in form.text
    sent = ada.post("/apply", **written(tool="run_jupyter_job"))
    page = sent.headers["location"].partition("?")[0]
    assert sent.status_code == 303 and "a mail went to ada@uni-freiburg.de" in ada.text(sent.headers["location"])
    assert ada.get("/apply").headers["location"] == page  # there is one at a time
    confirm = f"/confirm/{link_in(mails(database)[-1].body)}"
    assert "Is this you?" in ada.text(confirm)
    assert "waits for a decision" not in ada.text("/")  # a mail scanner opens links
    assert "is confirmed" in ada.post(confirm).text
    assert ada.get(confirm).status_code == 404
    with database.writing() as session:
        name = page.rpartition("/")[2]
        decisions.ask(session, name, version=None, actor=REVIEWER, context=context, question="How many images?")
    assert "How many images?" in ada.text(page)
    assert ada.post(f"{page}/answer", answer="").status_code == 422
    assert ada.post(f"{page}/answer", answer="900").status_code == 303
    assert "waits for a decision" in ada.text(page)
    assert ada.post(f"{page}/withdraw").headers["location"] == "/?done=withdrawn"
    assert "withdrawn" in ada.text("/")


def test_a_link_is_confirmed_without_a_login_and_without_galaxy(
    ada: Browser, browser: Open, database: Database, galaxy: object
) -> None:
    ada.post("/apply", **written())
    galaxy.away = 502  # type: ignore[attr-defined]
    phone = browser()
    confirm = f"/confirm/{link_in(mails(database)[-1].body)}"
    assert "ada@uni-freiburg.de" in phone.text(confirm)
    assert "is confirmed" in told(phone.post(confirm).text)


def test_faults_stand_beside_their_fields_and_what_was_written_stays(ada: Browser, database: Database) -> None:
    answer = ada.post("/apply", **written(email="ada@gmail.com", project=""))
    assert answer.status_code == 422
    assert 'id="email-fault"' in answer.text and 'aria-describedby="email-hint email-fault"' in answer.text
    assert "Segment nuclei in 900 microscope images" in answer.text
    assert mails(database) == []


def test_a_private_account_gives_an_official_address(browser: Open, database: Database) -> None:
    bob = browser("bob", "bob@gmail.com")
    form = bob.get("/apply").text
    assert 'id="email" name="email" value=""' in form and "bob@gmail.com" in form
    bob.post("/apply", **written(email="bob@roche.com"))
    assert mails(database)[-1].to == "bob@roche.com"


def test_the_next_form_has_what_the_last_one_said(ada: Browser) -> None:
    sent = ada.post("/apply", **written(group_leader="Ada Yonath"))
    ada.post(f"{sent.headers['location'].partition('?')[0]}/withdraw")
    assert "Ada Yonath" in ada.get("/apply").text


def test_the_mail_is_sent_again(ada: Browser, database: Database) -> None:
    sent = ada.post("/apply", **written())
    page = sent.headers["location"].partition("?")[0]
    assert ada.post(f"{page}/send-again").status_code == 303
    assert len(mails(database)) == 2


def test_a_strangers_application_is_not_there(ada: Browser, browser: Open) -> None:
    page = ada.post("/apply", **written()).headers["location"].partition("?")[0]
    eve = browser("eve", "eve@uni-freiburg.de")
    for answer in (
        eve.get(page),
        eve.post(f"{page}/answer", answer="x"),
        eve.post(f"{page}/withdraw"),
        eve.post(f"{page}/send-again"),
    ):
        assert answer.status_code == 404
    assert ada.get(page).status_code == 200


def test_what_people_write_is_text(ada: Browser, browser: Open, database: Database) -> None:
    ada.post("/apply", **written(project="<script>alert(1)</script>", purpose='"><img src=x onerror=alert(1)>'))
    page = ada.get("/").text
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_too_many_applications_are_too_many(ada: Browser) -> None:
    statuses = [ada.post("/apply", **written(email="ada@gmail.com")).status_code for _ in range(21)]
    assert statuses == [422] * 20 + [429]
