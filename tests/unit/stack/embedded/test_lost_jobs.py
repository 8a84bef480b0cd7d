"""A job that runs by Galaxy's database alone, without a process or a change of its files, is failed; no other is."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from nebulab.stack.embedded import lost_jobs
from nebulab.stack.embedded.lost_jobs import LostJobs
from nebulab.stack.settings import StackSettings

SILENT_SECONDS = 0.4

FAILS = """#!/bin/sh
echo "$@" >> {calls}
echo failed
"""


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """A stack's settings, with a Galaxy's environment whose `python` notes what it is called with."""
    settings = StackSettings(
        tmp_path / "data", tmp_path / "environments", tmp_path / "checkout", stuck_minutes=SILENT_SECONDS / 60
    )
    settings.galaxy_dir.mkdir(parents=True)
    with closing(sqlite3.connect(settings.database)) as database, database:
        database.execute("CREATE TABLE job (id INTEGER, state TEXT, job_runner_name TEXT, job_runner_external_id TEXT)")
    python = settings.environment("galaxy") / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(FAILS.format(calls=tmp_path / "calls"))
    python.chmod(0o700)
    return settings


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def _add(settings: StackSettings, number: int, pid: int | None, state: str = "running") -> Path:
    with closing(sqlite3.connect(settings.database)) as database, database:
        database.execute("INSERT INTO job VALUES (?, ?, 'local', ?)", (number, state, pid and str(pid)))
    folder = settings.galaxy_dir / "jobs_directory" / "000" / str(number)
    (folder / "working" / "deep").mkdir(parents=True)
    return folder


def _failed(settings: StackSettings) -> list[str]:
    with suppress(FileNotFoundError):
        return [line.split()[2] for line in (settings.data_dir.parent / "calls").read_text().splitlines()]
    return []


def _gone() -> int:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    return process.pid


def test_a_job_without_a_process_is_failed_once_nothing_changes(settings: StackSettings) -> None:
    _add(settings, 7, _gone())
    jobs = LostJobs(settings)
    jobs.look()
    assert _failed(settings) == []
    time.sleep(2 * SILENT_SECONDS)
    jobs.look()
    assert _failed(settings) == ["7"]


def test_a_job_that_galaxy_still_collects_from_is_left(settings: StackSettings) -> None:
    folder = _add(settings, 7, _gone())
    jobs = LostJobs(settings)
    for at in range(6):
        jobs.look()
        time.sleep(SILENT_SECONDS / 3)
        (folder / "working" / "deep" / str(at)).touch()
    assert _failed(settings) == []


def test_jobs_that_run_wait_or_have_ended_are_left(settings: StackSettings, process: subprocess.Popen[bytes]) -> None:
    _add(settings, 1, process.pid)
    _add(settings, 2, None)
    _add(settings, 3, _gone(), "queued")
    _add(settings, 4, _gone(), "ok")
    jobs = LostJobs(settings)
    jobs.look()
    time.sleep(2 * SILENT_SECONDS)
    jobs.look()
    assert _failed(settings) == []


def test_a_job_whose_leader_is_gone_runs_while_its_group_does(settings: StackSettings) -> None:
    leader = subprocess.Popen(["sh", "-c", "sleep 60 & echo"], start_new_session=True, stdout=subprocess.PIPE)
    assert leader.stdout is not None
    leader.stdout.readline()
    leader.wait()
    try:
        _add(settings, 7, leader.pid)
        jobs = LostJobs(settings)
        jobs.look()
        time.sleep(2 * SILENT_SECONDS)
        jobs.look()
        assert _failed(settings) == []
    finally:
        os.killpg(leader.pid, 9)
        leader.stdout.close()


async def test_a_look_that_fails_is_logged_and_tried_again(
    settings: StackSettings, caplog: pytest.LogCaptureFixture
) -> None:
    _add(settings, 7, _gone())
    whole = settings.database.read_bytes()
    settings.database.write_bytes(b"no database" * 100)
    keeping = asyncio.create_task(LostJobs(settings).keep())
    async with asyncio.timeout(20):
        while "DatabaseError" not in caplog.text:
            await asyncio.sleep(0.05)
        settings.database.write_bytes(whole)
        while not _failed(settings):
            await asyncio.sleep(0.05)
    keeping.cancel()
    assert caplog.text.count("Traceback") == 1


def test_a_program_that_could_not_fail_it_is_told_and_other_jobs_are_failed(settings: StackSettings) -> None:
    python = settings.environment("galaxy") / "bin" / "python"
    broken = '[ "$3" != 7 ] || { echo no space left >&2; exit 1; }\n'
    python.write_text(python.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{broken}"))
    _add(settings, 7, _gone())
    _add(settings, 8, _gone())
    jobs = LostJobs(settings)
    jobs.look()
    time.sleep(2 * SILENT_SECONDS)
    for _ in range(2):
        with pytest.raises(subprocess.SubprocessError, match="job 7 could not be told as failed: no space left"):
            jobs.look()
    assert set(_failed(settings)) == {"8"}


@pytest.mark.parametrize(
    ("number", "folders"),
    [(1, ["000"]), (999, ["000"]), (90000, ["090"]), (777777, ["000", "777"]), (777777777, ["000", "777", "777"])],
)
def test_folders_are_those_of_galaxy(number: int, folders: list[str]) -> None:
    """The values are those of the doctest of `galaxy.util.directory_hash_id`, and one of six digits by its code."""
    assert lost_jobs._thousands(number) == folders
