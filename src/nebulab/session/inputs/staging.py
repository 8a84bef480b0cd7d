"""A job's inputs staged as links in the user's working folder, and the dictionary that notebooks read; runs once, at a
session's start.

Galaxy's `galaxy_inputs.json` has the path and the name of every dataset. The user sees
`galaxy_inputs/<input_name>/<dataset's name>`, and `galaxy_inputs/galaxy_inputs.json` maps every input's name to its
value, in the form which notebooks of the tool's earlier versions read.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab import contract
from nebulab.errors import StagingError
from nebulab.session.layout import Layout

UNREADABLE = (OSError, ValueError, KeyError, AttributeError, TypeError)
"""Errors of reading JSON that has another form."""

_RAW = "galaxy_inputs_raw.json"
_NAME = re.compile(r"[A-Za-z0-9_]+")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_NAME = 60
_TO_START_WITH = "__datasets"
"""The input of datasets without names (`galaxy-tools/macros.xml`)."""


@dataclass(frozen=True)
class Request:
    """The user's choices in the tool's form."""

    mode: str = "scratch"
    repository: str = ""
    reference: str = ""
    notebook: Path | None = None
    notebook_name: str = ""
    run_it: bool = False
    inputs: tuple[Mapping[str, Any], ...] = ()


def read_request(path: Path) -> Request:
    """Read Galaxy's JSON of the tool's inputs.

    Raises
    ------
    StagingError
        It is missing or has another form.
    """
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
        mode = form["mode"]
        notebook = mode.get("ipynb") or {}
        source = notebook.get("source_path")
        return Request(
            mode=mode["mode_select"],
            repository=(mode.get("repo_url") or "").strip(),
            reference=(mode.get("repo_ref") or "").strip(),
            notebook=Path(source) if source else None,
            notebook_name=notebook.get("element_identifier") or "",
            run_it=bool(mode.get("run_it")),
            inputs=inputs_of(form),
        )
    except UNREADABLE as error:
        raise unreadable(str(path), error) from error


def inputs_of(form: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Return the inputs of the form: those that the user named, then the datasets to start with, under names of theirs.

    Such a name has the letters and digits of the dataset's own, and a number where it is taken.
    """
    named = tuple(form.get("user_inputs") or ())
    taken = {str(input_.get("input_name") or "") for input_ in named}
    chosen = form.get(_TO_START_WITH) or []
    unnamed = []
    for dataset in chosen if isinstance(chosen, list) else [chosen]:
        # One that was left out comes as nothing, or as a record without a file.
        if dataset and dataset.get("source_path"):
            name = _free_name(str(dataset.get("element_identifier") or ""), taken)
            unnamed.append(
                {"input_name": name, "input_type": {"input_type_selector": "dataset", "input_value": dataset}}
            )
    return named + tuple(unnamed)


def _free_name(label: str, taken: set[str]) -> str:
    """Return a name for a dataset with this label that is not `taken`, and add it there."""
    base = _NO_WORD.sub("", label)[:_LONGEST_NAME] or "dataset"
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}{number}"
    taken.add(name)
    return name


def unreadable(place: str, error: Exception) -> StagingError:
    """Return the error for inputs in `place` that have another form than the tool's file gives them."""
    return StagingError(
        f"The job's inputs can't be read from {place}: {error!r}",
        "The tool's file and its program differ: reinstall both.",
    )


def stage(request: Request, layout: Layout) -> tuple[Path, ...]:
    """Link the inputs below `layout.staged`, write the dictionary, and return the datasets' own files.

    Raises
    ------
    StagingError
        Two inputs have one name, a name would lead out of its folder, or an input has another form.
    """
    layout.staged.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {}
    sources: list[Path] = []
    for number, input_ in enumerate(request.inputs, 1):
        try:
            _stage_one(input_, layout, values, sources)
        except (KeyError, AttributeError, TypeError) as error:
            raise unreadable(f"user input {number}", error) from error
    (layout.staged / contract.INPUTS_FILE).write_text(json.dumps(values), encoding="utf-8")
    return tuple(sources)


def _stage_one(input_: Mapping[str, Any], layout: Layout, values: dict[str, Any], sources: list[Path]) -> None:
    name = str(input_.get("input_name") or "")
    if not _NAME.fullmatch(name):
        raise StagingError(f"An input is named {name!r}.", "Use ASCII letters and digits only.")
    if name in values:
        raise StagingError(f"Two inputs are named {name!r}.", "Give each input a name of its own.")
    kind = input_["input_type"]
    value = kind.get("input_value")
    if "dataset" in kind["input_type_selector"]:
        values[name] = _Folder(layout, name, sources).link_all(value)
    else:
        values[name] = value


def keep_raw(request_file: Path, layout: Layout) -> None:
    """Copy Galaxy's own JSON beside the dictionary, as earlier versions of the tool did."""
    shutil.copyfile(request_file, layout.staged / _RAW)


def inside(name: str) -> PurePosixPath | None:
    """Return `name` as a relative path that does not leave its folder, or None if it does."""
    path = PurePosixPath(name)
    return None if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in name else path


class _Folder:
    """One input's folder and the links in it."""

    def __init__(self, layout: Layout, name: str, sources: list[Path]) -> None:
        self._layout = layout
        self._name = name
        self._sources = sources
        self._links: dict[PurePosixPath, str] = {}

    def link_all(self, value: Any) -> list[dict[str, Any]]:
        datasets = value if isinstance(value, list) else [value]
        # An optional dataset that was left out comes as nothing, or as a record without a file.
        return [self._link_dataset(dataset) for dataset in datasets if dataset and dataset.get("source_path")]

    def _link_dataset(self, dataset: Mapping[str, Any]) -> dict[str, Any]:
        wanted = dataset["staging_path"]
        path = self._free(self._inside(wanted), dataset["source_path"])
        metadata_files = []
        for extra in dataset.get("metadata_files") or ():
            beside = self._inside(extra["staging_path"])
            if extra["staging_path"].startswith(wanted):
                beside = PurePosixPath(str(path) + extra["staging_path"].removeprefix(wanted))
            metadata_files.append(self._link(self._free(beside, extra["source_path"]), extra["source_path"]))
        return {"path": self._link(path, dataset["source_path"]), "metadata_files": metadata_files}

    def _inside(self, staging_path: str) -> PurePosixPath:
        path = inside(staging_path)
        if path is None:
            raise StagingError(
                f"A dataset of the input {self._name!r} would be laid out at {staging_path!r}, outside of its folder.",
                "Rename the dataset or the collection's element.",
            )
        return path

    def _free(self, path: PurePosixPath, source: str) -> PurePosixPath:
        """Return the path, with a number if another dataset has it already."""
        number = 1
        candidate = path
        while self._links.get(candidate, source) != source:
            number += 1
            candidate = path.with_name(f"{path.stem} ({number}){path.suffix}")
        return candidate

    def _link(self, path: PurePosixPath, source: str) -> str:
        below = PurePosixPath(self._layout.staged.name) / self._name / path
        if path not in self._links:
            link = self._layout.work / below
            try:
                if any(parent in self._links for parent in path.parents):
                    raise NotADirectoryError(errno.ENOTDIR, "another one has its folder's name")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(source)
            except OSError as error:
                raise StagingError(
                    f"The dataset {path} of the input {self._name!r} can't be laid out: {error.strerror}.",
                    "Rename the dataset or the collection's element.",
                ) from error
            self._links[path] = source
            self._sources.append(Path(source))
        return str(below)
