"""What each framework sees of the GPUs: installed, built for which CUDA, does it compute; runs everywhere.

Each is asked in a process of its own, one after the other: one that crashes or hangs takes nothing with it, and a GPU
that lets one process in at a time is not found busy because of us.
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
# The probe takes what it needs of a GPU that others compute on, not three quarters of it.
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
    """How many it sees; ONNX Runtime and XGBoost can't count: 1 stands for one or more."""
    works: bool = False
    """Whether a product of two small matrices (XGBoost: a tree of one split) came out right."""
    device: str = ""
    """`GPU` or `CPU`: where that was computed."""
    error: str = ""
    said: str = ""
    """The end of what it wrote to the error stream."""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """The framework's own name."""
        return FRAMEWORKS[self.name]


def view(
    name: str, python: Path, *, seconds: float = DEFAULT_SECONDS, environment: Mapping[str, str] | None = None
) -> View:
    """Return what the framework `name` (a key of `FRAMEWORKS`) sees in the environment of the interpreter `python`.

    Parameters
    ----------
    seconds
        What it may take; one that takes longer is ended, and its view says so.
    environment
        Its variables; this process's own by default.
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
    told = next((line for line in reversed(out.splitlines()) if line.startswith(MARK)), None)
    if told is None:
        code = process.returncode
        how = f"signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit code {code}"
        return View(name, installed=True, error=f"it crashed with {how}", said=_end(err), seconds=took)
    return View(name, said=_end(err), seconds=took, **json.loads(told.removeprefix(MARK)))


def _end(text: str) -> str:
    return _COLOURS.sub("", text).strip()[-_LAST_WORDS:]
