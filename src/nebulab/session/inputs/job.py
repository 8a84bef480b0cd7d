"""The notebook or script of a training: its request, its files laid out, and its command; runs once, at the job's
start."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab import contract
from nebulab.errors import StagingError
from nebulab.session.inputs.staging import UNREADABLE, Request, inputs_of, inside, unreadable
from nebulab.session.inputs.step import Step, read_step
from nebulab.session.layout import EXECUTED, Layout
from nebulab.session.settings import SessionSettings

_PARAMETERS = "parameters.yaml"
_REQUIREMENTS = "requirements.txt"
_ENVIRONMENT = "environment.json"
_STEP_FILES = "step_files.json"


@dataclass(frozen=True)
class Program:
    """The notebook or script, and the options of its run."""

    source: Path
    name: str
    parameters: str = ""
    """YAML."""
    requirements: str = ""
    """Packages to install first, as `pip install -r` reads them."""
    files: tuple[tuple[str, Path], ...] = ()
    """Paths as the program names them, each with its dataset."""
    seconds: float | None = None
    cell_seconds: float | None = None
    allow_errors: bool = False
    keras2: bool = False
    """Whether it runs in the kernel for Keras 2, whatever kernel it names."""
    step: Step = field(default_factory=Step)

    @property
    def path(self) -> str:
        """Where it lies in the working folder."""
        return self.step.path or self.name


def read_request(path: Path) -> tuple[Request, Program]:
    """Read Galaxy's JSON of the tool `run_jupyter_job`.

    Raises
    ------
    StagingError
        It has another form, the numbers of paths and datasets differ, or the program can't be read.
    """
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
        program = form["select_file"]
        source, name = Path(program["source_path"]), str(program.get("element_identifier") or "program")
        options = form.get("run") or {}
        datasets = form.get("ml_h5_datasets") or []
        datasets = [dataset for dataset in (datasets if isinstance(datasets, list) else [datasets]) if dataset]
        sources = [Path(dataset["source_path"]) for dataset in datasets if dataset.get("source_path")]
        labels = [str(dataset.get("element_identifier") or "") for dataset in datasets if dataset.get("source_path")]
        named = [part.strip() for part in (form.get("ml_h5_dataset_paths") or "").split(",") if part.strip()]
        seconds, cell_seconds = _minutes(options.get("time_limit")), _minutes(options.get("cell_time_limit"))
        inputs = inputs_of(form)
        step = read_step(form)
    except UNREADABLE as error:
        raise unreadable(str(path), error) from error
    if named and len(named) != len(sources):
        raise StagingError(
            f"File names given: {len(named)}; datasets chosen: {len(sources)}.",
            "Choose one dataset for each file name, in the same order.",
        )
    return (
        Request(mode="job", run_it=True, inputs=inputs),
        Program(
            source=source,
            name=_file_name(PurePosixPath(step.path).name or name, program.get("file_ext") or "", source),
            parameters=str(options.get("parameters") or ""),
            requirements=str(options.get("requirements") or ""),
            files=(*zip(named or labels, sources, strict=True), *step.files),
            seconds=seconds,
            cell_seconds=cell_seconds,
            allow_errors=bool(options.get("allow_errors")),
            keras2=bool(options.get("keras2")),
            step=step,
        ),
    )


def lay_out(program: Program, layout: Layout) -> tuple[Path, ...]:
    """Copy the program and link the datasets at the paths that it names; return the datasets' own files.

    The program's text is not changed.

    Raises
    ------
    StagingError
        A path leads out of the working folder, or is given twice.
    """
    layout.results.mkdir(parents=True, exist_ok=True)
    _check_inside(program)
    try:
        (layout.work / program.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program.source, layout.work / program.path)
    except OSError as error:
        raise _program_unreadable(error) from error
    for name, source in program.files:
        path = inside(name)
        if path is None:
            raise StagingError(
                f"The program reads {name!r}, which lies outside of its working folder.",
                "Use a path that is relative to the program's folder, such as data/train.h5.",
            )
        link = layout.work / path
        try:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
        except OSError as error:
            raise StagingError(
                f"The dataset for {name!r} can't be laid out: {error.strerror}.", "Give each path once."
            ) from error
    (layout.own / _PARAMETERS).write_text(program.parameters, encoding="utf-8")
    (layout.own / _REQUIREMENTS).write_text(program.requirements, encoding="utf-8")
    (layout.own / _ENVIRONMENT).write_text(json.dumps(dict(program.step.environment)), encoding="utf-8")
    wanted = {"folder": str(layout.work), "patterns": program.step.outputs}
    (layout.own / _STEP_FILES).write_text(json.dumps(wanted), encoding="utf-8")
    return tuple(source for _, source in program.files)


def _check_inside(program: Program) -> None:
    for name in (program.path, *program.step.outputs):
        if inside(name) is None:
            raise StagingError(
                f"{name!r} lies outside of the working folder.",
                "Use a path that is relative to it, such as data/train.h5.",
            )


def command(program: Program, settings: SessionSettings) -> list[str]:
    """Return the command that runs the program inside the sandbox."""
    layout = settings.layout
    path = layout.work / program.path
    argv = [sys.executable, "-P", "-m", "nebulab", "run", str(path), "--work", str(path.parent)]
    argv += ["--results", str(layout.results), "--output", str(layout.results / EXECUTED)]
    argv += ["--parameters-file", str(layout.own / _PARAMETERS)]
    argv += ["--requirements", str(layout.own / _REQUIREMENTS)]
    argv += ["--failure", str(layout.failure), "--stop-file", str(layout.stop_file)]
    if program.step.environment:
        argv += ["--environment", str(layout.own / _ENVIRONMENT)]
    if program.step.outputs:
        argv += ["--step-files", str(layout.own / _STEP_FILES)]
    if program.seconds:
        argv += ["--timeout", str(program.seconds)]
    if program.cell_seconds:
        argv += ["--cell-timeout", str(program.cell_seconds)]
    if program.allow_errors:
        argv.append("--allow-errors")
    if program.keras2:
        argv += ["--kernel", contract.KERAS2]
    return argv


def _file_name(name: str, extension: str, source: Path) -> str:
    """Return the program's file name; a dataset's name need not have an extension."""
    cleaned = re.sub(r"[^\w\-.]", "_", PurePosixPath(name).name).lstrip(".")[:100] or "program"
    if PurePosixPath(cleaned).suffix.lower() in {".ipynb", ".py", ".r", ".md", ".rmd", ".qmd", ".jl", ".sh"}:
        return cleaned
    try:
        with source.open("rb") as file:
            is_notebook = extension == "ipynb" or file.read(64).lstrip()[:1] == b"{"
    except OSError as error:
        raise _program_unreadable(error) from error
    return f"{cleaned}.ipynb" if is_notebook else f"{cleaned}.py"


def _program_unreadable(error: OSError) -> StagingError:
    return StagingError(f"The notebook can't be read: {error.strerror}.", "Is the dataset ok in your history?")


def _minutes(value: Any) -> float | None:
    return float(value) * 60 if value else None
