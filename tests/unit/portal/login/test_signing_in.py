"""Logins by a provider of OpenID Connect: a person's way in and out, and every way that is none."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from nebulab.errors import SettingsError
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import Login
from nebulab.portal.login.attempt import page_of_ours
from nebulab.portal.login.logins import Logins
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.app import make_app
from nebulab.portal.web.visit import Portal
from support.applicants import Clock
from support.fake_accounts import FakeAccounts
from support.identity import Claims, FakeProvider, encoded
from support.portal_routes import routes_of

Open = Callable[[], Any]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
LOGIN, ATTEMPT, FORMS = "__Host-nebulab-login", "__Host-nebulab-sign-in", "__Host-nebulab-portal"


@pytest.fixture(autouse=True)
def ada(galaxy: FakeAccounts) -> str:
    """An account in Galaxy, and the cookie of a session there."""
    return galaxy.account("ada", "ada@uni-freiburg.de")


def token_in(page: str) -> str:
    found = re.search(r'name="form_token" value="(\w+)"', page)
    assert found
    return found[1]


def refused(answer: Any, told: str, status: int = 400) -> None:
    """Check that nobody is logged in, and what is said of it."""
    assert (answer.status_code, LOGIN in answer.cookies) == (status, False), answer.text
    assert told in answer.text.replace("&#39;", "'") and "Log in with Example University" in answer.text


def test_somebody_logs_in_applies_and_logs_out(person: Open, provider: FakeProvider, database: Database) -> None:
    ada = person()
    welcome = ada.client.get("/apply?tool=x")
    assert welcome.status_code == 401 and "Log in with Example University" in welcome.text
    link = re.search(r'href="(/sign-in[^"]+)"', welcome.text)
    assert link
    led = ada.client.get(link[1]).headers["location"]
    asked = dict(parse_qsl(urlsplit(led).query))
    assert (
        led.startswith(f"{provider.issuer}/authorize?")
        and asked["redirect_uri"] == "https://gpu.example.org/sign-in/back"
    )
    answer = ada.come_back(provider.log_in(led))
    assert (answer.status_code, answer.headers["location"]) == (303, "/apply?tool=x")
    for cookie in answer.headers.get_list("set-cookie"):
        assert all(each in cookie for each in ("HttpOnly", "SameSite=lax", "Secure", "Path=/")), cookie
    assert "ada@uni-freiburg.de" in ada.page("/apply?tool=x")
    assert ADDRESSES.isdisjoint(ada.client.cookies.get(LOGIN))
    form = token_in(ada.client.get("/").text)
    left = ada.client.post("/sign-out", data={"form_token": form})
    there = urlsplit(left.headers["refresh"].removeprefix("0;url="))
    query = parse_qs(there.query)
    assert there.path == "/leave" and query["post_logout_redirect_uri"] == ["https://gpu.example.org/"]
    assert query["id_token_hint"][0].count(".") == 2 and "You are logged out here" in left.text
    assert LOGIN not in ada.client.cookies and "Log in and apply" in ada.page()
    with database.reading() as session:
        assert session.scalars(select(Login)).all() == []


ADDRESSES = frozenset("@.")
"""What a cookie would have if it told who somebody is."""


def test_a_former_cookie_opens_nothing(person: Open, database: Database, time: Clock) -> None:
    """After a logout, after its hours, and after another login in the same browser: by nobody's hands."""
    ada, thief = person(), person()

    def steal() -> bool:
        return "ada@uni-freiburg.de" in thief.page()

    ada.log_in()
    thief.client.cookies.set(LOGIN, ada.client.cookies[LOGIN])
    assert steal()
    ada.log_in()
    assert not steal()
    thief.client.cookies.set(LOGIN, ada.client.cookies[LOGIN], domain="gpu.example.org")
    time.move(hours=9.9)
    assert "ada@" in ada.page()
    time.move(hours=0.2)
    assert "ada@" not in ada.page()
    ada.log_in()
    with database.reading() as session:
        assert len(session.scalars(select(Login)).all()) == 1, "who is over is deleted"


def test_a_long_id_token_goes_into_no_header(person: Open, provider: FakeProvider) -> None:
    """Web servers in front take 4 kB of headers."""
    provider.claims = changed(groups=["a" * 50] * 60)
    ada = person()
    ada.log_in()
    left = ada.client.post("/sign-out", data={"form_token": token_in(ada.client.get("/").text)})
    there = left.headers["refresh"].removeprefix("0;url=")
    assert len(there) < 2_000 and parse_qs(urlsplit(there).query) == {
        "client_id": ["gpu-portal"],
        "post_logout_redirect_uri": ["https://gpu.example.org/"],
    }


def test_a_cookie_that_somebody_laid_there_is_not_taken_over(person: Open, portal: Portal) -> None:
    """Session fixation: the attacker knows the cookies, and so the forms, that the browser had before the login."""
    ada = person()
    ada.client.get("/terms")
    laid, before = "a" * 43, ada.client.cookies[FORMS]
    ada.client.cookies.set(LOGIN, laid, domain="gpu.example.org", path="/")
    ada.log_in()
    assert LOGIN in ada.client.cookies and ada.client.cookies[LOGIN] != laid
    ada.page()
    assert ada.client.cookies[FORMS] != before
    for form in (portal.forms.token(before, laid), portal.forms.token(before, "")):
        assert ada.client.post("/sign-out", data={"form_token": form}).status_code == 403


def test_galaxys_session_counts_for_nothing(person: Open, ada: str) -> None:
    browser = person()
    browser.client.cookies.set("galaxysession", ada)
    assert "ada@" not in browser.page() and browser.client.get("/apply").status_code == 401


def test_administrators_are_galaxys(person: Open, provider: FakeProvider, galaxy: FakeAccounts) -> None:
    provider.user |= {"email": "admin@uni-freiburg.de", "groups": ["admin"], "is_admin": True}
    admin, ada = person(), person()
    admin.log_in()
    assert admin.client.get("/admin/queue").status_code == 200
    provider.user |= {"email": "ada@uni-freiburg.de"}
    ada.log_in()
    assert ada.client.get("/admin/queue").status_code == 403
    # A right that Galaxy takes back is gone at the next act.
    galaxy.users["idadmin"]["is_admin"] = False
    form = token_in(admin.client.get("/").text)
    assert admin.client.post("/admin/state/try", data={"form_token": form}).status_code in {403, 404}


def test_an_account_that_galaxy_deletes_is_nobodys(person: Open, portal: Portal, galaxy: FakeAccounts) -> None:
    ada = person()
    ada.log_in()
    del galaxy.users["idada"]
    assert portal.logins is not None
    portal.logins._accounts.forget()
    assert ada.client.get("/apply").status_code == 401


def test_an_account_that_galaxy_deactivates_is_nobodys(person: Open, portal: Portal, galaxy: FakeAccounts) -> None:
    ada = person()
    ada.log_in()
    galaxy.users["idada"]["active"] = True
    assert portal.logins is not None
    portal.logins._accounts.forget()
    assert ada.client.get("/apply").status_code == 200
    galaxy.users["idada"]["active"] = False
    portal.logins._accounts.forget()
    assert ada.client.get("/apply").status_code == 401


def test_galaxy_away_is_told(person: Open, portal: Portal, galaxy: FakeAccounts) -> None:
    ada = person()
    ada.log_in()
    galaxy.away = 502
    assert portal.logins is not None
    portal.logins._accounts.forget()
    assert "Galaxy does not answer at the moment" in ada.page()
    assert ada.client.get("/apply").status_code == 503
    lost = person().log_in()
    refused(lost, "then log in again", 503)
    assert galaxy.url not in lost.text, "nobody is logged in"
    # Logged out is one all the same, also from a page that was opened before.
    form = portal.forms.token(ada.client.cookies[FORMS], ada.client.cookies[LOGIN])
    assert "You are logged out here" in ada.client.post("/sign-out", data={"form_token": form}).text


@pytest.mark.parametrize(
    ("at_the_provider", "is_let_in"),
    [("Ada@Uni-Freiburg.DE", True), ("ada@uni-freiburg.de", True), ("ad%@uni-freiburg.de", False),
     ("ada@uni-freiburg.d_", False), ("da@uni-freiburg.de", False), ("ada@uni-freiburg.de.evil.org", False)],
)  # fmt: skip
def test_an_address_is_the_same_in_any_case_of_letters_and_no_other(
    person: Open, provider: FakeProvider, at_the_provider: str, is_let_in: bool
) -> None:
    provider.user["email"] = at_the_provider
    answer = person().log_in()
    if is_let_in:
        assert answer.status_code == 303
    else:
        refused(answer, "Galaxy has no account with the address", 403)
        assert "Log in to Galaxy once" in answer.text


def test_letters_that_become_asciis_are_no_ones(person: Open, provider: FakeProvider, galaxy: FakeAccounts) -> None:
    galaxy.account("kim", "kim@kit.edu")
    provider.user["email"] = "\u212aim@kit.edu"
    assert provider.user["email"].lower() == "kim@kit.edu"
    refused(person().log_in(), "Galaxy has no account", 403)


def test_two_accounts_of_one_address(person: Open, provider: FakeProvider, galaxy: FakeAccounts) -> None:
    galaxy.account("ada2", "ADA@uni-freiburg.de")
    provider.user["email"] = "Ada@uni-freiburg.de"
    refused(person().log_in(), "several accounts", 403)
    provider.user["email"] = "ADA@uni-freiburg.de"
    ada = person()
    assert ada.log_in().status_code == 303 and "ADA@uni" in ada.page()


def test_an_account_that_is_not_activated(person: Open, galaxy: FakeAccounts) -> None:
    """Anybody may have registered it with this address."""
    galaxy.users["idada"]["active"] = False
    refused(person().log_in(), "not activated", 403)


@pytest.mark.parametrize("verified", [False, None, "true", 1, "no"])
def test_an_address_that_nobody_verified_opens_nothing(person: Open, provider: FakeProvider, verified: object) -> None:
    """Also not that of an administrator, which anybody can write into a provider that asks for no proof."""
    provider.user |= {"email": "admin@uni-freiburg.de", "email_verified": verified}
    refused(person().log_in(), "does not say that the address admin@uni-freiburg.de is yours", 403)


def test_an_address_that_is_not_told(person: Open, provider: FakeProvider) -> None:
    del provider.user["email"]
    refused(person().log_in(), "does not say what your e-mail address is", 403)


def test_an_address_that_is_told_beside_the_id_token(person: Open, provider: FakeProvider) -> None:
    provider.userinfo = {"email": "ada@uni-freiburg.de", "email_verified": True}
    assert person().log_in().status_code == 303
    # Of another person than the token's.
    provider.userinfo["sub"] = "somebody-else"
    refused(person().log_in(), "can't log you in at the moment", 503)


def changed(**claims: object) -> Callable[[Claims], Claims]:
    return lambda told: {name: value for name, value in (told | claims).items() if value is not None}


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"iss": "https://evil.example.org"}, "issued by another provider"),
        ({"iss": None}, "is not taken"),
        ({"aud": "another-application"}, "issued for another application"),
        ({"aud": "another-application", "azp": "gpu-portal"}, "issued for another application"),
        ({"aud": ["gpu-portal", "another"], "azp": "another"}, "issued for another application"),
        ({"nonce": "another-nonce"}, "belongs to another attempt"),
        ({"nonce": None}, "belongs to another attempt"),
        ({"exp": 1_700_000_000}, "clock"),
        ({"iat": 9_900_000_000}, "clock"),
        ({"nbf": 9_900_000_000}, "clock"),
        ({"exp": None}, "clock"),
        ({"exp": "tomorrow"}, "clock"),
        ({"sub": None}, "is not taken"),
        ({"at_hash": "AAAA"}, "is not taken"),
    ],
    ids=str,
)
def test_claims_that_are_not_taken(person: Open, provider: FakeProvider, claims: Claims, told: str) -> None:
    provider.claims = changed(**claims)
    refused(person().log_in(), told)


def test_clocks_may_differ_a_little(person: Open, provider: FakeProvider) -> None:
    provider.claims = changed(iat=int(time.time()) + 30, exp=int(time.time()) - 30)
    assert person().log_in().status_code == 303


@pytest.mark.parametrize("how", ["unsigned", "signed_with_the_public_key", "signed_by_a_stranger"])
def test_signatures_that_are_not_taken(person: Open, provider: FakeProvider, how: str) -> None:
    provider.sign = getattr(provider, how)
    refused(person().log_in(), "not signed as it must be")


@pytest.mark.parametrize("token", ["", "a.b.c", "x", "..", 7, None])
def test_what_is_no_token(person: Open, provider: FakeProvider, token: object) -> None:
    provider.sign = lambda _: token  # type: ignore[assignment, return-value]
    answer = person().log_in()
    assert answer.status_code in {400, 503} and LOGIN not in answer.cookies


def test_keys_of_elliptic_curves(person: Open, provider: FakeProvider) -> None:
    provider.key = ECKey.generate_key("P-256", {"kid": "curve", "use": "sig", "alg": "ES256"})
    assert person().log_in().status_code == 303


def test_new_keys_are_asked_for(person: Open, provider: FakeProvider) -> None:
    assert person().log_in().status_code == 303
    assert person().log_in().status_code == 303
    assert provider.requests.count("/keys") == 1
    provider.rotate()
    assert person().log_in().status_code == 303
    assert provider.requests.count("/keys") == 2 and len(set(provider.requests)) == 3


def test_an_answer_counts_in_the_browser_that_began_and_once(person: Open, provider: FakeProvider) -> None:
    ada, eve = person(), person()
    back = provider.log_in(eve.led_away())
    # Eve's answer, which a link leads Ada to: else Ada would work as Eve.
    refused(ada.come_back(back), "not begun in this browser")
    ada.led_away()
    refused(ada.come_back(back), "answer to another login")
    refused(ada.come_back(back.partition("?")[0]), "answer to another login")
    assert "/token" not in provider.requests, "who began nothing costs the provider nothing"
    # Nobody else's tries have used it up.
    assert eve.come_back(back).status_code == 303
    refused(eve.come_back(back), "not begun in this browser")


def test_a_code_counts_once(person: Open, provider: FakeProvider) -> None:
    ada = person()
    back = provider.log_in(ada.led_away())
    attempt = ada.client.cookies[ATTEMPT]
    assert ada.come_back(back).status_code == 303
    thief = person()
    thief.client.cookies.set(ATTEMPT, attempt)
    refused(thief.come_back(back), "used already, or is too old")


def test_an_attempt_ends_and_can_not_be_made(
    person: Open, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = person()
    back = provider.log_in(ada.led_away())
    sealed = ada.client.cookies[ATTEMPT]
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert state not in sealed
    _, *parts = sealed.split(".")
    odd = [{"alg": [], "enc": {}}, {"alg": "dir", "enc": []}, {"alg": {}, "enc": "A256GCM"}, [], "x", None, {}, 7,
           {"alg": "dir", "enc": "A256GCM", "zip": "DEF"}, {"alg": "dir", "enc": "A256GCM", "crit": 7}]  # fmt: skip
    heads = [".".join([encoded(head), *parts]) for head in odd]
    heads.append(".".join([encoded(b'{"alg":' + b"[" * 2_500), *parts]))
    for made in (sealed[:-4] + "AAAA", f"{state}.x", "", "a.b.c.d.e", "....", *heads):
        ada.client.cookies.set(ATTEMPT, made, domain="gpu.example.org")
        refused(ada.come_back(back), "not begun in this browser")
    ada.client.cookies.set(ATTEMPT, sealed, domain="gpu.example.org")
    now = time.time
    monkeypatch.setattr("nebulab.portal.login.attempt.time.time", lambda: now() + 601)
    refused(ada.come_back(back), "not begun in this browser")


@pytest.mark.parametrize(
    "page",
    ["//evil.example.org", "/\\evil.example.org", "https://evil.example.org", "evil", "", "/\t/evil", "/a\r\nx: y",
     "javascript:alert(1)", "/%0d%0a" + "a" * 1000, "\\/evil", "/é"],
)  # fmt: skip
def test_nobody_is_led_elsewhere(person: Open, page: str) -> None:
    assert page_of_ours(page) == "/"
    assert person().log_in(page).headers["location"] == "/"


def test_a_page_below_a_path(person: Open, settings: PortalSettings) -> None:
    assert page_of_ours("/usage?month=2026-10") == "/usage?month=2026-10"
    assert person().log_in("/usage?month=2026-10").headers["location"] == "/usage?month=2026-10"


@pytest.mark.parametrize(
    ("error", "told", "status"),
    [
        ("access_denied", "was not allowed to tell this portal who you are", 400),
        ("temporarily_unavailable", "can't log you in at the moment", 503),
        ("<script>", "has not let you in", 400),
    ],
)
def test_the_provider_leads_back_with_an_error(
    person: Open, provider: FakeProvider, error: str, told: str, status: int
) -> None:
    ada = person()
    query = parse_qs(urlsplit(provider.log_in(ada.led_away())).query)
    answer = {"error": error, "error_description": "<b>no</b>", "state": query["state"][0]}
    refused(ada.come_back(f"/sign-in/back?{urlencode(answer)}"), told, status)
    # Without the state it is anybody's.
    refused(ada.come_back(f"/sign-in/back?{urlencode(answer | {'state': 'x'})}"), "another login")


def test_an_answer_of_another_provider(person: Open, provider: FakeProvider) -> None:
    ada = person()
    back = provider.log_in(ada.led_away())
    evil = back.replace(urlencode({"iss": provider.issuer}), "iss=https%3A%2F%2Fevil.example.org")
    assert evil != back
    refused(ada.come_back(evil), "another provider")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("invalid_grant", "used already, or is too old"),
        ("invalid_client", "does not take this portal for the one that it knows"),
        ("x", "has not let you in"),
    ],
)
def test_the_provider_refuses_the_code(person: Open, provider: FakeProvider, error: str, told: str) -> None:
    ada = person()
    back = provider.log_in(ada.led_away())
    provider.refuse = error
    refused(ada.come_back(back), told)


def test_the_provider_is_down(person: Open, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    provider.status = 502
    refused(person().client.get("/sign-in"), "can't log you in at the moment", 503)
    refused(person().client.get("/sign-in"), "can't log you in at the moment", 503)
    assert len(provider.requests) == 1, "for some seconds nobody asks again"
    monkeypatch.setattr("nebulab.portal.login.provider._FAILURE_SECONDS", 0)
    provider.status = 0
    ada = person()
    back = provider.log_in(ada.led_away())
    provider.status = 500
    refused(ada.come_back(back), "can't log you in at the moment", 503)
    provider.status = 0
    # Nothing is lost: the same answer counts when it is back.
    assert ada.come_back(back).status_code == 303
    provider.status = 500
    assert "ada@uni-freiburg.de" in ada.page(), "who is in stays in"
    form = token_in(ada.client.get("/").text)
    assert "You are logged out here" in ada.client.post("/sign-out", data={"form_token": form}).text


def test_settings_that_do_not_go_together(settings: PortalSettings, database: Database) -> None:
    with pytest.raises(SettingsError, match="NEBULAB_PORTAL_OIDC_CLIENT is missing") as caught:
        Logins(replace(settings, oidc_client=""), database)
    assert "https://gpu.example.org/sign-in/back" in str(caught.value.hint)
    with pytest.raises(SettingsError, match="needs HTTPS"):
        Logins(replace(settings, url="http://gpu.example.org"), database)


def test_the_pages_of_the_login_as_all_others(person: Open, portal: Portal) -> None:
    """A logout needs its form's token, and somebody to log out; there are no pages without a provider."""
    added = {str(route) for route in routes_of(make_app(portal))}
    assert {"GET /sign-in", "GET /sign-in/back", "POST /sign-out"} < added
    portal.logins, logins = None, portal.logins
    assert not {each for each in routes_of(make_app(portal)) if "sign" in each.path}
    portal.logins = logins
    ada = person()
    nobody = ada.client.get("/terms")
    assert nobody.status_code == 200 and ada.client.post("/sign-out").status_code == 403
    free = portal.forms.token(ada.client.cookies[FORMS], "")
    assert ada.client.post("/sign-out", data={"form_token": free}).status_code == 401
    ada.log_in()
    assert ada.client.post("/sign-out").status_code == 403 and "ada@" in ada.page()
    assert "<form" not in ada.client.get("/resources").text


def test_a_login_is_exported_and_erased(person: Open, database: Database) -> None:
    ada = person()
    ada.log_in()
    mine = ada.client.get("/my-data.json").json()
    assert mine["logins"][0]["ends"] and "id_token" not in str(mine) and "token_hash" not in str(mine)
    form = token_in(ada.client.get("/erase").text)
    assert ada.client.post("/erase", data={"form_token": form, "sure": "yes"}).status_code == 303
    with database.reading() as session:
        assert session.scalars(select(Login)).all() == []
    assert "ada@" not in ada.page()


def test_too_many_attempts_are_refused(person: Open, provider: FakeProvider) -> None:
    ada = person()
    asked = [ada.client.get("/sign-in").status_code for _ in range(301)]
    assert asked == [303] * 300 + [429]
    assert provider.requests == ["/.well-known/openid-configuration"], "it is asked once"
