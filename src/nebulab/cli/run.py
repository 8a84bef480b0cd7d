"""`nebulab run`: a notebook or a script without a browser, and its results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from nebulab import dispatch

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("notebook", type=_FILE)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The executed notebook.  [default: NAME.run/NAME.ipynb]"
)
@click.option("-r", "--results", type=click.Path(path_type=Path), help="Folder for what it makes.  [default: NAME.run]")
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter; may be repeated.",
)
@click.option("-f", "--parameters-file", "parameter_files", type=_FILE, multiple=True, help="YAML file of parameters.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder the cells start in.  [default: the notebook's]",
)
@click.option("--name", default="", help="What the file is called, if it has no extension.")
@click.option("--kernel", default="", help="Name of the kernel.  [default: one of the notebook's language]")
@click.option(
    "--cell-timeout", "cell_seconds", type=click.FloatRange(0, min_open=True), help="Seconds that a cell may take."
)
@click.option("--timeout", "total_seconds", type=click.FloatRange(0, min_open=True), help="Seconds that all may take.")
@click.option(
    "--requirements",
    type=_FILE,
    help="Packages to install first, in a session or a job: as `pip install -r` reads them.",
)
@click.option("--allow-errors", is_flag=True, help="Go on after a failing cell, and end well.")
@click.option(
    "--no-harvest", "harvest", flag_value=False, default=True, type=bool, help="Keep the executed notebook alone."
)
@click.option("--no-models", "export_models", flag_value=False, default=True, type=bool, help="Don't export models.")
@click.option(
    "--max-object-gb", type=click.FloatRange(0, min_open=True), help="The largest variable that is kept.  [default: 64]"
)
@click.option(
    "--harvest-timeout",
    "harvest_seconds",
    type=click.FloatRange(0, min_open=True),
    help="Seconds that collecting what it made may take.  [default: 7200]",
)
@click.option("--in-place", is_flag=True, help="Save the executed notebook over NOTEBOOK; implies --no-harvest.")
@click.option("--failure", type=click.Path(path_type=Path), hidden=True)
@click.option("--environment", type=_FILE, hidden=True)
@click.option("--step-files", type=_FILE, hidden=True)
@click.option("--stop-file", type=click.Path(path_type=Path), hidden=True)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing while it runs.")
def command(
    notebook: Path,
    max_object_gb: float | None,
    harvest_seconds: float | None,
    in_place: bool,
    failure: Path | None,
    **options: Any,
) -> None:
    """Run a notebook (.ipynb, Markdown) or a script (.py, .R) without a browser.

    \b
      nebulab run train.ipynb -p epochs 20 -p rate 0.001
      nebulab run analysis.py --timeout 3600

    The executed notebook is saved after every cell. At the end, also after a
    failing cell, everything it made lies in NAME.run:

    \b
      models/*.onnx    trained models, checked to give the same predictions
      cards/           a page about each model
      native_models/   models that have no ONNX form, and cards with the reason
      arrays.h5        arrays, lists, numbers, texts; nebulab.load reads them
      tables/          data frames as Parquet
      figures/         as PNG and SVG
      files/           new files of the working folder (files.zip: all in one)
      harvest.json     every variable, and what became of it
      log.txt          what was shown here

    Exit code: 0 all cells ran, 1 a cell failed or the kernel died, 2 bad input,
    3 stopped by a limit or a signal.
    """
    dispatch.hand_over(dispatch.LAB)
    from nebulab.notebooks import run_command

    kept = {"max_object_gb": max_object_gb, "harvest_seconds": harvest_seconds}
    sys.exit(run_command(notebook, options, in_place=in_place, failure=failure, **kept))
