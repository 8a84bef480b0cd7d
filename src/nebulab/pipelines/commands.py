"""What `nebulab pipeline` does; runs in a terminal, and as a process of the Lab's page."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from nebulab.errors import NebulabError, PipelineError
from nebulab.pipelines.checking import check, checked
from nebulab.pipelines.model import ERROR, Pipeline
from nebulab.pipelines.telling import Telling


def show_check(path: Path, *, as_json: bool) -> int:
    """Print every problem of a pipeline, and its order; return the exit code.

    Raises
    ------
    PipelineError
        It is no pipeline.
    """
    pipeline, problems = check(path)
    if as_json:
        click.echo(json.dumps([problem.as_json() for problem in problems], indent=1))
    else:
        for problem in problems:
            colour = "red" if problem.severity == ERROR else "yellow"
            click.echo(f"{click.style(problem.severity, fg=colour)}  {problem}")
    if any(problem.severity == ERROR for problem in problems):
        return PipelineError.exit_code
    if not as_json:
        order = " → ".join(node.name for node in pipeline.nodes)
        click.echo(f"{path.name} can run: {order}")
    return 0


def run_here(path: Path, parameters: Sequence[tuple[str, str]], *, limit: int, in_place: bool, as_json: bool) -> int:
    """Run a pipeline on this machine, and return the exit code."""
    try:
        pipeline = _with(checked(path), parameters)
        from nebulab.pipelines.running import Runner

        telling = Telling(pipeline, as_json)
        runner = Runner(pipeline, telling, limit, in_place)
        runner.run()
        telling.say(f"All {len(pipeline.nodes)} nodes ran. Logs and executed notebooks: {runner.folder.name}")
        telling.result(well=True, folder=runner.folder.name)
    except NebulabError as error:
        return _tell(error, as_json)
    return 0


def run_on_galaxy(
    path: Path, parameters: Sequence[tuple[str, str]], *, history: str, crate: Path | None, as_json: bool
) -> int:
    """Run a pipeline on Galaxy as a workflow, and return the exit code."""
    try:
        pipeline = _with(checked(path), parameters)
        from nebulab.kernel.connecting import connect
        from nebulab.kernel.packages import SESSION, requirements
        from nebulab.kernel.settings import KernelSettings
        from nebulab.pipelines.on_galaxy import OnGalaxy

        settings = KernelSettings.from_environment()
        galaxy = connect(settings)
        telling = Telling(pipeline, as_json)
        history_id = history or settings.history_id
        if not history_id:
            history_id = str(galaxy.post("histories", {"name": pipeline.name})["id"])
            telling.say(f"a new history: {pipeline.name}")
        with contextlib.redirect_stdout(sys.stderr):  # it says what the jobs install
            packages = requirements(SESSION)
        run = OnGalaxy(pipeline, telling, galaxy, history_id, packages)
        run.run()
        if crate is not None:
            from nebulab.pipelines.crate import Done, export

            maker = export(galaxy, Done(pipeline, run.workflow_id, run.invocation_id, run.folder), crate)
            telling.say(f"the run as an RO-Crate, made by {maker}: {crate}")
        telling.say(f"All {len(pipeline.nodes)} nodes ran. The workflow {pipeline.name!r} stays in Galaxy: Workflows.")
        telling.result(well=True, folder=run.folder.name, workflow=run.workflow_id, invocation=run.invocation_id)
    except NebulabError as error:
        return _tell(error, as_json)
    return 0


def _with(pipeline: Pipeline, parameters: Sequence[tuple[str, str]]) -> Pipeline:
    """Return a pipeline with values for its parameters.

    Raises
    ------
    PipelineError
        It has no parameter of a name.
    """
    known = pipeline.parameters.keys() | pipeline.required
    for name, _ in parameters:
        if name not in known:
            has = f"It has: {', '.join(sorted(known))}." if known else "It has none."
            raise PipelineError(f"The pipeline has no parameter {name!r}.", has)
    given = dict(parameters)
    return replace(pipeline, parameters={**pipeline.parameters, **given}, required=pipeline.required - given.keys())


def _tell(error: NebulabError, as_json: bool) -> int:
    """Tell an error as a line of JSON, or raise it for the command line, which prints it."""
    if not as_json:
        raise error
    click.echo(json.dumps({"error": error.message, "hint": error.hint}))
    return error.exit_code


__all__ = ["run_here", "run_on_galaxy", "show_check"]
