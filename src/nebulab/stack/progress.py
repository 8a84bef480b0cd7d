"""Shows how many of the locked packages lie in each environment until all are installed: bars in a terminal, a line now
and then in a log."""

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
_LINE_SECONDS = 15.0
"""Between two lines where nothing can be written over."""


@dataclass(frozen=True)
class Install:
    """An environment on its way into `folder`, which `packages` of its lock have to reach."""

    name: str
    folder: Path
    packages: int
    future: Future[None]


def show(console: Console, installs: Sequence[Install]) -> None:
    """Show how far each install is until all of them ended, well or not."""
    (_bars if console.is_terminal else _lines)(console, installs)


def _bars(console: Console, installs: Sequence[Install]) -> None:
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
                there = _there(install)
                progress.update(task, completed=there, step=_step(install, there))
            if all(install.future.done() for install in installs):
                return
            time.sleep(_PAUSE_SECONDS)


def _lines(console: Console, installs: Sequence[Install]) -> None:
    following = time.monotonic() + _LINE_SECONDS
    while not all(install.future.done() for install in installs):
        time.sleep(_PAUSE_SECONDS)
        if time.monotonic() >= following:
            following += _LINE_SECONDS
            steps = [f"{install.name} {_step(install, _there(install))}" for install in installs]
            console.print(f"Installing: {', '.join(steps)}", soft_wrap=True)


def _there(install: Install) -> int:
    return sum(1 for name in folders.content(install.folder) if name.endswith("-info"))


def _step(install: Install, there: int) -> str:
    if install.future.done():
        return "done"
    return f"{there} of {install.packages} packages" if there else "downloading"
