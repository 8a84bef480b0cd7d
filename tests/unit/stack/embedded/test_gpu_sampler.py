"""A job's GPU figures, sampled beside it against a stand-in for NVIDIA's library: hours, model, memory, load."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import nvml

SAMPLER = Path(__file__).parents[4] / "deploy" / "galaxy" / "nebulab_job_metrics" / "sampler.py"
_SECONDS = 20


class Sampled:
    """A sampler beside a job, here this process."""

    def __init__(self, figures: Path, environment: dict[str, str], *, shell: bool = False) -> None:
        self.figures = figures
        command = [sys.executable, "-I", str(SAMPLER), str(figures), "$$" if shell else str(os.getpid()), "0.05"]
        if shell:
            command = ["sh", "-c", f"{' '.join(command)} & echo $!; read _"]
        environment = {"PATH": os.defpath} | environment
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def told(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while not self.figures.exists():
            assert time.monotonic() < deadline, "no figures"
            assert self.process.poll() is None, "ended without figures"
            time.sleep(0.02)
        told: dict[str, Any] = json.loads(self.figures.read_text())
        return told

    def end(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=_SECONDS)
        assert said == b""
        assert self.process.returncode == (0 if number == signal.SIGTERM else -number)
        return self.told()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Sampled]]:
    begun: list[Sampled] = []
    yield begun
    for each in begun:
        with contextlib.suppress(ProcessLookupError):
            each.process.kill()
        each.process.communicate()


def sampled(started: list[Sampled], tmp_path: Path, visible: dict[str, str] | None = None, **state: object) -> Sampled:
    started.append(Sampled(tmp_path / "figures", nvml.variables(**state) | (visible or {})))
    return started[-1]


def test_a_known_pattern_is_measured_within_five_percent(started: list[Sampled], tmp_path: Path) -> None:
    """Load 90 % for a part of the time, none for another, 40 % for the rest; memory rises and falls."""
    shown = tmp_path / "shown"
    shown.write_text("1000 90")
    running = sampled(started, tmp_path, gpus=1, figures=shown)
    running.told()
    # What was sampled until now counts as the first part.
    before = running.told()["gpu_hours"] * 3600
    begun = time.monotonic()
    parts: list[tuple[float, int]] = []
    for used, percent, seconds in ((1000, 90, 1.5), (9000, 0, 1.0), (3000, 40, 1.5)):
        part = tmp_path / "part"
        part.write_text(f"{used} {percent}")
        part.replace(shown)
        since = time.monotonic()
        time.sleep(seconds)
        parts.append((time.monotonic() - since, percent))
    told = running.end()
    parts[0] = (parts[0][0] + before, 90)
    total = sum(seconds for seconds, _ in parts)
    assert total == pytest.approx(time.monotonic() - begun + before, abs=0.5)
    assert told["gpu_hours"] * 3600 == pytest.approx(total, rel=0.05)
    assert told["load_mean_percent"] == pytest.approx(sum(s * p for s, p in parts) / total, rel=0.05)
    assert told["idle_percent"] == pytest.approx(100 * parts[1][0] / total, rel=0.1)
    assert told["idle_hours"] * 3600 == pytest.approx(parts[1][0], rel=0.1)
    assert told["memory_peak_mb"] == 9000
    assert told["memory_total_mb"] == 16384
    assert told["model"] == "1 x Stand-in T4"


@pytest.mark.parametrize(
    ("visible", "count"),
    [
        ({}, 3),
        ({"CUDA_VISIBLE_DEVICES": "1"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "0,2"}, 2),
        ({"CUDA_VISIBLE_DEVICES": "0,7,1"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "GPU-00000002"}, 1),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, 3),
        ({"NVIDIA_VISIBLE_DEVICES": "0"}, 1),
        ({"CUDA_VISIBLE_DEVICES": "0,1", "NVIDIA_VISIBLE_DEVICES": "all"}, 2),
    ],
)
def test_the_jobs_own_gpus_are_counted(
    started: list[Sampled], tmp_path: Path, visible: dict[str, str], count: int
) -> None:
    running = sampled(started, tmp_path, visible, gpus=3)
    assert running.told()["gpu_count"] == count
    told = running.end()
    assert told["model"] == f"{count} x Stand-in T4"
    assert told["gpu_hours"] > 0


@pytest.mark.parametrize(
    ("visible", "model", "most"),
    [
        ("MIG-00000000-0000-0000-0000-000000000000", "1 x Stand-in T4 MIG 1g.5gb", 4864),
        ("GPU-00000000", "1 x Stand-in T4 MIG 1g.5gb, 1 x Stand-in T4 MIG 2g.10gb", 9728),
        ("0", "1 x Stand-in T4 MIG 1g.5gb, 1 x Stand-in T4 MIG 2g.10gb", 9728),
    ],
)
def test_slices_are_told_as_slices(started: list[Sampled], tmp_path: Path, visible: str, model: str, most: int) -> None:
    """The driver knows no load of a slice, and says so; a GPU that is cut can't be used whole."""
    running = sampled(started, tmp_path, {"CUDA_VISIBLE_DEVICES": visible}, mig="1g.5gb:4864,2g.10gb:9728")
    running.told()
    told = running.end()
    assert (told["model"], told["memory_total_mb"]) == (model, most)
    assert told["mig_count"] == model.count(" x ")
    assert "gpu_hours" not in told
    assert "load_mean_percent" not in told


@pytest.mark.parametrize(
    ("state", "visible"),
    [
        ({"gpus": 0}, {}),
        ({"init": 9}, {}),
        ({"gpus": 1}, {"CUDA_VISIBLE_DEVICES": ""}),
        ({"gpus": 1}, {"CUDA_VISIBLE_DEVICES": "-1"}),
        ({"gpus": 1}, {"NVIDIA_VISIBLE_DEVICES": "void"}),
        ({"gpus": 1}, {"LD_LIBRARY_PATH": "/nowhere"}),
    ],
)
def test_without_a_gpu_it_ends_and_says_nothing(
    started: list[Sampled], tmp_path: Path, state: dict[str, object], visible: dict[str, str]
) -> None:
    running = sampled(started, tmp_path, visible, **state)
    said, _ = running.process.communicate(timeout=_SECONDS)
    assert (running.process.returncode, said) == (0, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_card_that_tells_nothing_has_hours_all_the_same(started: list[Sampled], tmp_path: Path) -> None:
    running = sampled(started, tmp_path, silent_card=1)
    running.told()
    told = running.end()
    assert told.keys() == {"model", "gpu_count", "gpu_hours"}


def test_what_was_sampled_stays_when_it_is_killed(started: list[Sampled], tmp_path: Path) -> None:
    running = sampled(started, tmp_path, gpus=1)
    running.told()
    assert running.end(signal.SIGKILL)["gpu_count"] == 1


def test_it_ends_with_the_jobs_shell(started: list[Sampled], tmp_path: Path) -> None:
    running = Sampled(tmp_path / "figures", nvml.variables(gpus=1), shell=True)
    started.append(running)
    assert running.process.stdout is not None
    pid = int(running.process.stdout.readline())
    running.told()
    running.process.kill()
    deadline = time.monotonic() + _SECONDS
    while Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "it outlives its job"
        time.sleep(0.02)
    assert running.told()["gpu_hours"] > 0
