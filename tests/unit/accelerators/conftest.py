"""A machine with GPUs that are not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import venv
from collections.abc import Callable
from pathlib import Path

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


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Make an environment with one module, a stand-in for a framework, and return its Python."""

    def make(name: str, source: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        venv.EnvBuilder(symlinks=True).create(folder)
        packages = next(folder.glob("lib/python3*/site-packages"))
        (packages / f"{name}.py").write_text(textwrap.dedent(source))
        information = packages / f"{name}-9.8.7.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.8.7\n")
        return folder / "bin" / "python"

    return make
