"""`nebulab job`: a notebook or a script as a job, as the Galaxy tool starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_FILE = click.Path(path_type=Path)


@click.command()
@click.option("--inputs", type=_FILE, required=True, help="Galaxy's JSON of the tool's inputs.")
@click.option("--datatypes", type=_FILE, help="JSON list of the datatypes' extensions that Galaxy knows.")
@click.option(
    "--output",
    "outputs",
    type=(str, _FILE),
    multiple=True,
    metavar="NAME FILE",
    help="The dataset for one of the results: notebook.ipynb, arrays.h5, files.zip, harvest.json, log.txt.",
)
def command(inputs: Path, datatypes: Path | None, outputs: tuple[tuple[str, Path], ...]) -> None:
    """Run a notebook or a script in a job's working folder, to its end.

    The Galaxy tool `run_jupyter_job` calls it. What the program makes lies in
    ./results, as `nebulab run` leaves it; collections are listed in
    ./galaxy.json. By hand `nebulab run` is the shorter way.
    """
    from nebulab.session import commands

    sys.exit(commands.job({"inputs": inputs, "datatypes": datatypes, "outputs": dict(outputs)}))
