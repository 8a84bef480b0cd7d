"""A stand-in for NVIDIA's management library, compiled from stand_in_nvml.c: GPUs where there are none, to look at and
not to compute on; and one for a framework that sees them."""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from support.parts import require

SOURCE = Path(__file__).with_name("stand_in_nvml.c")


@cache
def library() -> Path:
    """Compile the stand-in, once for all tests of a process, and return its folder, for LD_LIBRARY_PATH."""
    folder = Path(mkdtemp(prefix="nebulab-nvml-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"]
    made = folder / "libnvidia-ml.so.1"
    subprocess.run([require("c compiler"), *options, "-o", str(made), str(SOURCE)], check=True, timeout=60)
    return folder


def variables(**state: object) -> dict[str, str]:
    """Return the environment that shows the stand-in's GPUs: `gpus=2`, `mig="1g.5gb:4864"`, … as its source lists."""
    return {"LD_LIBRARY_PATH": str(library())} | {
        f"STAND_IN_{name.upper()}": str(value) for name, value in state.items()
    }


# A framework that sees GPUs, as a module to put into an environment: no machine without one can show the real one so.
TORCH = """
    print("a framework that talks")
    class version: cuda = "12.8"
    class cuda:
        is_available = staticmethod(lambda: {gpus} > 0)
        device_count = staticmethod(lambda: {gpus})
        def init(): raise RuntimeError("The NVIDIA driver on your system is too old")
    class ones:
        def __init__(self, shape, device): assert device == "{device}"; self.value = shape[0] ** 3
        def __matmul__(self, other): return self
        def sum(self): return self.value {error}
"""
