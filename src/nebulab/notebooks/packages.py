"""Packages that a notebook needs, installed before its first cell into the session's overlay; runs in a batch job."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from nebulab import contract
from nebulab.errors import NotebookError, SettingsError
from nebulab.notebooks.log import RunLog

_LAST_LINES = 15


def install(requirements: Path, log: RunLog, environment: Mapping[str, str] = os.environ) -> None:
    """Install what `requirements` lists, as `pip install -r` reads it; nothing is installed for an empty list.

    Raises
    ------
    SettingsError
        There is no session around this process: its packages would end up in a shared environment.
    NotebookError
        They can't be installed.
    """
    wanted = [line.strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    wanted = [line for line in wanted if line and not line.startswith("#")]
    if not wanted:
        return
    folder = environment.get(contract.OVERLAY)
    if not folder:
        raise SettingsError(
            "There is no session around this command, whose packages these could become.",
            "Install them beforehand, without --requirements.",
        )
    log.say(f"installing {', '.join(wanted)}")
    command = [str(Path(folder) / "bin" / "uv"), "pip", "install", "-r", str(requirements)]
    finished = subprocess.run(
        command, env=dict(environment), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    log.printed(finished.stdout)
    if finished.returncode:
        end = "\n".join(finished.stdout.strip().splitlines()[-_LAST_LINES:])
        raise NotebookError(
            f"The packages of this job can't be installed:\n{end}",
            "Send it without them (packages=None), or with others (packages=[…]).",
        )
