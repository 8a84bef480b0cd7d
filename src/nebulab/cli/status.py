"""`nebulab status`: the state of the stack's parts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from nebulab.cli import options
from nebulab.stack import control, showing
from nebulab.stack.settings import read_settings


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
        showing.parts(stack)
    sys.exit(0 if stack.part("supervisor").pid else 3)
