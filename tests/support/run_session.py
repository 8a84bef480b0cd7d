"""`nebulab session` with a stand-in for JupyterLab; a process of its own for unit tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nebulab.cli import main
from nebulab.session.lab import config

STAND_IN = Path(__file__).with_name("stand_in_lab.py")


def command(port: int, *, address: str = "", base_url: str = "", origin: str = "") -> list[str]:
    return [sys.executable, str(STAND_IN), str(port), *os.environ.get("STAND_IN_LAB", "").split()]


if __name__ == "__main__":
    config.command = command
    main()
