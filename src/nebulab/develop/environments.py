"""Environments for single programs of the tests and the bench, installed from their locks; runs in a checkout."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


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
