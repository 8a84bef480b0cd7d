"""GPU figures of a job, with Galaxy's own job metrics around its script: collected, shown, never in its way."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from nebulab.portal import clock
from nebulab.portal.hours.galaxy_tables import TABLES, GalaxyTables
from support import nvml
from support.stack import ENVIRONMENTS, ROOT

pytestmark = pytest.mark.system

PLUGINS = ROOT / "deploy" / "galaxy" / "nebulab_job_metrics" / "plugins"
FIGURES = "__instrument_gpu_figures"


def galaxys(folder: Path, wanted: str) -> Any:
    script = ROOT / "tests" / "support" / "job_metrics.py"
    command: list[str | Path] = [ENVIRONMENTS / "galaxy" / "bin" / "python", "-P", script, folder, PLUGINS, wanted]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def job(folder: Path, tool: str, **state: object) -> subprocess.Popen[str]:
    """Start a job whose tool is `tool`, as Galaxy's local runner does."""
    before, after = galaxys(folder, "script")
    script = folder / "galaxy_job.sh"
    script.write_text(f"#!/bin/bash\n{before}\n{tool}\n{after}\necho over\n")
    environment = {"PATH": os.environ["PATH"]} | (nvml.variables(**state) if state else {})
    return subprocess.Popen(
        ["/bin/bash", script],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_figures_are_collected_and_shown_to_the_jobs_owner(tmp_path: Path) -> None:
    begun = time.monotonic()
    running = job(tmp_path, "sleep 2", gpus=2, percent=50, used_mb=3072)
    said, _ = running.communicate(timeout=60)
    seconds = time.monotonic() - begun
    assert said == "over\n"
    told = galaxys(tmp_path, "collect")
    found = told["found"]["gpu"]
    assert (found["model"], found["gpu_count"], found["load_mean_percent"]) == ("2 x Stand-in T4", 2, 50)
    assert 2 <= found["gpu_hours"] * 3600 <= 2 * seconds
    assert told["shown"]["GPU"] == "2 x Stand-in T4"
    assert told["shown"]["GPU load, mean"] == "50 %"
    assert told["shown"]["GPU memory, highest use of one GPU"] == "3.0 GiB"
    assert told["shown"]["GPU hours"].endswith(" min")


def test_a_job_without_a_gpu_is_as_it_was(tmp_path: Path) -> None:
    running = job(tmp_path, "true")
    assert running.communicate(timeout=60)[0] == "over\n"
    assert galaxys(tmp_path, "collect") == {"found": {}, "shown": {}}


def test_a_killed_job_has_figures_and_leaves_nothing(tmp_path: Path) -> None:
    running = job(tmp_path, "kill -9 -$$", gpus=1)
    running.communicate(timeout=60)
    # Killed at once: there need not be a sample. Killed later there is one.
    assert set(galaxys(tmp_path, "collect")["found"]) <= {"gpu"}
    running = job(tmp_path, f"until [ -e {FIGURES} ]; do sleep 0.05; done; kill -9 -$$", gpus=1)
    running.communicate(timeout=60)
    assert running.returncode == -9
    assert galaxys(tmp_path, "collect")["found"]["gpu"]["gpu_count"] == 1


def test_a_driver_that_hangs_holds_no_job(tmp_path: Path) -> None:
    begun = time.monotonic()
    running = job(tmp_path, "true", hang=1)
    assert running.communicate(timeout=60)[0] == "over\n"
    assert time.monotonic() - begun < 20
    assert galaxys(tmp_path, "collect") == {"found": {}, "shown": {}}


@pytest.mark.parametrize("text", ["", "[]", '{"model": 3, "gpu_hours": "x", "load_mean_percent": NaN, "other": 1}'])
def test_what_a_job_writes_in_its_place_is_no_figure(tmp_path: Path, text: str) -> None:
    (tmp_path / FIGURES).write_text(text)
    told = galaxys(tmp_path, "collect")
    assert told["shown"] == {}


def test_the_portal_reads_what_galaxys_own_models_write(tmp_path: Path) -> None:
    script = ROOT / "tests" / "support" / "galaxy_models.py"
    python = ENVIRONMENTS / "galaxy" / "bin" / "python"
    ran = subprocess.run(
        [python, "-P", script, tmp_path / "galaxy.sqlite", "4"], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    columns = json.loads(ran.stdout)
    # The tables of the unit tests, and of deploy/galaxy-reader.sql, have Galaxy's names.
    assert {table.name: set(table.columns.keys()) - set(columns[table.name]) for table in TABLES} == {
        table.name: set() for table in TABLES
    }
    tables = GalaxyTables(f"sqlite:///{tmp_path}/galaxy.sqlite")
    running, ended = tables.jobs(clock.now() - timedelta(days=1), email="ada@uni-freiburg.de")
    assert (ended.hours, ended.model, ended.load, ended.idle) == (4, "1 x Stand-in T4", 50, 20)
    assert (running.ended, running.gpus, running.short_tool) == (None, 2, "train")
    assert running.hours == pytest.approx(8, abs=0.1)
    account = tables.account("ada@uni-freiburg.de")
    assert account is not None
    names = tables.names([account])[account]
    assert (names.roles, names.groups) == ({"training-gpu"}, {"Course"})
