"""What a run uses: its processes' memory now and at most, and the GPUs' where there are some."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from nebulab.notebooks.usage import Usage

MIB = 2**20


class NoGpu:
    def sample(self) -> None:
        return None

    def look(self) -> Any:
        return SimpleNamespace(names="")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> Usage:
    monkeypatch.setattr("nebulab.notebooks.usage.Nvml", NoGpu)
    return Usage()


def test_descendants_count_and_the_peak_stays(usage: Usage) -> None:
    usage._pid = os.getpid()
    usage.sample()
    alone = usage.memory
    child = subprocess.Popen(
        [sys.executable, "-c", f"x = bytearray({100 * MIB}); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout
    child.stdout.readline()
    usage.sample()
    child.communicate(b"\n")
    assert usage.memory > alone + 100 * MIB
    usage.sample()
    assert usage.memory < usage.peak_memory
    assert "(peak " in usage.text()
    assert "GPU" not in usage.text()


def test_watched_until_it_is_stopped(usage: Usage) -> None:
    usage.start(os.getpid())
    deadline = time.monotonic() + 10
    while not usage.peak_memory and time.monotonic() < deadline:
        time.sleep(0.01)
    usage.stop()
    assert usage.peak_memory > 0
    assert not usage._thread.is_alive()
    assert usage._nvml.closed  # type: ignore[attr-defined]


def test_a_process_that_is_gone_leaves_the_last_figures(usage: Usage) -> None:
    usage.memory = usage.peak_memory = 5
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    usage._pid = child.pid
    usage.sample()
    assert (usage.memory, usage.peak_memory) == (5, 5)


def test_a_driver_that_fails_once_is_asked_again(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look() -> Any:
        asked.append("")
        if len(asked) == 1:
            raise OSError("the driver is busy")
        return SimpleNamespace(names="2 x GPU")

    monkeypatch.setattr(usage._nvml, "look", look)
    monkeypatch.setattr("nebulab.notebooks.usage._SECONDS", 0.01)
    usage.start(os.getpid())
    deadline = time.monotonic() + 10
    while not usage.gpus and time.monotonic() < deadline:
        time.sleep(0.01)
    usage.stop()
    assert usage.gpus == "2 x GPU"


def test_gpus_stand_in_the_line(usage: Usage, monkeypatch: pytest.MonkeyPatch) -> None:
    usage._pid = os.getpid()
    for percent, used in ((90, 2 * 2**30), (10, 2**30)):
        sample = SimpleNamespace(percent=percent, memory_used=used)
        monkeypatch.setattr(usage._nvml, "sample", lambda sample=sample: sample)
        usage.sample()
    assert usage.text().endswith("GPU 10 % 1.00 GB (peak 2.00)")
