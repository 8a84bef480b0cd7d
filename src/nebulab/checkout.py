"""The checkout that this package runs from: where it is, and the packages of its locks; runs in a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nebulab.errors import InstallError, SettingsError


def find() -> Path | None:
    """Return the root of the checkout, or None for an installed package, which has no locks and no tools."""
    root = Path(__file__).parents[2]
    return root if (root / "requirements" / "galaxy.txt").is_file() else None


def root() -> Path:
    """Return the root of the checkout.

    Raises
    ------
    SettingsError
        The package is installed alone.
    """
    found = find()
    if found is None:
        raise SettingsError(
            "This nebulab is installed alone, without its checkout: locks, Galaxy's tools, the image, tests.",
            "Clone the repository and call ./nebulab there.",
        )
    return found


def install_packages(requirements: str) -> None:
    """Install `requirements/<requirements>.txt` into the environment this process runs in; quick when it is there.

    Raises
    ------
    InstallError
        uv could not install the packages.
    """
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "-p", sys.executable, "--require-hashes"]
    finished = subprocess.run([*command, "-r", str(root() / "requirements" / f"{requirements}.txt")])
    if finished.returncode:
        raise InstallError(
            f"The packages of requirements/{requirements}.txt could not be installed.",
            "uv's message stands above; is the package index reachable?",
        )
