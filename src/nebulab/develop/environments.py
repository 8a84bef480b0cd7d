"""Environments for single programs of the tests and the bench, installed from their locks; runs in a checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nebulab.errors import InstallError
from nebulab.files import locked

TORCH = "torch==2.13.0"


def locked_environment(lock: Path, folder: Path) -> Path:
    """Install the packages of `lock` into `folder`, unless that was done, and return its Python."""
    python = folder / "bin" / "python"
    with _missing(folder, lock.read_text()) as missing:
        if missing:
            uv = [sys.executable, "-m", "uv"]
            subprocess.run([*uv, "venv", "-q", "--clear", "--force", str(folder)], check=True)
            install = [*uv, "pip", "install", "-q", "--compile-bytecode", "--require-hashes", "-p", str(python)]
            subprocess.run([*install, "-r", str(lock)], check=True)
    return python


def beside(python: Path, lock: Path, folder: Path) -> Path:
    """Install the packages of `lock` alone, without what they need, into `folder` for `python`, and return the folder.

    `PYTHONPATH` leads `python` to them; its own environment stays as it is.
    """
    with _missing(folder, lock.read_text()) as missing:
        if missing:
            pip = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--upgrade"]
            subprocess.run([*pip, "--target", str(folder), "-r", str(lock)], check=True)
    return folder


def cpu_torch(python: Path, folder: Path) -> Path:
    """Install PyTorch's build for processors beside `python`'s environment, into `folder`, unless it is there.

    The locks can't name it: package indices have builds with several gigabytes of CUDA under the same name. pip finds
    the small build where its configuration leads it to one.

    Raises
    ------
    InstallError
        pip would fetch another build.
    """
    with _missing(folder, TORCH) as missing:
        if missing:
            _install_torch([str(python), "-m", "pip", "install", "-q"], folder)
    return folder


def _install_torch(pip: list[str], folder: Path) -> None:
    report = subprocess.run([*pip, "--dry-run", "--no-deps", "--report", "-", TORCH], capture_output=True, text=True)
    wheels = json.loads(report.stdout)["install"] if report.returncode == 0 else []
    if not any(wheel["metadata"]["version"].endswith("+cpu") for wheel in wheels):
        raise InstallError(
            "pip finds no build of PyTorch for processors.",
            "Name a folder or an index that has one in pip's configuration.",
        )
    subprocess.run([*pip, "--target", str(folder), "--upgrade", TORCH], check=True)


@contextmanager
def _missing(folder: Path, wanted: str) -> Iterator[bool]:
    """Yield whether `wanted` is still to be installed into `folder`, under a lock, so that it is installed once."""
    with locked(folder.with_name(f".lock-{folder.name}"), wait=True):
        stamp = folder / "installed"
        missing = not stamp.is_file() or stamp.read_text() != wanted
        yield missing
        if missing:
            stamp.write_text(wanted)
