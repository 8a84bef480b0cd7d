"""Shows how many of the locked packages lie in each environment until all are installed; runs in a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from nebulab.stack import folders

_PAUSE_SECONDS = 0.3


@dataclass(frozen=True)
class Install:
    """An environment on its way into `folder`, which `packages` of its lock have to reach."""

    name: str
    folder: Path
    packages: int
    future: Future[None]


def show(console: Console, installs: Sequence[Install]) -> None:
    """Show a bar for each install until all of them ended, well or not."""
    columns = (
        TextColumn("  {task.description:9}"),
        BarColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = [progress.add_task(install.name, total=install.packages, step="") for install in installs]
        while True:
            for install, task in zip(installs, tasks, strict=True):
                there = sum(1 for name in folders.content(install.folder) if name.endswith("-info"))
                step = "done" if install.future.done() else f"{there} packages" if there else "downloading"
                progress.update(task, completed=there, step=step)
            if all(install.future.done() for install in installs):
                return
            time.sleep(_PAUSE_SECONDS)
