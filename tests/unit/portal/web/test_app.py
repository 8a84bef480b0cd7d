"""The application as a whole: random requests find no failure, and errors have pages."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal
from support.applicants import Browser, written
from support.portal_routes import application_of

Open = Callable[..., Browser]
_ODD = ("", "0", "-1", "9" * 30, "\x00", "é" * 300, "' OR 1=1 --", "../../etc/passwd", "%s%n", "2027-13-45", "{{7*7}}")


def test_a_database_that_does_not_answer_is_said(
    browser: Open, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading() -> None:
        raise OperationalError("SELECT 1", {}, Exception("gone"))

    monkeypatch.setattr(portal.database, "reading", reading)
    answer = browser("ada", "ada@uni-freiburg.de").get("/apply")
    assert answer.status_code == 503 and "database does not answer" in answer.text


def test_odd_requests_find_no_failure(browser: Open, portal: Portal) -> None:
    """Each route of the application with odd values in each place, by a person and by an administrator."""
    chance = random.Random(13)
    ada, admin = browser("ada", "ada@uni-freiburg.de"), browser("grace", "grace@uni-freiburg.de", is_admin=True)
    ada.post("/apply", **written())
    schema = application_of(make_app(portal)).openapi()
    tried = 0
    for path, methods in schema["paths"].items():
        for method in methods:
            for who in (ada, admin):
                values = {name: chance.choice(_ODD) for name in (*written(), "version", "until", "reason", "question")}
                address = path
                for name in ("application", "person", "link"):
                    address = address.replace(f"{{{name}}}", chance.choice(("x", "idada", "%00", "%F0%9F", "a" * 500)))
                if method == "get":
                    query = {"page": values["until"], "before": values["reason"], "state": "x"}
                    answer = who.get(address, params=query)
                else:
                    answer = who.post(address, **values)
                assert answer.status_code < 500, f"{method} {address} {values}: {answer.text}"
                tried += 1
    assert tried > 50
