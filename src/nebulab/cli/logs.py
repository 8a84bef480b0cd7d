"""`nebulab logs`: what the parts wrote."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from nebulab.cli import options
from nebulab.errors import NotRunning
from nebulab.stack.running import logs
from nebulab.stack.settings import read_settings

PARTS = ("galaxy", "proxy", "worker", "door", "supervisor")


@click.command
@click.argument("part", required=False, type=click.Choice(PARTS))
@options.data_dir
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on; Ctrl-C ends it.")
@click.option("-n", "--lines", default=50, show_default=True, type=click.IntRange(0), help="Lines of each log.")
def command(part: str | None, data_dir: Path | None, follow: bool, lines: int) -> None:
    """Show what the parts wrote: all of them, or PART (galaxy, proxy, worker,
    door or supervisor); the door is there with sessions in containers.

    \b
    Examples:
      nebulab logs                   the ends of all logs
      nebulab logs galaxy -f         what Galaxy writes, as it comes
      nebulab logs supervisor -n 5   the last restarts
    """
    settings = read_settings({"data_dir": data_dir})
    files = {name: settings.log(name) for name in ([part] if part else PARTS)}
    if not follow and not any(path.exists() for path in files.values()):
        if part and settings.logs_dir.is_dir():
            raise NotRunning(
                f"The {part} has no log: it has not run on this stack.", "`nebulab status` shows what runs."
            )
        raise NotRunning(f"There are no logs below {settings.logs_dir} yet.", "`nebulab up` starts a stack.")

    def echo(name: str, line: str) -> None:
        click.echo(line if part else f"{name:10} | {line}")

    with contextlib.suppress(KeyboardInterrupt):
        logs.show(files, echo, lines=lines, follow=follow)
