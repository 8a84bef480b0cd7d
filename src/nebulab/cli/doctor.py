"""`nebulab doctor`: check this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from nebulab.cli import options
from nebulab.stack import checks
from nebulab.stack.settings import read_settings

_MARKS = {True: "[green]ok[/green]", None: "[yellow]without[/yellow]", False: "[red]wanting[/red]"}


@click.command
@options.data_dir
@options.as_json
def command(data_dir: Path | None, as_json: bool) -> None:
    """Check this machine, and say what each missing thing costs.

    \b
    Examples:
      nebulab doctor
      nebulab doctor --json      [{"name", "good", "found", "costs"}, …]

    Things marked "without" can be done without; the exit code is 1 if something
    that the stack needs is wanting.
    """
    found = checks.run(read_settings({"data_dir": data_dir}))
    if as_json:
        click.echo(json.dumps([asdict(check) for check in found], indent=2))
    else:
        table = Table(box=None, pad_edge=False)
        for title in ("", "", "found", "costs"):
            table.add_column(title, overflow="fold")
        for check in found:
            table.add_row(_MARKS[check.good], check.name, check.found, "" if check.good else check.costs)
        Console(highlight=False).print(table)
    sys.exit(1 if any(check.good is False for check in found) else 0)
