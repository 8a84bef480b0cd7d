"""A kernelspec for the tests' own environment, so that a notebook runs in a real kernel without a session."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest


def provide(folder: Path, monkeypatch: pytest.MonkeyPatch, python: Path | None = None) -> None:
    """Offer one kernel, `python3`, run by `python` or else the tests' own; keep Jupyter's files below `folder`."""
    spec = folder / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [str(python or sys.executable), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder / "share"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "runtime"))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
