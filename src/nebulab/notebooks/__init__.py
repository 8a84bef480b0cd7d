"""Notebooks and scripts without a browser: parameters, execution, failure, harvest; runs in a batch job."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nebulab import contract
from nebulab.errors import NebulabError, NotebookError
from nebulab.variables import Number, Setting

if TYPE_CHECKING:
    from nebulab.notebooks.execution import Outcome

__all__ = ["DISK", "MEMORY", "run", "run_command"]

MEMORY = Setting(
    "GALAXY_MEMORY_MB",
    kind=Number(0, whole=True),
    unset="not known",
    help="MiB that the run may take: a kernel that dies near it is said to have run out of memory.",
)

DISK = Setting(
    contract.DISK_MB,
    kind=Number(0, whole=True),
    unset="not known",
    help="MiB that its files may take: a file of holes (sparse) of which a copy takes more is not kept.",
)


def run(  # noqa: PLR0913 - the command's options, by name
    notebook: Path,
    *,
    output: Path | None = None,
    results: Path | None = None,
    parameters: Mapping[str, Any] | Sequence[tuple[str, str]] = (),
    parameter_files: Sequence[Path] = (),
    requirements: Path | None = None,
    work: Path | None = None,
    name: str = "",
    kernel: str = "",
    cell_seconds: float | None = None,
    total_seconds: float | None = None,
    allow_errors: bool = False,
    harvest: bool = True,
    export_models: bool = True,
    limits: Mapping[str, float] | None = None,
    stop_file: Path | None = None,
    environment: Path | None = None,
    step_files: Path | None = None,
    quiet: bool = False,
) -> Outcome:
    """Run a notebook or a script, save it executed, and keep what it makes.

    Parameters
    ----------
    notebook
        An `.ipynb`, a Markdown notebook, or a script in a language that has a kernel here.
    output, results
        The executed notebook, and the folder for the rest; `<name>.run` beside the notebook if not given.
    parameters
        Values by name, or pairs of name and YAML text.
    requirements
        Packages to install first, as `pip install -r` reads them; in a session or a job only.
    work
        The folder that the cells start in; the notebook's own if not given.
    name
        What the file is called, if it is a dataset without an extension.
    cell_seconds, total_seconds
        Time limits in seconds.
    limits
        The harvest's limits that differ from `nebulab.harvest.limits.Limits`.
    environment
        A file of JSON: variables of the kernel's environment.
    step_files
        A file of JSON: the `folder` and the `patterns` of files for a pipeline's later steps. They go into the folder
        `step_files` of the results, and have to be there after a run that ended well.
    stop_file
        Stops the run, as SIGTERM does, once it exists: for callers that can't send signals into a sandbox.

    Raises
    ------
    CellFailed
        A cell raised; the message ends with its traceback.
    RunStopped
        A time limit or a signal ended the run.
    NotebookError
        The file is no notebook, there is no kernel for it, its packages can't be installed, or the kernel died.
    SettingsError
        A parameter that the notebook does not have.
    """
    from nebulab.notebooks import files, packages
    from nebulab.notebooks import parameters as parameter_cells
    from nebulab.notebooks.execution import RunSettings, execute, raise_for
    from nebulab.notebooks.log import RunLog
    from nebulab.notebooks.reading import choose_kernel, read

    notebook = notebook.resolve()
    program = read(notebook, name=name)
    by_name = dict(parameters) if isinstance(parameters, Mapping) else {}
    pairs = () if isinstance(parameters, Mapping) else parameters
    values = parameter_cells.parse(pairs, parameter_files) | by_name
    remark = parameter_cells.insert(program, values)
    kernel_name = choose_kernel(program, kernel=kernel)
    folder = (results or notebook.with_name(f"{Path(name or notebook.name).stem}.run")).resolve()
    if harvest:
        folder.mkdir(parents=True, exist_ok=True)
    executed = (output or folder / f"{Path(name or notebook.name).stem}.ipynb").resolve()
    settings = RunSettings(
        work=(work or notebook.parent).resolve(),
        output=executed,
        kernel=kernel_name,
        results=folder if harvest else None,
        allow_errors=allow_errors,
        cell_seconds=cell_seconds,
        total_seconds=total_seconds,
        export_models=export_models,
        limits=limits or {},
        stop_file=stop_file,
        memory_bytes=(MEMORY.read(os.environ) or 0) * 2**20 or None,
        disk_bytes=(DISK.read(os.environ) or 0) * 2**20 or None,
    )
    log = RunLog(folder / "log.txt" if harvest else None, quiet=quiet)
    try:
        log.say(f"running {name or notebook.name} with the kernel {kernel_name}")
        if remark:
            log.say(remark)
        if requirements is not None:
            packages.install(requirements, log)
        if environment is not None:
            os.environ.update(json.loads(environment.read_text(encoding="utf-8")))
        outcome = execute(program, settings, log)
        missing = files.collect_for_later(step_files, folder) if step_files is not None else []
    finally:
        log.close()
    raise_for(outcome)
    if missing:
        raise NotebookError(
            f"All cells ran, and did not make {', '.join(map(repr, missing))}, which the next steps need.",
            "Correct the list of files for later steps, or have the notebook write the file.",
        )
    return outcome


def run_command(
    notebook: Path,
    options: Mapping[str, Any],
    *,
    in_place: bool,
    failure: Path | None,
    max_object_gb: float | None,
    harvest_seconds: float | None,
) -> int:
    """Run as `nebulab run` does, and return its exit code.

    Parameters
    ----------
    options
        Further ones, as `run` has them.
    in_place
        Whether the executed notebook is saved over `notebook`, and nothing else kept.
    failure
        A file for the reason of a failure, which is then no error: the session that runs this in its sandbox shows it
        to the user.
    max_object_gb
        The largest variable that is kept, in GiB; None for the default.
    harvest_seconds
        How long collecting may take; None for the default.

    Raises
    ------
    NebulabError
        As `run` does.
    """
    changed: dict[str, Any] = {"output": notebook, "harvest": False} if in_place else {}
    limits = {"object_bytes": (max_object_gb or 0) * 2**30, "total_seconds": harvest_seconds}
    changed["limits"] = {name: limit for name, limit in limits.items() if limit}
    try:
        run(notebook, **{**options, **changed})
    except NebulabError as error:
        if failure is None:
            raise
        failure.write_text(str(error), encoding="utf-8")
        return error.exit_code
    return 0
