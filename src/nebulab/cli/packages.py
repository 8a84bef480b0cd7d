"""`nebulab packages`: what a session's user added."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nebulab.cli import options

if TYPE_CHECKING:
    from nebulab.packages.listing import Added, Listing


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
    from nebulab.packages import listing
    from nebulab.session.kernels import overlay

    folder = listing.of_session(os.environ)
    found = listing.read(folder, os.environ)
    if reset:
        number = _counted(len(found.packages))
        if found.packages and not yes:
            click.confirm(f"Remove {number} that you added?", abort=True)
        overlay.renew(folder)
        click.echo(f"Removed {number}. Restart kernels that run.")
        return
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else _shown(found))


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
    from nebulab.packages import listing

    text = listing.requirements(listing.read(listing.of_session(os.environ), os.environ))
    if save is None:
        click.echo(text, nl=False)
        return
    save.parent.mkdir(parents=True, exist_ok=True)
    save.write_text(text)
    click.echo(f"Saved to {save}. In another session: %pip install -r {save.name}")


def _shown(found: Listing) -> str:
    lines = [f"Your packages lie in {found.folder}", f"over {found.below}, and last {found.kept}.", ""]
    if found.packages:
        rows = [("package", "version", "size", "by", "shadows"), *(_row(one) for one in found.packages)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    else:
        lines.append("You added none yet: %pip install NAME, or uv pip install NAME in a terminal.")
    for one in found.environments:
        python = f", Python {one.python}" if one.python else ""
        lines.append(f"conda environment {one.name}: {_counted(one.packages)}{python}, in {one.folder}")
    return "\n".join(lines)


def _row(one: Added) -> tuple[str, ...]:
    return one.name, one.version, f"{one.bytes / 1e6:.1f} MB", one.by, one.shadows


def _counted(number: int) -> str:
    return f"{number} package" + ("" if number == 1 else "s")
