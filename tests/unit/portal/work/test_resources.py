"""The chore that reads the pool: its samples, and how long jobs waited by Galaxy's own tables."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from nebulab.errors import SettingsError
from nebulab.pool.reading import parse
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.data.tables import PoolSample
from nebulab.portal.work import waits
from nebulab.portal.work.resources import Resources
from support.applicants import Clock


@pytest.fixture
def resources(database: Database, tmp_path: Path) -> Resources:
    (tmp_path / "m.yml").write_text("nodes: [{name: a, gpus: [{model: A100, count: 2}, {model: T4}]}]")
    return Resources(database, parse(f"file:{tmp_path}/m.yml"), tmp_path)


def samples(database: Database) -> list[PoolSample]:
    with database.reading() as session:
        return list(session.scalars(select(PoolSample).order_by(PoolSample.at, PoolSample.model)))


def test_a_sample_each_ten_minutes_for_five_weeks(resources: Resources, database: Database, time: Clock) -> None:
    assert resources.now() is None
    for _ in range(3):
        assert resources.look() == 5
    assert [(one.model, one.total, one.busy) for one in samples(database)] == [("A100", 2, None), ("T4", 1, None)]
    time.move(minutes=10)
    resources.look()
    assert len(samples(database)) == 4
    time.move(days=36)
    resources.look()
    assert len(samples(database)) == 2, "older ones are deleted"
    assert len(resources.history()) == 2


def test_a_portal_that_was_started_again_writes_no_sample_twice(resources: Resources, database: Database) -> None:
    resources.look()
    again = Resources(database, resources._sources, resources._folder)
    again.look()
    assert len(samples(database)) == 2


def test_a_silent_source_is_a_gap(database: Database, tmp_path: Path) -> None:
    silent = Resources(database, parse(f"file:{tmp_path}/none.yml"), tmp_path)
    silent.look()
    pool = silent.now()
    assert pool is not None and pool.troubles
    assert samples(database) == []


def galaxys(path: Path, *jobs: tuple[str, float, float | None]) -> str:
    """Make Galaxy's two tables with jobs: tool, age in hours, and the seconds that each waited."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE job (id INTEGER, tool_id TEXT, create_time TIMESTAMP)")
        connection.execute(
            "CREATE TABLE job_state_history (id INTEGER, create_time TIMESTAMP, job_id INTEGER, state TEXT)"
        )
        for number, (tool, hours, seconds) in enumerate(jobs):
            at = clock.now() - timedelta(hours=hours)
            connection.execute("INSERT INTO job VALUES (?, ?, ?)", (number, tool, at.isoformat(" ")))
            states = [("new", at), ("queued", at + timedelta(seconds=1))]
            if seconds is not None:
                states += [("running", at + timedelta(seconds=1 + seconds)), ("ok", at + timedelta(hours=9))]
            for state, moment in states:
                connection.execute(
                    "INSERT INTO job_state_history (create_time, job_id, state) VALUES (?, ?, ?)",
                    (moment.isoformat(" "), number, state),
                )
    return f"sqlite:///{path}"


LAB = "toolshed.example.org/repos/x/lab/interactive_tool_ml_jupyter_notebook/1.0.0"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_waits_are_read_from_galaxys_tables(tmp_path: Path, database: Database) -> None:
    url = galaxys(
        tmp_path / "galaxy.sqlite",
        *(("run_jupyter_job", hours, 60.0 * hours) for hours in range(1, 6)),
        (LAB, 6, 0.0),
        ("upload1", 1, 99_999.0),
        ("run_jupyter_job", 1, None),
        ("run_jupyter_job", 24 * 40, 99_999.0),
    )
    found = waits.read(url)
    assert (found.number, found.median, found.longest_of_ten) == (6, 150.0, 300.0)
    with (
        pytest.raises(sqlite3.OperationalError),
        sqlite3.connect(f"file:{tmp_path}/none.sqlite?mode=ro", uri=True) as c,
    ):
        c.execute("SELECT 1")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_no_galaxy_is_told(tmp_path: Path, database: Database) -> None:
    with pytest.raises(SettingsError, match="database can't be read"):
        waits.read(f"sqlite:///{tmp_path}/none.sqlite")
    assert not (tmp_path / "none.sqlite").exists(), "it is only read"
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    with pytest.raises(SettingsError, match="no such table"):
        waits.read(f"sqlite:///{tmp_path}/empty.sqlite")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_medians_interval_holds_what_it_says(database: Database) -> None:
    # Conover's table A3: of 10 the interval's ranks are 2 and 9, of 20 they are 6 and 15 (95 %), counted from 1.
    for number, low, high in ((10, 2, 9), (20, 6, 15), (100, 40, 61)):
        found = waits.summed_up(range(1, number + 1))
        assert (found.low, found.high) == (low, high)
    few = waits.summed_up([1, 2, 3])
    assert (few.number, few.median) == (3, None)
    exact, normal = waits.summed_up(range(1_000)), waits.summed_up(range(1_001))
    assert exact.low is not None and normal.low is not None
    assert abs(exact.low - normal.low) <= 1
