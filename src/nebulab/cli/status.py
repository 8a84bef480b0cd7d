"""`nebulab status`: the parts of the stack and how they are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from nebulab.cli import options
from nebulab.stack import control
from nebulab.stack.settings import read_settings

_WIDE = 500


@click.command
@options.data_dir
@options.as_json
def command(data_dir: Path | None, as_json: bool) -> None:
    """Show each part's state, address and process.

    \b
    Examples:
      nebulab status
      nebulab status --json      {"parts": [{"name", "state", "address", "pid", …}], …}

    States: starting, running, restarting (it crashed and is started again), stopping,
    stopped, failed (it would not start), gone (its supervisor was killed).
    The exit code is 0 if a supervisor looks after them, else 3.
    """
    stack = control.status(read_settings({"data_dir": data_dir}))
    if as_json:
        click.echo(json.dumps(stack.to_dict(), indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("part", "state", "address", "pid", "restarts", ""):
            table.add_column(title, overflow="fold")
        colours = {"running": "green", "failed": "red", "gone": "red"}
        for part in stack.parts:
            colour = colours.get(part.state, "yellow")
            state = f"[{colour}]{part.state}[/{colour}]"
            table.add_row(part.name, state, part.address or "", str(part.pid or ""), str(part.restarts), part.message)
        # A program that reads this has no width, and a path that is broken in two is none.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
        console.print(table)
        if stack.failure:
            console.print(stack.failure, markup=False)
        console.print(f"isolation: {stack.isolation}", markup=False, soft_wrap=True)
    sys.exit(0 if stack.part("supervisor").pid else 3)
