"""A look at the GPUs by a process of its own, with a time limit; runs everywhere.

A driver in trouble can hang whoever asks it, beyond any signal, and NVML's binding is heavy: a session asks this way,
while it does other things, and stays small.
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
    """A question under way; `answer` waits for it."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process
        self._began = time.monotonic()

    def seen(self, seconds: float = _SECONDS) -> Seen:
        """Return the answer and what is wrong with it; see `answer`."""
        return diagnosis.examine(self.answer(seconds), machine.read())

    def answer(self, seconds: float = _SECONDS) -> Look:
        """Return what NVML told; after `seconds` since the question it counts as not answering."""
        if self._process is None:
            return Look(trouble=Trouble.NO_LIBRARY, reason=f"{LIBRARY} is not on this machine")
        left = max(0.0, self._began + seconds - time.monotonic())
        try:
            said, _ = self._process.communicate(timeout=left)
        except subprocess.TimeoutExpired:
            self._process.kill()
            # One that hangs inside the driver can't be ended, and is not waited for.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=_LET_GO_SECONDS)
            return Look(trouble=Trouble.SILENT, reason=f"the driver did not answer within {seconds:g} s")
        try:
            return Look.from_json(json.loads(said))
        except (ValueError, KeyError, TypeError):
            code = self._process.returncode
            return Look(trouble=Trouble.OTHER, reason=f"asking NVML ended with exit code {code}")


def ask(environment: Mapping[str, str] | None = None) -> Asked:
    """Begin to ask; costs nothing on a machine without NVML.

    Parameters
    ----------
    environment
        Where CUDA_VISIBLE_DEVICES is read from; this process's own by default.
    """
    if not has_library():
        return Asked(None)
    return Asked(
        subprocess.Popen(
            [sys.executable, "-m", "nebulab.accelerators"],
            env=os.environ if environment is None else environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    )
