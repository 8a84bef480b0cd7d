"""`nebulab restore`: a data folder out of a backup."""

from __future__ import annotations

from pathlib import Path

import click

from nebulab.cli import options


@click.command
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.data_dir
@options.of_portal
def command(file: Path, data_dir: Path | None, portal: bool) -> None:
    """Make a data folder out of FILE, which `nebulab backup` has written.

    \b
    Examples:
      nebulab restore monday.tar                     where `nebulab up` looks
      nebulab restore monday.tar --data-dir ~/again  elsewhere
      nebulab up --data-dir ~/again

    The folder must be empty, or not there: nothing is ever overwritten. It
    appears once all of FILE is unpacked and checked; a restore that is broken
    off leaves nothing, and is simply started again. Jobs that ran when the
    backup was made are shown as failed.

    With --portal FILE goes into the portal's database, SQLite or PostgreSQL, which
    must be empty; the portal must not run.
    """
    if portal:
        from nebulab import dispatch

        dispatch.hand_over(dispatch.PORTAL)
        from nebulab.portal.terminal import access as commands

        commands.restore(file)
        return
    # Late: the portal's environment has none of what shows progress.
    from rich.console import Console

    from nebulab.stack import backup
    from nebulab.stack.settings import read_settings

    backup.restore(read_settings({"data_dir": data_dir}), file, Console(highlight=False))
