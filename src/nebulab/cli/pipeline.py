"""`nebulab pipeline`: notebooks that follow one another, checked and run, here or on Galaxy."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from nebulab import dispatch

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Check and run pipelines of notebooks (Elyra's .pipeline files).

    A pipeline says which notebooks and scripts follow one another, and which
    files each hands on. Make one in JupyterLab: File > New > Pipeline.

    \b
      nebulab pipeline check study.pipeline
      nebulab pipeline run study.pipeline
      nebulab pipeline run study.pipeline --on galaxy
    """


@command.command()
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print the problems as JSON.")
def check(file: Path, as_json: bool) -> None:
    """Say what is wrong with a pipeline, with node and field; runs nothing.

    \b
      nebulab pipeline check study.pipeline

    Exit code: 0 it can run, 2 it can't.
    """
    from nebulab.pipelines.commands import show_check

    sys.exit(show_check(file, as_json=as_json))


@command.command()
@click.argument("file", type=_FILE)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter of the pipeline; may be repeated.",
)
@click.option(
    "--at-once", "limit", type=click.IntRange(1, 64), default=2, show_default=True, help="Nodes that run here at once."
)
@click.option("--on", "where", type=click.Choice(["here", "galaxy"]), default="here", show_default=True)
@click.option("--history", default="", metavar="ID", help="With --on galaxy: the history.  [default: HISTORY_ID]")
@click.option(
    "--crate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --on galaxy: write the run as an RO-Crate into this zip file.",
)
@click.option("--in-place", is_flag=True, help="Save each executed notebook over its own, as Elyra does.")
@click.option("--json", "as_json", is_flag=True, help="Print each change as a line of JSON.")
def run(file: Path, where: str, history: str, crate: Path | None, limit: int, in_place: bool, **options: Any) -> None:
    """Run a pipeline: each node in its own folder, after those it waits for.

    \b
      nebulab pipeline run study.pipeline
      nebulab pipeline run study.pipeline -p rounds 20
      nebulab pipeline run study.pipeline --on galaxy

    A node that fails stops those after it; the others run on. Logs and
    executed notebooks are kept in NAME.run beside the pipeline.

    On Galaxy the pipeline becomes a workflow. Its notebooks and files are sent
    to the history once, and are named inputs: run it again from Galaxy's page
    with others. What the nodes make comes back into the folder. In a session
    nothing has to be set; elsewhere set GALAXY_URL and API_KEY.

    Exit code: 0 all nodes ran, 1 one failed, 2 the pipeline can't run,
    3 stopped.
    """
    dispatch.hand_over(dispatch.LAB)
    from nebulab.pipelines.commands import run_here, run_on_galaxy

    if where == "galaxy":
        sys.exit(run_on_galaxy(file, history=history, crate=crate, **options))
    sys.exit(run_here(file, limit=limit, in_place=in_place, **options))
