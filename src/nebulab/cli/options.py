"""Options that several commands share; runs in a terminal."""

from __future__ import annotations

from pathlib import Path

import click

from nebulab.contract import DATA_DIR

data_dir = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help=f"The stack's folder.  [default: ${DATA_DIR}, else ~/.local/share/nebulab]",
)
of_portal = click.option(
    "--portal", is_flag=True, help="A server's portal alone: the data that NEBULAB_PORTAL_DIR or _DATABASE names."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs instead of a table.")
