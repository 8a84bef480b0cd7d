"""The list of attacks: each is tried on the application itself."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nebulab.portal.data.database import Database
from nebulab.portal.rules.context import Context
from nebulab.portal.web.protection import LARGEST_BODY
from nebulab.portal.web.visit import Portal
from support.applicants import Browser, mails, written

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""


@pytest.fixture
def ada(browser: Open) -> Browser:
    return browser("ada", "ada@uni-freiburg.de")


@pytest.mark.parametrize(
    "page", ["/", "/apply", "/none", "/admin/queue", "/health", "/static/style.css", "/my-data.json"]
)
def test_every_answer_has_the_headers(ada: Browser, page: str) -> None:
    headers = ada.get(page).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert "script-src" not in policy
    assert headers["x-frame-options"] == "DENY" and headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("public, max-age=86400" if "static" in page else "no-store")


def test_a_failure_has_the_headers_too(ada: Browser, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal.database, "reading", lambda: 1 // 0)
    answer = ada.get("/apply")
    assert answer.status_code == 500 and "log has the reason" in answer.text
    assert answer.headers["x-frame-options"] == "DENY" and answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("page", ["/", "/apply", "/terms", "/privacy", "/erase", "/mails"])
def test_pages_have_no_script_and_no_style_of_their_own(ada: Browser, page: str) -> None:
    text = ada.get(page).text
    assert "<script" not in text and "<style" not in text and " style=" not in text and " onclick=" not in text


def test_a_form_without_its_token_is_refused(ada: Browser, database: Database) -> None:
    ada.get("/apply")
    for token in ("", "x", secrets.token_hex(32)):
        answer = ada.client.post("/apply", data=written(form_token=token), follow_redirects=False)
        assert answer.status_code == 403
    assert mails(database) == []


def test_another_persons_token_is_refused(ada: Browser, browser: Open) -> None:
    """Eve knows her own token, and has set her cookie in Ada's browser from a session's subdomain."""
    eve = browser("eve", "eve@uni-freiburg.de")
    token = eve.token()
    ada.client.cookies.set("nebulab-portal", eve.client.cookies["nebulab-portal"])
    answer = ada.client.post("/apply", data=written(form_token=token), follow_redirects=False)
    assert answer.status_code == 403


def test_a_token_ends_with_the_login(ada: Browser) -> None:
    token = ada.token()
    ada.client.cookies.set("galaxysession", "c0ffeeadmin", domain="", path="/")
    answer = ada.client.post("/apply", data=written(form_token=token), follow_redirects=False)
    assert answer.status_code in {401, 403}


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example.org"},
        {"origin": "null"},
    ],
)
def test_forms_of_other_sites_are_refused(ada: Browser, headers: dict[str, str]) -> None:
    data = written(form_token=ada.token())
    assert ada.client.post("/apply", data=data, headers=headers, follow_redirects=False).status_code == 403


def test_forms_of_this_site_are_taken(ada: Browser) -> None:
    data = written(form_token=ada.token())
    headers = {"sec-fetch-site": "same-origin", "origin": "http://localhost:8095"}
    assert ada.client.post("/apply", data=data, headers=headers, follow_redirects=False).status_code == 303


def test_the_cookie_is_kept_from_scripts_and_other_sites(ada: Browser) -> None:
    cookie = ada.get("/terms").headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie


def test_the_host_of_a_request_is_not_believed(ada: Browser, database: Database) -> None:
    headers = {"host": "evil.example.org", "x-forwarded-host": "evil.example.org", "forwarded": "host=evil.example.org"}
    data = written(form_token=ada.token())
    sent = ada.client.post("/apply", data=data, headers=headers, follow_redirects=False)
    assert sent.headers["location"].startswith("/applications/")
    assert "evil" not in ada.client.get("/apply", headers=headers).text
    assert "http://localhost:8095/confirm/" in mails(database)[-1].body and "evil" not in mails(database)[-1].body


@pytest.mark.parametrize("page", ["//evil.example.org", "/apply/", "/terms//", "/\\evil.example.org"])
def test_nothing_leads_elsewhere(ada: Browser, page: str) -> None:
    answer = ada.get(f"http://localhost:8095{page}")
    assert answer.status_code == 404 and "location" not in answer.headers


def test_what_a_page_says_is_not_in_its_address(ada: Browser) -> None:
    assert "Buy" not in ada.get("/?done=Buy+here").text


def test_the_login_leads_back_here_alone(browser: Open) -> None:
    text = browser().get("/apply?next=http://evil.example.org&tool=x").text
    assert 'href="http://localhost:8080/login/start?redirect=http%3A%2F%2Flocalhost%3A8095%2F' in text


def test_a_request_has_an_end(ada: Browser) -> None:
    data = written(form_token=ada.token(), purpose="x" * LARGEST_BODY)
    assert ada.client.post("/apply", data=data).status_code == 413


def test_the_longest_texts_fit(ada: Browser) -> None:
    data = written(form_token=ada.token(), purpose="𝔸" * 4000, gpu_need="𝔸" * 4000)
    assert ada.client.post("/apply", data=data, follow_redirects=False).status_code == 303


def test_no_header_of_a_mail_is_smuggled_in(ada: Browser, database: Database) -> None:
    for email in ("ada@uni-freiburg.de\r\nBcc: all@example.org", "ada@uni-freiburg.de%0aBcc: x@example.org"):
        assert ada.post("/apply", **written(email=email)).status_code == 422
    ada.post("/apply", **written(project="GPU\r\nBcc: all@example.org"))
    (mail,) = mails(database)
    assert "Bcc" not in mail.subject and "Bcc" not in mail.to


def test_links_are_not_guessed_for_ever(browser: Open) -> None:
    nobody = browser()
    statuses = [nobody.get(f"/confirm/{number}").status_code for number in range(31)]
    assert statuses == [404] * 30 + [429]


def test_what_is_no_form_is_told(ada: Browser) -> None:
    answer = ada.client.post("/admin/applications/x/approve", data={"version": "-1"})
    assert answer.status_code in {403, 422}
    assert ada.client.put("/apply").status_code == 405


def test_below_a_path_addresses_have_it(browser: Open, portal: Portal, context: Context, tmp_path: Path) -> None:
    settings = replace(context.settings, url="http://localhost:8080/gpu")
    portal.context = replace(context, settings=settings)
    ada = browser("ada", "ada@uni-freiburg.de")
    page = ada.get("/").text
    assert 'href="/gpu/apply"' in page and 'href="/gpu/static/style.css' in page
    assert ada.post("/apply", **written()).headers["location"].startswith("/gpu/applications/")
