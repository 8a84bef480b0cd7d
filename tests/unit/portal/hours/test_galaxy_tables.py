"""Jobs with GPUs as they are read from Galaxy's tables, in SQLite and in PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.portal import clock
from nebulab.portal.data.database import Database
from nebulab.portal.hours.galaxy_tables import GalaxyTables, Names
from support.galaxy_database import PROJECT_TOOL, GalaxyDatabase, figures
from support.stack import ROOT

WEEK = timedelta(days=7)


def test_a_job_with_figures(galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables) -> None:
    ada = galaxy_database.user("ada@x.org")
    galaxy_database.job(ada, begun=10, ended=4, tool=PROJECT_TOOL, figures=figures(5.9))
    (job,) = galaxy_tables.jobs(galaxy_database.now - WEEK)
    assert (job.account, job.email, job.short_tool, job.gpus) == (ada, "ada@x.org", "train", 1)
    assert (job.hours, job.load, job.idle, job.model) == (5.9, 45, 25, "1 x NVIDIA A100-SXM4-40GB")
    assert (job.memory_peak_mb, job.memory_total_mb) == (20_480, 40_960)
    assert (job.begun, job.ended) == (galaxy_database.before(10), galaxy_database.before(4))


def test_slices_count_as_gpus(galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables) -> None:
    told = {"model": "2 x A100 MIG 1g.5gb", "mig_count": 2, "mig_hours": 4.0, "memory_peak_mb": 100.0}
    galaxy_database.job(galaxy_database.user("ada@x.org"), begun=3, ended=1, figures=told)
    (job,) = galaxy_tables.jobs(galaxy_database.now - WEEK)
    assert (job.hours, job.gpus, job.load, job.idle) == (4, 2, None, None)


def test_what_runs_counts_by_what_its_destination_holds(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables
) -> None:
    ada = galaxy_database.user("ada@x.org")
    for params in ({"nebulab_gpus": "2"}, {"request_gpus": 3}, {"nebulab_gpus": "None"}, {"nebulab_gpus": "0"}, {}):
        galaxy_database.job(ada, begun=240, params=params)
    galaxy_database.job(ada, begun=1, tool="cat1")
    galaxy_database.job(ada, begun=1, params={"nebulab_gpus": "9"}, state="queued")
    found = sorted((job.gpus, round(job.hours), job.ended) for job in galaxy_tables.jobs(galaxy_database.now - WEEK))
    # Begun before the window: the whole job is here, of which the window takes its part.
    assert found == [(2, 480, None), (3, 720, None)]
    ours = GalaxyTables(galaxy_database.url, job_gpus=1)
    assert sorted(job.gpus for job in ours.jobs(galaxy_database.now)) == [1, 2, 3]


def test_a_job_that_died_without_figures_counts_by_its_time(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables
) -> None:
    ada = galaxy_database.user("ada@x.org")
    galaxy_database.job(ada, begun=5, ended=3, params={"nebulab_gpus": "2"})
    galaxy_database.job(ada, begun=5, ended=3)
    (job,) = galaxy_tables.jobs(galaxy_database.now - WEEK)
    assert job.hours == pytest.approx(4)


@pytest.mark.parametrize(("told", "counted"), [(0.0, 8), (7.0, 8), (7.2, 7.2), (7.9, 7.9), (12.0, 12)])
def test_figures_far_below_what_was_held_count_nothing(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables, told: float, counted: float
) -> None:
    """They lie in the job's folder, where a user may reach them."""
    galaxy_database.job(None, begun=5, ended=1, params={"nebulab_gpus": "2"}, figures=figures(told))
    (job,) = galaxy_tables.jobs(galaxy_database.now - WEEK)
    assert job.hours == pytest.approx(counted)
    assert job.idle == 25


def test_a_job_whose_states_are_gone_has_its_figures(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables
) -> None:
    job = galaxy_database.job(None, begun=5, ended=3, figures=figures(2.0))
    galaxy_database.forget_history(job)
    (found,) = galaxy_tables.jobs(galaxy_database.now - WEEK)
    assert (found.begun, found.account, found.email) == (galaxy_database.before(5), None, "")


def test_jobs_of_the_time_and_the_account_that_are_asked_for(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables
) -> None:
    ada, bob = galaxy_database.user("ada@x.org"), galaxy_database.user("bob@x.org")
    galaxy_database.user("ada@x.org.example", deleted=True)
    galaxy_database.job(ada, begun=200, ended=169, figures=figures(31))
    galaxy_database.job(ada, begun=200, ended=167, figures=figures(33))
    galaxy_database.job(bob, begun=20, ended=16, figures=figures(4))
    galaxy_database.job(ada, begun=20, ended=16, figures=figures(4), imported=True)
    since = galaxy_database.now - WEEK
    assert sorted(job.hours for job in galaxy_tables.jobs(since)) == [4, 33]
    assert [job.hours for job in galaxy_tables.jobs(since, email="bob@x.org")] == [4]
    assert [job.hours for job in galaxy_tables.jobs(since, galaxy_database.before(50))] == [33]
    for nobody in ("", "nobody@x.org", "%", "' OR 1=1 --"):
        assert galaxy_tables.jobs(since, email=nobody) == []
        assert galaxy_tables.account(nobody) is None
    assert galaxy_tables.account("ada@x.org") == ada
    assert galaxy_tables.account("ada@x.org.example") is None


def test_roles_and_groups_without_deleted_and_personal_ones(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables
) -> None:
    ada, bob = galaxy_database.user("ada@x.org"), galaxy_database.user("bob@x.org")
    galaxy_database.role(ada, "ada@x.org", type="private")
    galaxy_database.role(ada, "staff")
    galaxy_database.role(ada, "untyped", type=None)
    galaxy_database.role(ada, "former", deleted=True)
    galaxy_database.group(ada, "Course", "training-gpu")
    galaxy_database.group(bob, "Gone", "training-old", deleted=True)
    assert galaxy_tables.names([ada, bob, 999]) == {
        ada: Names({"staff", "untyped", "training-gpu"}, {"Course"}),
        bob: Names(),
        999: Names(),
    }
    assert galaxy_tables.names([]) == {}


@pytest.mark.parametrize("stored", [b"", b"[]", b"{", b'{"nebulab_gpus": "1e999"}', b'{"nebulab_gpus": null}', None])
def test_a_destination_that_makes_no_sense_holds_nothing(
    galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables, stored: bytes | None
) -> None:
    galaxy_database.job(None, begun=5, destination_params=stored)
    assert galaxy_tables.jobs(galaxy_database.now - WEEK) == []


def test_the_database_is_only_read(galaxy_database: GalaxyDatabase, galaxy_tables: GalaxyTables) -> None:
    with (
        pytest.raises(SettingsError, match=r"readonly|read-only"),
        galaxy_tables._reading() as connection,
    ):
        connection.execute(text("DELETE FROM job"))


def test_one_that_is_none_of_galaxys_is_told(database: Database, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/none.sqlite", database.url.render_as_string(hide_password=False)):
        tables = GalaxyTables(url)
        with pytest.raises(SettingsError, match=contract.PORTAL_GALAXY_DATABASE):
            tables.jobs(clock.now() - WEEK)


@pytest.mark.system
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_user_with_the_rights_of_the_file_reads_and_no_more(galaxy_database: GalaxyDatabase) -> None:
    """`deploy/galaxy-reader.sql` as an administrator runs it: what the portal reads is allowed, a password is not."""
    ada = galaxy_database.user("ada@x.org")
    galaxy_database.job(ada, begun=5, ended=3, figures=figures(2.0))
    galaxy_database.group(ada, "Course", "training-gpu")
    galaxy_database.run("ALTER TABLE galaxy_user ADD COLUMN password varchar")
    galaxy_database.run((ROOT / "deploy" / "galaxy-reader.sql").read_text())
    reader = make_url(galaxy_database.url).set(username="nebulab_reader")
    tables = GalaxyTables(reader.render_as_string(hide_password=False))
    try:
        assert [job.hours for job in tables.jobs(galaxy_database.now - WEEK, email="ada@x.org")] == [2]
        assert tables.names([ada])[ada].roles == {"training-gpu"}
        for forbidden in ("SELECT password FROM galaxy_user", "SELECT * FROM person"):
            with pytest.raises(SettingsError, match="permission denied"), tables._reading() as connection:
                connection.execute(text(forbidden))
    finally:
        galaxy_database.run("DROP OWNED BY nebulab_reader; DROP ROLE nebulab_reader")
