"""The script for machines with a GPU says where there is none, and that is no pass."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support import nvml

CHECK = Path(__file__).parents[1] / "gpu" / "check.py"


def test_without_a_gpu_it_is_no_pass() -> None:
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, CHECK], env=hidden, capture_output=True, text=True, timeout=60)
    assert done.returncode == 77, done.stderr
    assert "no pass" in done.stdout


def test_a_card_without_frameworks_shows_nothing() -> None:
    """A stand-in for the driver's library: a GPU to look at, and nothing here that computes on it."""
    seen = os.environ | nvml.variables(gpus=1)
    done = subprocess.run([sys.executable, CHECK], env=seen, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("GPU: ")
    assert done.returncode == 1
    assert "not tried  forked" in done.stdout
