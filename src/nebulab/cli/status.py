"""`nebulab status`: the parts of the stack, how they are, and the sessions."""

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
    """Show each part's state, address and process, and everybody's sessions.

    \b
    Examples:
      nebulab status
      nebulab status --json      {"parts": [{"name", "state", "address", "pid", …}],
                                  "sessions": [{"user", "started", "job", …}], …}

    States: starting, running, restarting (it crashed and is started again), stopping,
    stopped, failed (it would not start), gone (its supervisor was killed).
    The exit code is 0 if a supervisor looks after them, else 3.
    """
    settings = read_settings({"data_dir": data_dir})
    stack = control.status(settings)
    running = control.running_sessions(settings, stack)
    if as_json:
        click.echo(json.dumps(stack.to_dict() | {"sessions": running}, indent=2))
    else:
        showing.parts(stack)
        showing.frameworks_of(settings, stack)
        showing.sessions(running)
    sys.exit(0 if stack.part("supervisor").pid else 3)
