"""Folders within folders, deeper than a path or Python's stack allows."""

from __future__ import annotations

import os
from pathlib import Path


def make_deep(folder: Path, name: str, depth: int) -> None:
    """Make `depth` folders called `name` within one another in `folder`, an empty file `beside` each of them."""
    opened = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.close(os.open("beside", os.O_WRONLY | os.O_CREAT, dir_fd=opened))
        os.mkdir(name, dir_fd=opened)
        inner = os.open(name, os.O_RDONLY, dir_fd=opened)
        os.close(opened)
        opened = inner
    os.close(opened)
