"""The page of resources: tables, plot, badge, JSON, and what it says when a source is silent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nebulab.pool.pool import Gpus, Node, Pool, Waiting
from nebulab.pool.reading import parse
from nebulab.portal.data.tables import PoolSample
from nebulab.portal.rules.context import Context
from nebulab.portal.settings import PortalSettings
from nebulab.portal.web.resources import expected, plot
from nebulab.portal.web.shown import duration, size
from nebulab.portal.web.visit import Portal
from nebulab.portal.work.waits import Waits
from support.applicants import Browser
from support.fake_accounts import FakeAccounts

Open = Callable[..., Browser]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""The kind of database makes no difference here."""
_MACHINES = """
nodes:
  - {name: "gpu[1-2]", cpus: 28, memory: 90 GB, disk: 250 GB, gpus: [{model: <b>A100, count: 2, memory: 40 GB}]}
  - {name: old, down: fan <script>, gpus: [{model: T4}]}
"""


@pytest.fixture
def settings(settings: PortalSettings, tmp_path: Path) -> PortalSettings:
    (tmp_path / "machines.yml").write_text(_MACHINES)
    return replace(
        settings,
        pool=parse(f"file:{tmp_path}/machines.yml"),
        session=(("GPU", "1"), ("cores", "7"), ("memory", "20 GB")),
    )


def pool(**others: object) -> Pool:
    values: dict[str, object] = {
        "nodes": (
            Node("gpu1", cpus=28, cpus_busy=14, gpus=(Gpus("A100", 4, busy=3, percent=51.0, memory_mb=40_960),)),
        ),
        "waiting": (Waiting(datetime.now(UTC) - timedelta(minutes=12, seconds=5), 1, "A100"),),
    }
    return Pool(**(values | others))  # type: ignore[arg-type]


def test_machines_of_a_file_are_shown_to_everybody_and_can_run_nothing(browser: Open, portal: Portal) -> None:
    nobody = browser()
    assert nobody.get("/resources").status_code == 404, "not asked yet"
    portal.chores.resources.look()
    page = nobody.get("/resources")
    assert "<script>" not in page.text and "<b>A100" not in page.text
    text = nobody.text("/resources")
    assert "<b>A100 40.0 GB 4 – – 0 –" in text
    assert "T4 – 1 0 0 1 –" in text
    assert "Processors 56" in text and "Memory 180.0 GB" in text and "cores 7" in text
    assert "1 machine is down old: fan <script>" in text
    assert "Resources" in nobody.text("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]


def test_without_sources_there_is_no_page(browser: Open, portal: Portal, context: Context) -> None:
    portal.context = Context(replace(context.settings, pool=parse("")), context.domains)
    nobody = browser()
    for page in ("/resources", "/resources/now", "/api/resources", "/resources/badge.svg"):
        assert nobody.get(page).status_code == 404
    assert "NEBULAB_PORTAL_POOL" in nobody.text("/resources")
    assert "Resources" not in nobody.text("/")


def test_the_part_of_this_moment_asks_galaxy_nothing_and_sets_no_cookie(
    browser: Open, portal: Portal, galaxy: FakeAccounts
) -> None:
    portal.chores.resources.look()
    ada = browser("ada", "ada@uni-freiburg.de")
    answer = ada.get("/resources/now")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "<html" not in answer.text


def test_json_badge_and_queue(browser: Open, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal.chores.resources, "_pool", pool())
    nobody = browser()
    told = json.loads(nobody.get("/api/resources").text)
    assert told["gpus"] == [
        {
            "model": "A100", "memory_mb": 40_960, "total": 4, "free": 1, "busy": 3, "down": 0, "load_percent": 51.0,
        }
    ]  # fmt: skip
    assert (told["cpus"], told["complete"]) == ({"total": 28, "busy": 14}, True)
    assert told["waiting"][0]["model"] == "A100"
    badge = nobody.get("/resources/badge.svg")
    assert badge.headers["content-type"].startswith("image/svg+xml")
    assert "1 of 4 free" in badge.text
    assert "1 job waits for a GPU; the longest for 12 min" in nobody.text("/resources")


def test_old_figures_and_a_silent_source_are_told_without_naming_it(
    browser: Open, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = pool(at=datetime.now(UTC) - timedelta(minutes=2), troubles=("GPU exporter node7.inside:9400: away",))
    monkeypatch.setattr(portal.chores.resources, "_pool", old)
    text = browser().text("/resources")
    assert "These figures are old" in text and "can't be asked at the moment" in text
    assert "node7" not in text and "node7" not in browser().get("/api/resources").text


NOW = datetime(2026, 11, 29, 18, 4)


def sample(minutes: int, busy: int | None = 1, total: int = 4, down: int = 0) -> PoolSample:
    at = NOW.replace(minute=0) - timedelta(minutes=minutes)
    return PoolSample(at=at, model="A100", total=total, busy=busy, down=down, waiting=0)


def test_the_plot_has_a_gap_where_nobody_watched(database: object) -> None:
    drawn = plot([sample(300), sample(290), sample(100, busy=4), sample(90, busy=2, down=2)], NOW)
    assert drawn is not None
    assert (len(drawn.busy), len(drawn.total), drawn.most) == (2, 2, 4)
    first, second = drawn.busy
    assert [point.split(",")[1] for point in first.split()] == ["160", "120.0", "120.0", "120.0", "160"]
    assert {point.split(",")[1] for point in second.split()} == {"160", "0.0"}
    assert drawn.summary == "On average 62% of the GPUs were taken or down, at most 4 of 4."
    assert [name for _, name in drawn.days][-1] == "Sun 29"
    assert all(0 <= float(point.split(",")[0]) <= 700 for area in drawn.busy for point in area.split())


def test_without_knowledge_of_jobs_there_is_no_plot(database: object) -> None:
    assert plot([sample(10, busy=None)], NOW) is None
    assert plot([], NOW) is None


def test_the_expected_wait_has_its_error(database: object) -> None:
    assert expected(Waits(3)) == ""
    told = expected(Waits(140, median=300, low=120, high=700, longest_of_ten=7_300))
    assert told == (
        "Half of the last 140 sessions and trainings of four weeks waited 5 min or less (between 2 min and 11 min, "
        "with 95 % confidence); nine in ten no longer than 2 h 1 min."
    )
    assert "confidence" not in expected(Waits(9, median=2, low=1, high=3, longest_of_ten=4))


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "under a minute"), (130, "2 min"), (7_200, "2 h"), (7_500, "2 h 5 min"), (172_800, "2 d"), (2e5, "2 d 7 h")],
)
def test_times_and_sizes_as_people_read_them(seconds: float, told: str, database: object) -> None:
    assert duration(seconds) == told
    assert (size(4_864), size(2 * 1024**2)) == ("4.8 GB", "2.0 TB")
