"""A job's script that is stopped ends when its session has laid out what was saved, and within Galaxy's one second."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

ENDING = Path(__file__).parents[4] / "deploy" / "galaxy" / "ending.sh"
SCRIPT = f'. "{ENDING}"; touch "$_GALAXY_JOB_DIR/began"; sleep 60'


def _stopped(job: Path) -> float:
    """Stop a job's script as Galaxy does, and return the seconds until it has ended."""
    environment = os.environ | {"_GALAXY_JOB_DIR": str(job)}
    process = subprocess.Popen(["/bin/bash", "-c", SCRIPT], env=environment, process_group=0)
    while not (job / "began").exists():
        time.sleep(0.01)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(10)
    return time.monotonic() - began


@pytest.mark.parametrize("folder", ["mirror", "results"])
def test_it_waits_for_what_a_session_lays_out(tmp_path: Path, folder: str) -> None:
    (tmp_path / "working" / folder).mkdir(parents=True)
    threading.Timer(0.3, (tmp_path / "working" / "kept").touch).start()
    seconds = _stopped(tmp_path)
    assert (tmp_path / "working" / "kept").exists()
    assert seconds < 10


def test_it_does_not_wait_for_ever(tmp_path: Path) -> None:
    (tmp_path / "working" / "mirror").mkdir(parents=True)
    assert _stopped(tmp_path) >= 0.6


def test_it_waits_for_no_other_job(tmp_path: Path) -> None:
    (tmp_path / "working").mkdir()
    assert _stopped(tmp_path) < 0.6


def test_it_waits_for_no_room_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    process = subprocess.Popen(
        ["/bin/bash", "-c", f'. "{ENDING}"; rm -r "$_GALAXY_JOB_DIR"'], env=os.environ | {"_GALAXY_JOB_DIR": str(job)}
    )
    assert process.wait(10) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("before", "after"), [(None, "3\n"), ("", "3\n"), ("0\n", "0\n")])
def test_an_exit_code_that_found_no_room_is_written_again(tmp_path: Path, before: str | None, after: str) -> None:
    """Galaxy's script has the tool's in a variable, and writes it to a file; without one a job counts as good."""
    job = tmp_path / "42"
    job.mkdir()
    if before is not None:
        (job / "galaxy_42.ec").write_text(before)
    environment = os.environ | {"_GALAXY_JOB_DIR": str(job)}
    subprocess.run(["/bin/bash", "-c", f'. "{ENDING}"; return_code=3'], env=environment, check=True)
    assert (job / "galaxy_42.ec").read_text() == after


def test_a_script_that_ran_no_tool_leaves_no_exit_code(tmp_path: Path) -> None:
    environment = os.environ | {"_GALAXY_JOB_DIR": str(tmp_path)}
    subprocess.run(["/bin/bash", "-c", f'. "{ENDING}"'], env=environment, check=True)
    assert list(tmp_path.iterdir()) == []


def test_it_keeps_the_scripts_exit_code(tmp_path: Path) -> None:
    environment = os.environ | {"_GALAXY_JOB_DIR": str(tmp_path)}
    assert subprocess.run(["/bin/bash", "-c", f'. "{ENDING}"; exit 7'], env=environment).returncode == 7
    assert list(tmp_path.iterdir()) == []
