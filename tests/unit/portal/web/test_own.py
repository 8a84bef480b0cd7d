"""A person's own data: mails, the file with all of it, and its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nebulab.portal.data.database import Database
from nebulab.portal.rules.context import Context
from nebulab.portal.web.visit import Portal
from support.applicants import Browser, written

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""


def test_each_sees_their_own_mails_and_an_administrator_all(browser: Open) -> None:
    ada, eve = browser("ada", "ada@uni-freiburg.de"), browser("eve", "eve@uni-freiburg.de")
    admin = browser("grace", "grace@uni-freiburg.de", is_admin=True)
    ada.post("/apply", **written())
    assert "/confirm/" in ada.get("/mails").text
    assert "/confirm/" not in eve.get("/mails").text
    assert "To ada@uni-freiburg.de" in admin.text("/mails")


def test_with_a_mail_server_there_is_no_page_of_mails(browser: Open, portal: Portal, context: Context) -> None:
    portal.context = replace(context, settings=replace(context.settings, smtp="smtp://mail.example.org"))
    assert browser("ada", "ada@uni-freiburg.de").get("/mails").status_code == 404


def test_a_person_has_their_data_and_erases_it(browser: Open, database: Database) -> None:
    ada = browser("ada", "ada@uni-freiburg.de")
    ada.post("/apply", **written())
    data = ada.get("/my-data.json")
    assert data.json()["applications"][0]["project"] == "Nuclei"
    assert data.headers["content-disposition"].startswith("attachment")
    assert ada.post("/erase").status_code == 422
    assert "Delete my data" in ada.text("/erase")
    assert ada.post("/erase", sure="yes").headers["location"] == "/?done=erased"
    assert ada.get("/my-data.json").json()["applications"] == []
