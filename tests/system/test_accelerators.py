"""The real frameworks of the kernels' environment, asked for their view and imported under a cap.

None of the machines that run this has a GPU: what the frameworks do on one is not seen here (docs/gpu.md lists it).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from nebulab.accelerators import frameworks
from nebulab.develop.environments import cpu_torch
from nebulab.session.kernels import overlay
from support import nvml
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

KERNELS = ENVIRONMENTS / "kernels"


@pytest.fixture
def python(stack: Stack, tmp_path: Path) -> Path:
    """A session's Python: a layer over the kernels' environment, with PyTorch's build for processors in it."""
    torch = cpu_torch(KERNELS / "bin" / "python", ENVIRONMENTS / "torch")
    python = overlay.create(tmp_path / "layer", KERNELS)
    packages = next((tmp_path / "layer").glob("lib/python3*/site-packages"))
    (packages / "torch.pth").write_text(f"{ROOT / 'src'}\n{torch}\n")
    return python


def test_every_framework_computes_on_the_processor_and_says_so(python: Path) -> None:
    for name in frameworks.FRAMEWORKS:
        seen = frameworks.view(name, python, seconds=300)
        assert (seen.installed, seen.works, seen.device, seen.cuda_build) == (True, True, "CPU", False), seen
        assert seen.version
        assert seen.gpus == 0


def test_the_doctor_tells_that_the_builds_are_for_processors(stack: Stack) -> None:
    command = [str(ROOT / "nebulab"), "doctor", "--gpu", "--json", "--environment", str(KERNELS), "--seconds", "300"]
    environment = os.environ | nvml.variables()
    said = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    told = json.loads(said.stdout)
    assert (said.returncode, told["good"]) == (0, True)
    assert {(one["cause"], one["framework"]) for one in told["findings"]} == {
        ("CPU_BUILD", name) for name in ("tensorflow", "jax", "onnxruntime", "xgboost")
    }


def test_frameworks_import_and_compute_under_a_cap(python: Path) -> None:
    code = """
import sys
import tensorflow as tf, torch, jax.numpy as jnp
assert "nebulab.accelerators.startup" in sys.modules
queued = [call.__module__ for call, *_ in torch.cuda._queued_calls]
print(queued.count("nebulab.accelerators.startup"), float(tf.reduce_sum(tf.ones(3))), float(torch.ones(3).sum()))
print(float(jnp.ones(3).sum()))
"""
    environment = os.environ | {
        "NEBULAB_GPU_MEMORY_MB": "1024",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.1",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    }
    finished = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert finished.stdout.split() == ["1", "3.0", "3.0", "3.0"], finished.stderr
    assert "could not limit" not in finished.stderr


def test_frameworks_compute_on_the_processor_with_the_settings_of_the_fallback(python: Path) -> None:
    """These keep them off a GPU that can't be used; they must not keep them from computing."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "NUMBA_DISABLE_CUDA": "1"}
    for name in frameworks.FRAMEWORKS:
        seen = frameworks.view(name, python, seconds=300, environment=environment)
        assert (seen.works, seen.device) == (True, "CPU"), seen
