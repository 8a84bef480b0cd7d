"""The environments that the comparisons run in, installed from their locks beside the stack's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parent


def environment(name: str, folder: Path) -> Path:
    """Install `bench/<name>.txt` into `folder/<name>` unless that was done, and return its Python."""
    python = folder / name / "bin" / "python"
    stamp = folder / name / "installed"
    lock = (BENCH / f"{name}.txt").read_text()
    if not stamp.is_file() or stamp.read_text() != lock:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "-q", "--clear", str(folder / name)], check=True)
        install = [*uv, "pip", "install", "-q", "--compile-bytecode", "--require-hashes", "-p", str(python)]
        subprocess.run([*install, "-r", str(BENCH / f"{name}.txt")], check=True)
        stamp.write_text(lock)
    return python
