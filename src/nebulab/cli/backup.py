"""`nebulab backup`: a data folder in one file, while its stack runs."""

from __future__ import annotations

from pathlib import Path

import click

from nebulab.cli import options


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@options.data_dir
@options.of_portal
def command(file: Path, data_dir: Path | None, portal: bool) -> None:
    """Write a backup of the stack's data to FILE; the stack may run meanwhile.

    \b
    Examples:
      nebulab backup /mnt/backups/monday.tar
      nebulab backup try.tar --data-dir ~/try
      nebulab restore monday.tar --data-dir ~/again
      nebulab backup --portal portal.gz           a server's portal, on any database

    In it are accounts, histories, datasets, workflows, and the stack's keys and
    passwords: only you may read FILE, keep it as you keep those. Not in it are
    sessions and jobs that run: what they have not brought into a history stays
    out. Environments and caches are made anew.

    FILE appears once it is whole; until then it is FILE.part, which is of no use.

    With --portal it holds all that people applied for and what was decided, for you
    alone to read, and is the same for SQLite and PostgreSQL.
    """
    if portal:
        from nebulab import dispatch

        dispatch.hand_over(dispatch.PORTAL)
        from nebulab.portal.terminal import access as commands

        commands.back_up(file)
        return
    # Late: the portal's environment has none of what shows progress.
    from rich.console import Console

    from nebulab.stack import backup
    from nebulab.stack.settings import read_settings

    backup.back_up(read_settings({"data_dir": data_dir}), file, Console(highlight=False))
