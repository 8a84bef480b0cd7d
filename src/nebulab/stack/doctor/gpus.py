"""`nebulab doctor --gpu`: chooses the environment whose frameworks are asked; runs in a terminal."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from rich.console import Console

from nebulab import checkout
from nebulab.accelerators import report
from nebulab.accelerators.report import Report
from nebulab.errors import SettingsError
from nebulab.stack.settings import StackSettings, read_settings


def look(environment: Path | None, *, seconds: float, data_dir: Path | None) -> Report:
    """Look at the GPUs and ask the frameworks, `seconds` each at most; a line on the terminal says which.

    Raises
    ------
    SettingsError
        `environment` has no Python.
    """
    settings = read_settings({"data_dir": data_dir}) if checkout.find() is not None else None
    python = kernels_python(environment, settings)
    with Console(stderr=True).status("Looking at the GPUs") as status:
        return report.make(python, seconds=seconds, begins=lambda title: status.update(f"Asking {title}"))


def kernels_python(environment: Path | None, settings: StackSettings | None) -> Path | None:
    """Return the interpreter whose frameworks `nebulab doctor --gpu` asks, or None where it is not installed yet.

    Parameters
    ----------
    environment
        The folder of an environment that was asked for; without it the stack's environment of the kernels, and in a
        session or an installed package, which have no stack, the first `python` of PATH.

    Raises
    ------
    SettingsError
        `environment` has no Python.
    """
    if environment is not None:
        python = environment / "bin" / "python"
        if not python.exists():
            raise SettingsError(f"{environment} is no Python environment.", "Name the folder that has bin/python.")
        return python
    if settings is None:
        return Path(shutil.which("python") or sys.executable)
    python = settings.environment("kernels") / "bin" / "python"
    return python if python.exists() else None
