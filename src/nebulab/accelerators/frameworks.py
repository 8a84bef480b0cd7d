"""Probes of frameworks: whether each is installed, its CUDA version, the GPUs it sees, a test computation; runs
everywhere.

Each is probed in a process of its own, so that a crash or hang affects no other; and one after the other, so that a GPU
in exclusive mode is not busy because of us.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nebulab.accelerators.probe import MARK

FRAMEWORKS = {
    "tensorflow": "TensorFlow",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
    "xgboost": "XGBoost",
}
DEFAULT_SECONDS = 60.0

_PROBE = Path(__file__).with_name("probe.py")
_LAST_WORDS = 4000
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# The probe allocates memory as it needs it, for others may compute on the GPU.
_MODEST = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_CPP_MIN_LOG_LEVEL": "1"}


@dataclass(frozen=True)
class View:
    """One framework in one environment."""

    name: str
    """The module's name."""
    installed: bool = False
    version: str = ""
    cuda: str = ""
    """The CUDA it was built for, such as `12.5`; JAX's plugin tells the first number only."""
    cuda_build: bool = False
    """Whether it was built for NVIDIA GPUs at all."""
    gpus: int | None = None
    """Number of GPUs that it sees; for ONNX Runtime and XGBoost, which can't count, 1 stands for one or more."""
    works: bool = False
    """Whether a product of two small matrices (XGBoost: a tree of one split) came out right."""
    device: str = ""
    """The device of that computation, `GPU` or `CPU`."""
    error: str = ""
    said: str = ""
    """The end of its stderr."""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """The framework's own name."""
        return FRAMEWORKS[self.name]


def view(
    name: str, python: Path, *, seconds: float = DEFAULT_SECONDS, environment: Mapping[str, str] | None = None
) -> View:
    """Probe the framework `name` (a key of `FRAMEWORKS`) in the environment of the interpreter `python`.

    Parameters
    ----------
    seconds
        The time limit; a probe that exceeds it is killed, and its view says so.
    environment
        Environment variables; this process's own by default.
    """
    began = time.monotonic()
    variables = {**_MODEST, **(os.environ if environment is None else environment)}
    try:
        process = subprocess.Popen(
            [str(python), "-I", str(_PROBE), name],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return View(name, error=f"{python} does not start: {error.strerror}")
    with process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _, err = process.communicate()
            return View(
                name, installed=True, error=f"no answer within {seconds:.0f} s", said=_end(err), seconds=seconds
            )
    took = time.monotonic() - began
    result = next((line for line in reversed(out.splitlines()) if line.startswith(MARK)), None)
    if result is None:
        code = process.returncode
        how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
        return View(name, installed=True, error=f"it crashed with {how}", said=_end(err), seconds=took)
    return View(name, said=_end(err), seconds=took, **json.loads(result.removeprefix(MARK)))


def _end(text: str) -> str:
    return _COLOURS.sub("", text).strip()[-_LAST_WORDS:]
