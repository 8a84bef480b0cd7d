"""The first page of a session: default notebooks, a notebook of the history, or a repository; runs once."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nebulab
from nebulab import contract
from nebulab.errors import RepositoryError, StagingError
from nebulab.session.inputs.staging import Request
from nebulab.session.layout import Layout

_PROBLEM_PAGE = "Read me first.ipynb"
_READMES = ("README.md", "Readme.md", "readme.md", "README.rst", "README.txt", "README")

_NOT_COPIED = (".*", "__pycache__", "README.md")

Clone = Callable[[str, str, Path], Path]


@dataclass(frozen=True)
class Start:
    """The first page (a path below the working folder; empty: the file browser) and the first notebook's content."""

    page: str
    notebook: bytes
    problem: str = ""


def prepare(request: Request, layout: Layout, clone: Clone) -> Start:
    """Lay out the notebooks of the request's mode.

    Raises
    ------
    StagingError
        The notebook of the history can't be read.
    """
    if request.mode == "previous":
        return _previous(request, layout)
    if request.mode == "pull_repo":
        return _repository(request, layout, clone)
    return _defaults(layout)


def clean_name(name: str) -> str:
    """Return a notebook's file name for a dataset's name, as the tool's earlier versions made it."""
    cleaned = re.sub(r"[^\w\-.]", "_", name).lstrip(".") or "notebook"
    cleaned = cleaned.encode("utf-8")[:200].decode("utf-8", "ignore")
    return cleaned if cleaned.endswith(".ipynb") else f"{cleaned}.ipynb"


def written_notebook(*paragraphs: str) -> bytes:
    """Return a notebook of one text cell."""
    cell = {"cell_type": "markdown", "id": "nebulab", "metadata": {}, "source": "\n\n".join(paragraphs)}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def default_notebooks() -> Path | None:
    """Return the folder of default notebooks, in an installed package or in a checkout."""
    package = Path(nebulab.__file__).parent
    for folder in (package / "_default_notebooks", package.parents[1] / "examples" / "start"):
        if folder.is_dir():
            return folder
    return None


def in_own_folder(layout: Layout) -> Start:
    """Return the first page for a person's own folder, which gets the default notebooks only if it is empty."""
    if os.access(layout.work, os.W_OK) and not any(layout.work.iterdir()):
        return _defaults(layout)
    return Start("", b"")


def _defaults(layout: Layout) -> Start:
    source = default_notebooks()
    if source is not None:
        ignore = shutil.ignore_patterns(*_NOT_COPIED)
        left_out = ignore(str(source), [path.name for path in source.iterdir()])
        # Not copytree on the whole: it sets the folder's times, which only the folder's owner may.
        for path in source.iterdir():
            if path.name in left_out:
                continue
            if path.is_dir():
                shutil.copytree(path, layout.work / path.name, dirs_exist_ok=True, ignore=ignore)
            else:
                shutil.copyfile(path, layout.work / path.name)
    first = layout.work / contract.FIRST_PAGE
    if first.is_file():
        return Start(contract.FIRST_PAGE, first.read_bytes())
    return Start("", written_notebook("# No notebook was saved in this session"))


def _previous(request: Request, layout: Layout) -> Start:
    if request.notebook is None:
        raise StagingError("No notebook was chosen.", "Choose a notebook of your history in the tool's form.")
    name = clean_name(request.notebook_name)
    target = layout.work / name
    try:
        content = request.notebook.read_bytes()
        target.write_bytes(content)
    except OSError as error:
        raise StagingError(
            f"The notebook can't be read: {error.strerror}.", "Is the dataset ok in your history?"
        ) from error
    return Start(name, content)


def _repository(request: Request, layout: Layout, clone: Clone) -> Start:
    try:
        folder = clone(request.repository, request.reference, layout.work)
    except RepositoryError as error:
        notebook = written_notebook(
            "# The repository could not be cloned",
            error.message,
            error.hint,
            "The session goes on: you can clone in a terminal.",
        )
        (layout.work / _PROBLEM_PAGE).write_bytes(notebook)
        return Start(_PROBLEM_PAGE, notebook, problem=f"{error.message} {error.hint}")
    notebooks = sorted(
        (
            path
            for path in folder.rglob("*.ipynb")
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        ),
        key=lambda path: (len(path.parts), str(path)),
    )
    notebooks = [path for path in notebooks if path.is_file() and not path.is_symlink()]
    # The dataset is called the executed notebook: a file of the repository that nobody has run is none.
    content = written_notebook(
        "# No notebook was saved in this session",
        f"The repository {folder.name} was cloned; its notebooks are in there.",
    )
    readme = next((folder / name for name in _READMES if (folder / name).is_file()), None)
    page = readme or (notebooks[0] if notebooks else folder)
    return Start(str(page.relative_to(layout.work)), content)
