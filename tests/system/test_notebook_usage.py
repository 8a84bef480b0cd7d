"""The GPUs' figures in a run's log, with a stand-in for the driver's library; nothing computes on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import nvml

pytestmark = pytest.mark.system

PROGRAM = """
# %%
import pathlib, time
pathlib.Path("{figures}").write_text("3072 80")
time.sleep(1.6)
# %%
pathlib.Path("{figures}").write_text("1024 20")
time.sleep(1.6)
# %%
result = 1
"""


def run(folder: Path, program: str, **variables: str) -> tuple[str, dict[str, Any]]:
    """Run a script of cells with `nebulab run`; return its log and what the harvest reports of the run."""
    (folder / "program.py").write_text(program)
    finished = subprocess.run(
        [sys.executable, "-m", "nebulab", "run", "program.py", "--kernel", "python3"],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    results = folder / "program.run"
    return (results / "log.txt").read_text(), json.loads((results / "harvest.json").read_text())["run"]


def test_load_memory_and_peak_stand_in_the_log_of_each_cell(tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    figures.write_text("512 0")
    program = PROGRAM.format(figures=figures)
    log, report = run(tmp_path, program, **nvml.variables(gpus=2, figures=figures), CUDA_VISIBLE_DEVICES="1")
    first, second, _ = [line for line in log.splitlines() if " ran in " in line]
    assert first.endswith("GPU 80 % 3.00 GB (peak 3.00)")
    assert second.endswith("GPU 20 % 1.00 GB (peak 3.00)")
    assert report["peak_gpu_memory_bytes"] == 3 * 2**30


def test_without_a_gpu_the_log_has_no_figures_of_one(tmp_path: Path) -> None:
    log, report = run(tmp_path, "result = 1", CUDA_VISIBLE_DEVICES="")
    assert "memory " in log
    assert "GPU" not in log
    assert report["peak_gpu_memory_bytes"] is None


def test_a_driver_that_hangs_does_not_stop_the_run(tmp_path: Path) -> None:
    log, _ = run(tmp_path, "result = 1", **nvml.variables(hang=1))
    assert "GPU" not in log
