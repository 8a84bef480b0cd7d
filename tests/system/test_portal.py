"""The portal in a real browser: every page by axe, and a person's way from a refusal to a session and back."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from nebulab.contract import LAB_TOOL
from nebulab.develop.tests import STACK as RUNNING
from nebulab.galaxy.administration import Administration
from nebulab.galaxy.settings import GalaxySettings
from support import chromium, oidc_provider, portal
from support.fake_accounts import KEY, FakeAccounts
from support.galaxy import GalaxyUser, wait_for
from support.galaxy_database import PROJECT_TOOL, GalaxyDatabase, figures
from support.session import Session
from support.stack import Account, Stack
from system.conftest import new_account

pytestmark = pytest.mark.system

ROLE, EXPIRED = "gpu_access_validated", "gpu_access_expired"
PUBLIC = ("/", "/terms", "/privacy")
OWN = (
    "/",
    "/apply?tool=interactive_tool_ml_jupyter_notebook",
    "/mails",
    "/privacy",
    "/erase",
    "/courses",
    "/courses/new",
    "/join",
)
REVIEWERS = (
    "/",
    "/admin/queue",
    "/admin/courses",
    "/admin/accesses",
    "/admin/accesses?ended=true",
    "/admin/state",
    "/admin/log",
)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium.opened() as page:
        yield page


def fill(page: Page, address: str) -> None:
    """Fill in the form as somebody does."""
    page.get_by_label("What do you want to compute?").fill("Segment nuclei in 900 microscope images with a U-Net.")
    page.get_by_label("What needs the GPU, and how much?").fill("PyTorch, about ten hours a week.")
    page.get_by_label("Until when?").fill((date.today() + timedelta(days=60)).isoformat())
    page.get_by_label("Project").fill("Nuclei")
    page.get_by_label("Group leader").fill("Grace Hopper")
    page.get_by_label("Institution").fill("Universität Freiburg")
    page.get_by_label("Your e-mail address there").fill(address)
    page.get_by_label("I accept the terms").check()
    page.get_by_role("button", name="Send the application").click()


def confirm(page: Page, url: str) -> None:
    """Open the newest mail's link, and press its button."""
    page.goto(f"{url}/mails")
    page.get_by_role("link", name="/confirm/").first.click()
    page.get_by_role("button", name="Yes, this is my application").click()
    expect(page.get_by_role("heading", name="Your address is confirmed")).to_be_visible()


def become(page: Page, url: str, cookie: str) -> None:
    page.context.clear_cookies()
    if cookie:
        page.context.add_cookies([{"name": "galaxysession", "value": cookie, "url": url}])


def look(page: Page, name: str) -> None:
    """Check the page that is shown by axe, light and dark, wide and narrow."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert chromium.violations(page, "html") == [], f"{name}, {scheme}"
    page.set_viewport_size({"width": 360, "height": 800})
    wider = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    assert not wider, f"{name} is wider than a telephone"
    page.emulate_media(color_scheme="light")
    chromium.picture(page, f"portal-{name}")


def a_galaxy(folder: Path) -> GalaxyDatabase:
    """Return Galaxy's database with Ada's hours: sessions that idle, and a job that runs."""
    galaxys = GalaxyDatabase(f"sqlite:///{folder}/galaxy.sqlite")
    ada = galaxys.user("ada@uni-freiburg.de")
    galaxys.job(ada, begun=20, ended=9, figures=figures(11, idle_percent=80.0, load_mean_percent=8.0))
    galaxys.job(ada, begun=30, ended=29, tool=PROJECT_TOOL, figures=figures(1, memory_peak_mb=4_000.0))
    galaxys.job(ada, begun=2, params={"nebulab_gpus": "2"})
    galaxys.group(ada, "Course of November", "training-gpu")
    return galaxys


def look_at_hours(page: Page, url: str, ada: str, fake: FakeAccounts) -> None:
    """Look at the pages of GPU hours, with a limit that Ada is over."""
    become(page, url, "c0ffeeadmin")
    page.goto(f"{url}/admin/limits")
    page.get_by_label("GPU hours").fill("many")
    page.get_by_role("button", name="Set").click()
    look(page, "limits-faults")
    page.get_by_label("GPU hours").fill("12")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("cell", name="everybody", exact=True)).to_be_visible()
    wait_for("who is over", lambda: fake.members("Nebulab GPU access (hours used up)") == {"ada"}, 60)
    for cookie, each in (("c0ffeeadmin", "/admin/limits"), ("c0ffeeadmin", "/admin/usage"), (ada, "/usage")):
        become(page, url, cookie)
        page.goto(f"{url}{each}")
        look(page, f"hours{each.replace('/', '-')}")


@pytest.fixture
def fake() -> Iterator[FakeAccounts]:
    fake = FakeAccounts()
    yield fake
    fake.stop()


def test_every_page_can_be_used_by_everybody(page: Page, fake: FakeAccounts, tmp_path: Path) -> None:
    said = chromium.listen(page)
    ada, admin = fake.account("ada", "ada@uni-freiburg.de"), "c0ffeeadmin"
    galaxys = a_galaxy(tmp_path)
    with portal.running(tmp_path, fake.url, KEY, NEBULAB_PORTAL_GALAXY_DATABASE=galaxys.url) as started:
        look_at_hours(page, started.url, ada, fake)
        for who, cookie, pages in (("nobody", "", PUBLIC), ("ada", ada, OWN), ("admin", admin, REVIEWERS)):
            become(page, started.url, cookie)
            for each in pages:
                page.goto(f"{started.url}{each}")
                look(page, f"{who}{each.partition('?')[0].replace('/', '-')}")
        become(page, started.url, ada)
        page.goto(f"{started.url}/apply")
        # Faults are told by the server: a browser without the checks of its own sees them.
        page.evaluate("document.querySelector('form').noValidate = true")
        page.get_by_label("Your e-mail address there").fill("ada@gmail.com")
        page.get_by_role("button", name="Send the application").click()
        expect(page.get_by_role("alert")).to_contain_text("Anybody can have an address at gmail.com")
        page.get_by_role("link", name=re.compile("Anybody can have")).click()
        expect(page.get_by_label("Your e-mail address there")).to_be_focused()
        look(page, "faults")
        fill(page, "ada@uni-freiburg.de")
        expect(page.get_by_role("status")).to_contain_text("confirm your address")
        look(page, "unconfirmed")
        page.goto(f"{started.url}/mails")
        look(page, "mail")
        page.get_by_role("link", name="/confirm/").click()
        look(page, "confirm")
        page.get_by_role("button", name="Yes").click()
        look(page, "confirmed")
        become(page, started.url, admin)
        page.goto(f"{started.url}/admin/queue")
        look(page, "queue")
        page.get_by_role("link", name="Another day, ask back, or refuse Nuclei").click()
        page.get_by_text("Ask the person something").click()
        look(page, "review")
        # By the keyboard alone.
        page.get_by_label("Until", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("Approved")
        wait_for("the membership", lambda: fake.members("Nebulab GPU access") == {"ada"}, 30)
        page.goto(f"{started.url}/admin/accesses/idada")
        look(page, "access")
        page.goto(f"{started.url}/none")
        look(page, "none")
    # A page that is not there is the browser's one complaint, and a form with faults.
    assert [line for line in said if "404" not in line and "422" not in line] == []


def test_somebody_logs_in_by_openid_connect_and_out_again(page: Page, fake: FakeAccounts, tmp_path: Path) -> None:
    """By a real provider, with the pages and cookies as a browser has them."""
    become(page, "", "")
    fake.account("ada", "ada@uni-freiburg.de")
    users: list[dict[str, object]] = [
        {"sub": "ada-1", "email": "Ada@uni-freiburg.de", "email_verified": True},
        {"sub": "eve-1", "email": "admin@uni-freiburg.de", "email_verified": False},
    ]

    def log_in(subject: str) -> None:
        page.get_by_role("link", name="Log in with Example University").click()
        page.get_by_placeholder("sub").fill(subject)
        page.get_by_role("button", name="Authorize", exact=True).click()

    with oidc_provider.running(tmp_path / "provider.log", *users) as issuer:
        secret = tmp_path / "secret"
        secret.touch(0o600)
        secret.write_text("of-the-client")
        oidc = {
            "OIDC_SECRET_FILE": str(secret),
            "OIDC": issuer,
            "OIDC_CLIENT": "gpu-portal",
            "OIDC_NAME": "Example University",
        }
        settings = {f"NEBULAB_PORTAL_{name}": value for name, value in oidc.items()}
        with portal.running(tmp_path / "portal", fake.url, KEY, **settings) as started:
            page.goto(f"{started.url}/apply?tool=x")
            look(page, "login")
            log_in("eve-1")
            expect(page.get_by_role("heading", name="You are not logged in")).to_be_visible()
            expect(page.get_by_text("does not say that the address")).to_be_visible()
            look(page, "login-failed")
            page.goto(f"{started.url}/apply?tool=x")
            log_in("ada-1")
            expect(page).to_have_url(f"{started.url}/apply?tool=x")
            expect(page.locator(".who")).to_have_text("ada@uni-freiburg.de")
            look(page, "logged-in")
            login = {each["name"]: each for each in page.context.cookies(started.url)}["nebulab-login"]
            assert (
                login["httpOnly"]
                and login["sameSite"] == "Lax"
                and "nebulab-login" not in page.evaluate("document.cookie")
            )
            page.get_by_role("button", name="Log out").click()
            # At the provider, which asks, and leads back.
            page.wait_for_url(f"{issuer}/oauth2/end_session?**")
            page.locator("form button").first.click()
            page.wait_for_url(f"{started.url}/")
            expect(page.get_by_role("link", name="Log in and apply")).to_be_visible()
            page.goto(f"{started.url}/apply")
            expect(page.get_by_role("heading", name="Log in first")).to_be_visible()


@pytest.fixture(scope="module")
def gated(new_stack: Callable[..., Stack], request: pytest.FixtureRequest) -> Stack:
    """A stack whose tools ask for access, with its portal."""
    running: Stack | None = request.getfixturevalue("stack") if RUNNING.read(os.environ) else None
    return running or new_stack("--require-access")


def log_in(page: Page, portal_url: str, person: Account) -> None:
    """Follow the portal's way to Galaxy's login, and back."""
    page.context.clear_cookies()
    page.goto(f"{portal_url}/apply")
    page.get_by_role("link", name="Log in to Galaxy").click()
    page.fill("input[name=login]", person.email)
    page.fill("input[name=password]", person.password)
    page.click("button[name=login]")
    page.get_by_text(person.email).first.wait_for()
    assert page.url.startswith(portal_url)


def run_tool(page: Page, stack: Stack) -> None:
    """Press the button of the Lab's form."""
    page.goto(f"{stack.url}/?tool_id={LAB_TOOL}&version=latest")
    run = page.get_by_role("button", name="Run Tool").first
    expect(run).to_be_enabled()
    run.click()


def refusal(page: Page, stack: Stack, reds: int = 1, what: str = "GPU access") -> str:
    """Run the tool, and return what the newest of the history's `reds` red datasets says, of `what`."""
    run_tool(page, stack)
    red = page.locator(".content-item[data-state=error]").first
    expect(page.locator(".content-item[data-state=error]")).to_have_count(reds, timeout=60_000)
    red.locator(".content-title").click()
    expect(red).to_contain_text(what, timeout=30_000)
    return red.inner_text()


def test_a_person_is_refused_applies_and_runs_the_tool(gated: Stack, page: Page) -> None:
    address = gated.part("portal")["address"]
    person = new_account(gated, "ada")
    page.set_default_timeout(120_000)
    log_in(page, address, person)
    told = refusal(page, gated)
    chromium.picture(page, "gate-refusal")
    assert "You have no GPU access yet" in told
    link = re.search(r"http://\S+", told)
    assert link is not None and link[0] == f"{address}/apply?tool={LAB_TOOL}"

    page.goto(link[0])
    expect(page.get_by_text(LAB_TOOL)).to_be_visible()
    fill(page, person.email)
    confirm(page, address)
    log_in(page, address, gated.admin)
    page.goto(f"{address}/admin/queue")
    card = page.get_by_role("article").filter(has_text=person.email)
    card.get_by_role("button", name=re.compile("Approve until")).click()
    expect(page.get_by_role("status")).to_contain_text("Approved")
    galaxy = Administration(GalaxySettings(gated.url, gated.admin.key))
    wait_for("the role", lambda: ROLE in roles(galaxy, person), 60)

    log_in(page, address, person)
    run_tool(page, gated)
    page.goto(f"{gated.url}/interactivetool_entry_points/list")
    page.locator("a[id^=external-link]").wait_for()
    hands = GalaxyUser(gated.url, person.key)
    (point,) = hands.get("entry_points", running=True)
    told_hours(gated, point)
    hands.stop_session(point["id"])

    used_hours(gated, person, 50)
    log_in(page, address, gated.admin)
    limit_hours(page, address, "40")
    group = "Nebulab GPU access (hours used up)"
    wait_for("the role of used-up hours", lambda: person.email in members(galaxy, group), 60)
    log_in(page, address, person)
    told = refusal(page, gated, 2, "GPU hours")
    assert "Your GPU hours are used up" in told and f"{address}/usage" in told
    page.goto(f"{address}/usage")
    expect(page.get_by_text("50.0 of 40 GPU hours in the last 7 days")).to_be_visible()
    log_in(page, address, gated.admin)
    limit_hours(page, address, "80")
    wait_for("the role's end", lambda: members(galaxy, group) == set(), 60)

    log_in(page, address, gated.admin)
    page.goto(f"{address}/admin/accesses")
    page.get_by_role("link", name=person.email).click()
    page.get_by_label("The reason").fill("The project has ended.")
    page.get_by_role("button", name="End the access").click()
    wait_for("its end", lambda: roles(galaxy, person) == {EXPIRED}, 60)
    page.goto(f"{address}/admin/state")
    page.get_by_role("button", name="Compare now").click()
    expect(page.get_by_text("Nothing, when it was last compared.")).to_be_visible()
    galaxy.close()

    log_in(page, address, person)
    assert "Your GPU access has ended" in refusal(page, gated, 3)


def told_hours(stack: Stack, point: dict[str, Any]) -> None:
    """See that a session of the gate's knows its user's GPU hours, by the ticket that the gate gave it."""
    with Session(stack, point["target"]).owner() as client:
        wait_for("the hours", lambda: "GPU hours in the last 7 days" in client.get("/nebulab/session").text, 60)


def used_hours(stack: Stack, person: Account, hours: float) -> None:
    """Give the person's last session the figures of a GPU, which this machine has not: as Galaxy keeps them."""
    with sqlite3.connect(stack.data_dir / "galaxy" / "universe.sqlite", timeout=60) as galaxys:
        query = "SELECT max(job.id) FROM job JOIN galaxy_user ON galaxy_user.id = user_id WHERE email = ?"
        (job,) = galaxys.execute(query, (person.email,)).fetchone()
        line = "INSERT INTO job_metric_numeric (job_id, plugin, metric_name, metric_value) VALUES (?, 'gpu', ?, ?)"
        galaxys.executemany(line, [(job, "gpu_hours", hours), (job, "gpu_count", 1)])


def limit_hours(page: Page, address: str, hours: str) -> None:
    """Set the limit for everybody."""
    page.goto(f"{address}/admin/limits")
    page.get_by_label("GPU hours").fill(hours)
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("status")).to_contain_text("The limit is set")


def members(galaxy: Administration, name: str) -> set[str]:
    """Return the addresses of a group's members."""
    return {
        email for each in galaxy.get("groups") if each["name"] == name for email in galaxy.members(each["id"]).values()
    }


def roles(galaxy: Administration, person: Account) -> set[str]:
    """Return the roles that the person has by the portal's groups."""
    held = set()
    for group in galaxy.get("groups"):
        if person.email in galaxy.members(group["id"]).values():
            held |= {role["name"] for role in galaxy.get(f"groups/{group['id']}/roles")}
    return held & {ROLE, EXPIRED}


def cookie_of(stack: Stack, person: Account) -> str:
    """Log in to Galaxy without its page, as five people do at once, and return the cookie."""
    with httpx.Client(base_url=stack.url, timeout=60, follow_redirects=True) as client:
        client.get("/")
        token = client.get("/context").json()["session_csrf_token"]
        login = {"login": person.email, "password": person.password, "session_csrf_token": token}
        client.post("/user/login", json=login).raise_for_status()
        return client.cookies["galaxysession"]


def group_roles(galaxy: Administration) -> dict[str, tuple[set[str], set[str]]]:
    """Return the roles and the members' addresses of each course's group."""
    groups = [each for each in galaxy.get("groups") if each["name"].startswith("training-")]
    return {
        each["name"]: (
            {role["name"] for role in galaxy.get(f"groups/{each['id']}/roles")},
            set(galaxy.members(each["id"]).values()),
        )
        for each in groups
    }


def ask_for_course(page: Page, address: str, name: str, days: int) -> None:
    """Fill in the form of a course that begins in so many days, as its trainer."""
    page.goto(f"{address}/courses")
    page.get_by_role("link", name="Ask for a course").click()
    begins = date.today() + timedelta(days=days)
    page.get_by_label("Name of the course").fill(name)
    page.get_by_label("What does it teach").fill("Segmentation with deep learning, for five doctoral students.")
    page.get_by_label("What needs the GPU").fill("U-Nets in PyTorch, four hours each.")
    page.get_by_label("First day").fill(begins.isoformat())
    page.get_by_label("Last day").fill((begins + timedelta(days=1)).isoformat())
    page.get_by_label("Places").fill("5")
    page.get_by_label("I accept the terms").check()
    page.get_by_role("button", name="Ask for the course").click()
    expect(page.get_by_role("status")).to_contain_text("Your course is kept")


def join_course(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_label("I accept the terms").check()
    page.get_by_role("button", name="Join", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("You are in.")


def test_a_course_of_five_joins_and_ends(gated: Stack, page: Page) -> None:
    address = gated.part("portal")["address"]
    galaxy = Administration(GalaxySettings(gated.url, gated.admin.key))
    trainer, five = new_account(gated, "lise"), [new_account(gated, f"p{number}") for number in range(5)]
    cookies = {each.email: cookie_of(gated, each) for each in (gated.admin, trainer, *five)}
    become(page, address, cookies[trainer.email])
    for name, days in (("Segmentation", 0), ("Segmentation, next week", 7)):
        ask_for_course(page, address, name, days)
    become(page, address, cookies[gated.admin.email])
    for name in ("Segmentation", "Segmentation, next week"):
        page.goto(f"{address}/admin/courses")
        if name == "Segmentation":
            look(page, "course-queue")
        card = page.get_by_role("article").filter(has=page.get_by_role("link", name=name, exact=True))
        card.get_by_role("button", name="Approve 5 places").click()
        expect(page.get_by_role("status")).to_contain_text("Approved")

    become(page, address, cookies[trainer.email])
    links = {}
    for name in ("Segmentation", "Segmentation, next week"):
        page.goto(f"{address}/courses")
        page.get_by_role("link", name=name, exact=True).click()
        links[name] = page.get_by_role("link", name="/join/").first.get_attribute("href") or ""
    for person in five:
        become(page, address, cookies[person.email])
        join_course(page, links["Segmentation"])
    page.get_by_role("button", name="I need help").click()
    expect(page.get_by_role("button", name="Solved")).to_be_visible()
    look(page, "course-participant")

    def now(course: str) -> tuple[set[str], set[str]]:
        return next((found for name, found in group_roles(galaxy).items() if re.match(course, name)), (set(), set()))

    everybody = {person.email for person in five}
    wait_for("the five in Galaxy", lambda: now(r"training-segmentation-\w{8}$")[1] == everybody, 60)
    assert ROLE in now(r"training-segmentation-\w{8}$")[0]

    # One has a session; another, in a course to come, is told when it begins.
    hands = GalaxyUser(gated.url, five[0].key)
    _, point = hands.start_session(hands.new_history("course"))
    become(page, address, cookies[trainer.email])
    join_course(page, links["Segmentation, next week"])
    wait_for("the course to come", lambda: trainer.email in now("training-segmentation-next-week-")[1], 60)
    waiting = GalaxyUser(gated.url, trainer.key)
    refused = waiting.run_tool(waiting.new_history("course"), LAB_TOOL, {"mode|mode_select": "scratch"})
    begins = (date.today() + timedelta(days=7)).isoformat()
    told = waiting.wait_dataset(refused["outputs"][0]["id"])["misc_info"]
    assert f"Your course begins on {begins}" in told and f"{address}/courses" in told
    page.goto(f"{address}/courses")
    page.get_by_role("link", name="Segmentation", exact=True).click()
    expect(page.get_by_role("row").filter(has_text=five[0].email)).to_contain_text("runs")
    expect(page.get_by_role("row").filter(has_text=five[4].email)).to_contain_text("needs help")
    look(page, "course")
    hands.stop_session(point["id"])

    become(page, address, cookies[gated.admin.email])
    page.goto(f"{address}/admin/courses?state=lasting")
    page.get_by_role("link", name="Segmentation", exact=True).click()
    page.get_by_text("End this course before its time").click()
    page.get_by_label("The reason").fill("The room has no power.")
    look(page, "course-end")
    page.get_by_role("button", name="End the course").click()
    expect(page.get_by_role("status")).to_contain_text("The course is ended")
    wait_for("its end", lambda: now(r"training-segmentation-\w{8}$") == ({EXPIRED}, everybody), 60)
    galaxy.close()


def test_the_page_of_resources_follows(gated: Stack, page: Page) -> None:
    address = gated.part("portal")["address"]
    page.context.clear_cookies()
    said = chromium.listen(page)
    page.goto(f"{address}/resources")
    look(page, "resources")
    expect(page.get_by_role("rowheader", name="Processors")).to_be_visible()
    shown = page.locator("#now time").get_attribute("datetime")
    expect(page.locator("#now time")).not_to_have_attribute("datetime", shown or "", timeout=15_000)
    assert said == []
