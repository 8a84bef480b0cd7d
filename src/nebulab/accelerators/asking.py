"""NVML in a process of its own, with a time limit; runs everywhere.

A broken driver can block its caller in the kernel, where no signal reaches it, and NVML's binding is heavy: so a
session's own process neither hangs nor grows, and does other things meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping

from nebulab.accelerators import diagnosis, machine
from nebulab.accelerators.diagnosis import Seen
from nebulab.accelerators.gpus import Look, Trouble
from nebulab.accelerators.nvml import LIBRARY, has_library

_SECONDS = 20.0
_LET_GO_SECONDS = 0.5


class Asked:
    """The running process; `answer` waits for its result."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process
        self._began = time.monotonic()

    def seen(self, seconds: float = _SECONDS) -> Seen:
        """Return the answer with the findings on it; see `answer`."""
        return diagnosis.examine(self.answer(seconds), machine.read())

    def answer(self, seconds: float = _SECONDS) -> Look:
        """Return NVML's answers, or `Trouble.SILENT` after `seconds` from the start of the process."""
        if self._process is None:
            return Look(trouble=Trouble.NO_LIBRARY, reason=f"{LIBRARY} is not on this machine")
        remaining = max(0.0, self._began + seconds - time.monotonic())
        try:
            output, _ = self._process.communicate(timeout=remaining)
        except subprocess.TimeoutExpired:
            self._process.kill()
            # A process that hangs inside the driver survives SIGKILL, and is not waited for.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=_LET_GO_SECONDS)
            return Look(trouble=Trouble.SILENT, reason=f"the driver did not answer within {seconds:g} s")
        try:
            return Look.from_json(json.loads(output))
        except (ValueError, KeyError, TypeError):
            code = self._process.returncode
            return Look(trouble=Trouble.OTHER, reason=f"asking NVML ended with exit code {code}")


def ask(environment: Mapping[str, str] | None = None) -> Asked:
    """Start the process; none is started on a machine without NVML.

    Parameters
    ----------
    environment
        The environment with CUDA_VISIBLE_DEVICES; this process's own by default.
    """
    if not has_library():
        return Asked(None)
    return Asked(
        subprocess.Popen(
            [sys.executable, "-P", "-m", "nebulab.accelerators"],
            env=os.environ if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    )
