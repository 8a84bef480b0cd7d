"""`nebulab down`: stop the stack."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from nebulab.cli import options
from nebulab.stack import control
from nebulab.stack.settings import read_settings


@click.command
@options.data_dir
def command(data_dir: Path | None) -> None:
    """Stop the running stack: first the sessions, so that Galaxy collects what they made, then the parts.

    \b
    Examples:
      nebulab down
      nebulab down --data-dir ~/try

    No process is left. Data, accounts and environments stay for the next `nebulab up`.
    The exit code is 3 if there was nothing to stop.
    """
    control.down(read_settings({"data_dir": data_dir}), Console(highlight=False))
