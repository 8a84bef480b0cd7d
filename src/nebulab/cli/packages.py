"""`nebulab packages`: the packages that a session's user added."""

from __future__ import annotations

import os
from pathlib import Path

import click

from nebulab.cli import options


@click.group(invoke_without_command=True)
@options.as_json
@click.option("--reset", is_flag=True, help="Remove all packages that you added, so that kernels start as at first.")
@click.option("--yes", is_flag=True, help="With --reset: don't ask.")
@click.pass_context
def command(context: click.Context, as_json: bool, reset: bool, yes: bool) -> None:
    """Show the packages that you added to this session, where they lie, and how long they last.

    \b
    In a terminal of the Lab, or in a notebook with ! before it:
      nebulab packages                           what you added, what it shadows
      nebulab packages --json
      nebulab packages freeze --save outputs/requirements.txt
      nebulab packages --reset --yes             kernels don't start any more

    \b
    Packages are added with
      %pip install NAME            in a notebook
      %uv pip install NAME         the same, quicker (a terminal: uv pip install)
      micromamba create -n NAME -c conda-forge python ipykernel …
                                   an environment with kernels of its own, where
                                   the image has micromamba

    They lie in a layer of your own over the shared environment. A package there
    shadows the shared one of its name, for your kernels and terminals alone: no
    package can break JupyterLab, and --reset undoes all of them. Restart a kernel
    that runs to have it see a change.

    In Galaxy they end with the session: save the list to outputs/, and the next
    one has them again by `%pip install -r` of that dataset. `nebulab lab` and a
    container with a volume keep them.
    """
    if context.invoked_subcommand is not None:
        return
    from nebulab.packages import terminal

    if reset:
        terminal.reset(os.environ, ask=not yes)
    else:
        terminal.show(os.environ, as_json=as_json)


@command.command()
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it to FILE.")
def freeze(save: Path | None) -> None:
    """Print what you added as requirements, for `%pip install -r` in another session.

    \b
    Examples:
      nebulab packages freeze > requirements.txt
      nebulab packages freeze --save outputs/requirements.txt   into the history

    Packages that came from a file of this session are named in a comment.
    """
    from nebulab.packages import terminal

    terminal.freeze(os.environ, save)
