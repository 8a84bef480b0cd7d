"""Pages on GPU hours: one's own alone, the administrators', files, JSON, metrics, and what an outsider gets."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from limits import RateLimitItemPerMinute
from prometheus_client.parser import text_string_to_metric_families

from nebulab.pool.pool import Gpus, Node, Pool
from nebulab.portal.data.database import Database
from nebulab.portal.data.hour_tables import HourAccount
from nebulab.portal.hours import exports, limits
from nebulab.portal.rules.context import Context
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.usage import idle_nodes
from nebulab.portal.web.visit import Portal
from support.applicants import REVIEWER, Browser
from support.galaxy_database import GalaxyDatabase, figures
from support.stack import ROOT

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""
ADA, BOB = "ada@uni-freiburg.de", "bob@gmail.com"
TOKEN = "a-token-for-prometheus"
ADMINS = ("/admin/usage", "/admin/usage?month=2026-01", "/admin/usage.csv", "/admin/limits")
OWN = ("/usage", "/usage.csv", "/api/hours")


@pytest.fixture
def settings(settings: PortalSettings, galaxy_database: GalaxyDatabase, tmp_path: Path) -> PortalSettings:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(f"{TOKEN}\n")
    return replace(galaxy_database.known_to(settings), metrics_token_file=token)


@pytest.fixture
def used(galaxy_database: GalaxyDatabase) -> None:
    """Two people's hours, all of this month or of the last hours."""
    ada, bob = galaxy_database.user(ADA), galaxy_database.user(BOB)
    galaxy_database.job(ada, begun=9, ended=1, figures=figures(8, idle_percent=80.0, load_mean_percent=18.0))
    galaxy_database.job(ada, begun=2, params={"nebulab_gpus": "2"}, tool="shed/repos/o/r/<b>tool/1.0")
    galaxy_database.job(bob, begun=20, ended=5, figures=figures(15, model="1 x Bobs GPU"))
    galaxy_database.group(bob, "=cmd|x", "training-gpu")


@pytest.fixture
def ada(browser: Open, used: None) -> Browser:
    return browser("ada", ADA)


@pytest.fixture
def admin(browser: Open, used: None) -> Browser:
    return browser("admin", "admin@uni-freiburg.de", is_admin=True)


def test_somebodys_own_hours_jobs_and_advice(ada: Browser, database: Database) -> None:
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="everybody", name="", hours="40", days="7")
    text = ada.text("/usage")
    assert "12.0 of 40 GPU hours in the last 7 days" in text
    assert "In your sessions the GPU was idle for 80 % of its time." in text
    assert "more than 50 % of its time" in text, "the threshold is told"
    assert "1 x NVIDIA A100-SXM4-40GB 8.00 18 % 80 % 20.0 GB of 40.0 GB" in text
    assert "2 GPUs 4.00 – – –" in text and "runs" in text
    assert "Bobs GPU" not in text and BOB not in text
    assert "<b>tool" not in ada.get("/usage").text
    told = ada.get("/api/hours").json()
    assert (round(told["used"]), told["limit"], told["days"], told["over"]) == (12, 40, 7, False)
    rows = list(csv.DictReader(io.StringIO(ada.get("/usage.csv").text)))
    assert sorted(round(float(row["hours"])) for row in rows) == [4, 8]


def test_warned_and_used_up_are_told_with_what_next(ada: Browser, database: Database) -> None:
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="everybody", name="", hours="14", days="7")
    assert "Most of them are used" in ada.text("/usage")
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="account", name=ADA, hours="11", days="7")
    text = ada.text("/usage")
    assert "Your GPU hours are used up" in text and "if you use no more" in text
    assert "gpu@uni-freiburg.de" in text


def test_a_person_without_any_has_a_page(browser: Open, used: None) -> None:
    text = browser("eve", "eve@uni-freiburg.de").text("/usage")
    assert "0.0 GPU hours in the last 7 days" in text
    assert "Too little was measured" in text and "None in the last 30 days" in text


def test_the_first_page_tells_the_hours(ada: Browser, portal: Portal, database: Database) -> None:
    assert "GPU hours in the last" not in ada.text("/")
    with database.writing() as session:
        limits.put(session, REVIEWER, whose="everybody", name="", hours="400", days="7")
    assert portal.chores.hours is not None
    portal.chores.hours.look()
    assert "12.0 of 400 GPU hours in the last 7 days" in ada.text("/")


def test_the_administrators_page_and_file(admin: Browser, galaxy_database: GalaxyDatabase, portal: Portal) -> None:
    month = f"{galaxy_database.before(20):%Y-%m}"
    text = admin.text(f"/admin/usage?month={month}")
    assert "=cmd|x" in text and "training-gpu" in text and BOB in text
    assert f"{ADA} <b>tool" in text.replace("shed/repos/o/r/", ""), "who holds GPUs now"
    assert "<b>tool" not in admin.get("/admin/usage").text
    rows = list(csv.DictReader(io.StringIO(admin.get(f"/admin/usage.csv?month={month}").text)))
    assert {row["account"] for row in rows} >= {BOB}
    assert admin.get("/admin/usage?month=1999-01").status_code == 422
    assert "No GPU was used" in admin.text("/admin/usage?month=2020-02")


def test_held_and_idle_gpus_are_told(admin: Browser, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = (
        Node("gpu1", gpus=(Gpus("A100", 4, busy=2, percent=1.0),)),
        Node("gpu2", gpus=(Gpus("A100", 4, busy=2, percent=60.0),)),
        Node("gpu3", gpus=(Gpus("A100", 4, busy=0, percent=0.0),)),
        Node("gpu4", gpus=(Gpus("A100", 4, busy=4),)),
    )
    monkeypatch.setattr(portal.chores.resources, "_pool", Pool(nodes=nodes))
    assert [node.name for node, _ in idle_nodes(Pool(nodes=nodes))] == ["gpu1"]
    assert idle_nodes(None) == []
    assert "gpu1: 2 of 4 A100, at 1 % load" in admin.text("/admin/usage")


def test_limits_are_set_and_removed_by_the_form(admin: Browser, database: Database) -> None:
    assert "nobody is stopped" in admin.text("/admin/limits")
    answer = admin.post("/admin/limits", whose="role", name="nowhere-*", hours="5", days="2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/limits?done=limit")
    text = admin.text("/admin/limits?done=limit")
    assert "role nowhere-* 5 2 nobody: Galaxy has no role of this name" in text and "The limit is set" in text
    faulty = admin.post("/admin/limits", whose="role", name="", hours="<b>", days="x")
    assert faulty.status_code == 422
    assert faulty.text.count('class="fault"') == 3 and "<b>" not in faulty.text
    with database.reading() as session:
        (limit,) = limits.listed(session)
    assert admin.post(f"/admin/limits/{limit.id}/remove").status_code == 303
    assert admin.post(f"/admin/limits/{limit.id}/remove").status_code == 404


def test_what_differs_is_shown_and_mended(admin: Browser, database: Database, galaxy_database: GalaxyDatabase) -> None:
    with database.writing() as session:
        row = HourAccount(account=77, person_id="idada", email=ADA, used=50, hours=40, days=7, over=True)
        row.in_galaxy, row.at = False, galaxy_database.now
        session.add(row)
    assert "What differs from Galaxy: 1" in admin.text("/admin/usage")
    assert admin.post("/admin/hours/77/mend").status_code == 303
    assert "What differs" not in admin.text("/admin/usage")
    assert admin.post("/admin/hours/77/mend").status_code == 404


@pytest.mark.parametrize("page", ADMINS)
def test_administrators_pages_are_theirs(ada: Browser, browser: Open, page: str) -> None:
    assert ada.get(page).status_code == 403
    assert browser().get(page).status_code == 401


@pytest.mark.parametrize("page", OWN)
def test_own_pages_need_a_login(browser: Open, used: None, page: str) -> None:
    assert browser().get(page).status_code == 401


FORMS = ("/admin/limits", "/admin/limits/1/remove", "/admin/hours/1/mend")


@pytest.mark.parametrize("page", FORMS)
def test_forms_are_administrators_with_their_own_token(
    ada: Browser, admin: Browser, database: Database, page: str
) -> None:
    fields = {"whose": "everybody", "hours": "1", "days": "1"}
    assert ada.post(page, **fields).status_code == 403
    assert admin.post(page, **fields, form_token="").status_code == 403
    assert admin.post(page, **fields, form_token=ada.token()).status_code == 403
    with database.reading() as session:
        assert limits.listed(session) == []


def test_who_asks_too_often_waits(ada: Browser, admin: Browser, portal: Portal) -> None:
    portal.rates.hours = RateLimitItemPerMinute(2)
    assert [ada.get(page).status_code for page in ("/usage", "/api/hours", "/usage.csv")] == [200, 200, 429]
    assert admin.get("/api/hours").status_code == 200, "counted for each"


def test_no_address_asks_for_somebody_elses(ada: Browser) -> None:
    for query in ("?email=bob@gmail.com", "?user=2", "?account=2"):
        assert "Bobs GPU" not in ada.get(f"/usage.csv{query}").text


def test_without_galaxys_database_there_are_no_pages(browser: Open, portal: Portal, context: Context) -> None:
    portal.chores.hours = None
    admin = browser("admin", "admin@uni-freiburg.de", is_admin=True)
    for page in (*OWN, *ADMINS):
        assert admin.get(page).status_code == 404
    assert "NEBULAB_PORTAL_GALAXY_DATABASE" in admin.text("/usage")


def test_a_database_that_is_away_is_told_without_its_address(
    ada: Browser, admin: Browser, galaxy_database: GalaxyDatabase
) -> None:
    galaxy_database.run("DROP TABLE job")
    for who, pages in ((ada, OWN), (admin, ADMINS[:3])):
        for page in pages:
            answer = who.get(page)
            assert answer.status_code == 503
            assert "does not answer" in answer.text and "sqlite" not in answer.text and "no such" not in answer.text
    galaxy_database.run("CREATE TABLE job (id INTEGER)")


def scrape(browser: Browser, token: str = TOKEN) -> dict[str, dict[tuple[str, ...], float]]:
    answer = browser.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(answer.text)
    }


def test_metrics_are_for_who_has_the_token(
    browser: Open, admin: Browser, portal: Portal, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = browser()
    for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": "Bearer ü"}):
        assert nobody.get("/metrics", headers={k: v.encode("latin-1") for k, v in header.items()}).status_code == 401
    assert admin.get("/metrics").status_code == 401, "a login is none"
    portal.context = Context(replace(context.settings, metrics_token_file=None), context.domains)
    assert nobody.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 404
    assert nobody.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


def test_the_figures_of_metrics(
    browser: Open, used: None, portal: Portal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = browser()
    assert "nebulab_gpu_hours_last_day" not in scrape(nobody), "nobody has looked yet"
    assert portal.chores.hours is not None
    portal.chores.hours.look()
    nodes = (Node("gpu1", gpus=(Gpus('A"100\n', 4, busy=2, down=1, percent=51.0),)),)
    monkeypatch.setattr(portal.chores.resources, "_pool", Pool(nodes=nodes, waiting=()))
    told = scrape(nobody)
    assert told["nebulab_gpus"] == {('A"100\n', "free"): 1, ('A"100\n', "busy"): 2, ('A"100\n', "down"): 1}
    assert told["nebulab_gpu_load_percent"] == {('A"100\n',): 51}
    assert told["nebulab_gpu_jobs_waiting"] == {(): 0}
    day = told["nebulab_gpu_hours_last_day"]
    assert sum(day.values()) == pytest.approx(27, abs=0.1)
    assert (told["nebulab_gpus_held"][()], told["nebulab_gpu_jobs_running"][()]) == (2, 1)
    assert (told["nebulab_accounts_with_hours"][()], told["nebulab_accounts_over_limit"][()]) == (2, 0)
    assert told["nebulab_applications"][("waiting",)] == 0
    assert set(told["nebulab_chore_works"].values()) == {0}, "nobody has started them"
    assert ADA not in str(told)


def test_each_query_of_the_dashboard_names_a_figure_that_is_there(
    browser: Open, used: None, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = (Node("gpu1", gpus=(Gpus("A100", 1, busy=0, percent=0.0),)),)
    monkeypatch.setattr(portal.chores.resources, "_pool", Pool(nodes=nodes, waiting=()))
    assert portal.chores.hours is not None
    portal.chores.hours.look()
    there = set(scrape(browser()))
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "nebulab.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 5
    for query in queries:
        names = set(re.findall(r"nebulab_\w+", query))
        assert names and names <= there, query
    assert {name for query in queries for name in re.findall(r"nebulab_\w+", query)} == there, "each has its panel"


def test_a_months_figures_as_json_and_lines(used: None, portal: Portal, galaxy_database: GalaxyDatabase) -> None:
    assert portal.chores.hours is not None
    month = f"{galaxy_database.before(20):%Y-%m}"
    found = exports.report(portal.chores.hours.tables, month)
    told = exports.as_json(found)
    assert {row["name"] for row in told["roles"]} == {"training-gpu"}
    assert json.loads(json.dumps(told)) == told
    line = next(each for each in exports.as_lines(found).splitlines() if "account=bob" in each)
    assert line.startswith(f"nebulab_gpu_hours,account=bob@gmail.com,month={month} hours=")
    assert line.endswith(",jobs=1i")
    assert exports._tag("a b,c=d\\\n") == "a\\ b\\,c\\=d/\\ "
    assert exports._cell("=1+1") == "'=1+1" and exports._cell(3.5) == 3.5
