"""A machine with GPUs that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from nebulab.accelerators.gpus import Look
from support import nvml


@pytest.fixture
def look() -> Callable[..., Look]:
    """Look at the stand-in's GPUs in a process of its own: the library is found when a process starts."""

    def ask(choice: str | None = None, **state: object) -> Look:
        environment = dict(os.environ) | nvml.variables(**state)
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        if choice is not None:
            environment["CUDA_VISIBLE_DEVICES"] = choice
        command = [sys.executable, "-m", "nebulab.accelerators"]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
        assert finished.returncode == 0, finished.stderr
        return Look.from_json(json.loads(finished.stdout))

    return ask
