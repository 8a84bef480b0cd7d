"""Environments for single programs of the tests and the bench, installed from their locks; runs in a checkout."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from nebulab.errors import InstallError

TORCH = "torch==2.13.0"


def locked_environment(lock: Path, folder: Path) -> Path:
    """Install the packages of `lock` into `folder`, unless that was done, and return its Python."""
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    wanted = lock.read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--clear", str(folder)], check=True)
        install = [*uv, "pip", "install", "-q", "--compile-bytecode", "--require-hashes", "-p", str(python)]
        subprocess.run([*install, "-r", str(lock)], check=True)
        stamp.write_text(wanted)
    return python


def beside(python: Path, lock: Path, folder: Path) -> Path:
    """Install the packages of `lock` alone, without what they need, into `folder` for `python`, and return the folder.

    `PYTHONPATH` leads `python` to them; its own environment stays as it is.
    """
    stamp = folder / "installed"
    wanted = lock.read_text()
    if not stamp.is_file() or stamp.read_text() != wanted:
        pip = [str(python), "-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "--upgrade"]
        subprocess.run([*pip, "--target", str(folder), "-r", str(lock)], check=True)
        stamp.write_text(wanted)
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
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == TORCH:
        return folder
    pip = [str(python), "-m", "pip", "install", "-q"]
    looked = subprocess.run([*pip, "--dry-run", "--no-deps", "--report", "-", TORCH], capture_output=True, text=True)
    found = json.loads(looked.stdout)["install"] if looked.returncode == 0 else []
    if not any(one["metadata"]["version"].endswith("+cpu") for one in found):
        raise InstallError(
            "pip finds no build of PyTorch for processors.",
            "Name a folder or an index that has one in pip's configuration.",
        )
    subprocess.run([*pip, "--target", str(folder), "--upgrade", TORCH], check=True)
    stamp.write_text(TORCH)
    return folder
