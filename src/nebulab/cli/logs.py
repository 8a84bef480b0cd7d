"""`nebulab logs`: the logs of the stack's parts."""

from __future__ import annotations

from pathlib import Path

import click

from nebulab.cli import options
from nebulab.stack import showing
from nebulab.stack.settings import read_settings


@click.command
@click.argument("part", required=False, type=click.Choice(showing.PARTS))
@options.data_dir
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on; Ctrl-C ends it.")
@click.option("-n", "--lines", default=50, show_default=True, type=click.IntRange(0), help="Lines of each log.")
@click.option("--all", "everything", is_flag=True, help="Show Galaxy's answered requests too: most of its log.")
def command(part: str | None, data_dir: Path | None, follow: bool, lines: int, everything: bool) -> None:
    """Show what the parts wrote: all of them, or PART (galaxy, proxy, worker,
    door or supervisor); the door is there with sessions in containers.

    \b
    Examples:
      nebulab logs                   the ends of all logs
      nebulab logs galaxy -f         what Galaxy writes, as it comes
      nebulab logs supervisor -n 5   the last restarts
    """
    showing.log(read_settings({"data_dir": data_dir}), part, lines=lines, follow=follow, everything=everything)
