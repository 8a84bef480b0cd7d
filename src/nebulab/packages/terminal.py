"""What `nebulab packages` does and prints; runs in a session's terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from nebulab.packages import listing
from nebulab.packages.listing import Added, Listing
from nebulab.session.kernels import overlay


def show(environ: Mapping[str, str], *, as_json: bool) -> None:
    """Print what the user added.

    Raises
    ------
    SettingsError
        There is no session around this process.
    """
    found = listing.read(listing.of_session(environ), environ)
    click.echo(json.dumps(found.to_json(), indent=2) if as_json else _shown(found))


def reset(environ: Mapping[str, str], *, ask: bool) -> None:
    """Remove the packages that the user added, after a question if `ask`.

    Raises
    ------
    SettingsError
        There is no session around this process.
    """
    folder = listing.of_session(environ)
    found = listing.read(folder, environ)
    number = _counted(len(found.packages))
    if found.packages and ask:
        click.confirm(f"Remove {number} that you added?", abort=True)
    overlay.renew(folder)
    click.echo(f"Removed {number}. Restart kernels that run.")


def freeze(environ: Mapping[str, str], save: Path | None) -> None:
    """Print what the user added as requirements, or write them to the file `save`.

    Raises
    ------
    SettingsError
        There is no session around this process.
    """
    text = listing.requirements(listing.read(listing.of_session(environ), environ))
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
