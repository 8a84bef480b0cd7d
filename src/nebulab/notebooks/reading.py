"""Notebooks and scripts of any kind as one thing that can be run: cells, a language, a kernel; runs in a batch job.

Jupytext reads what is not `.ipynb`. A script without cell marks is one cell, so that it runs as it would by itself.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from nebulab.errors import NotebookError
from nebulab.notebooks.repairing import repaired

_LANGUAGES = {".py": "python", ".r": "R", ".jl": "julia", ".sh": "bash"}
_MARKED = {".md", ".markdown", ".rmd", ".qmd"}
_CELL_MARK = re.compile(r"^\s*(#|//)\s*(%%|<codecell>|In\[)", re.MULTILINE)
_JUPYTEXT_HEADER = re.compile(r"\A(#!.*\n)?(#\s*-\*-.*\n)?#\s*---\s*\n(#.*\n)*?#\s+jupy", re.MULTILINE)
_SAME = {"ipython": "python", "python3": "python", "ir": "r"}


@dataclass
class Program:
    """A notebook or a script, ready to be run."""

    notebook: Any
    """nbformat's notebook, version 4."""
    language: str
    wanted_kernel: str
    """The kernel's name that the notebook was saved with, or nothing."""


def read(path: Path, *, name: str = "") -> Program:
    """Read a notebook or a script.

    Parameters
    ----------
    name
        What the file is called, if `path` is a dataset without an extension.

    Raises
    ------
    NotebookError
        The file can't be read, or is damaged.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotebookError(f"The notebook can't be read: {error.strerror}.", f"Is {path} there?") from error
    except UnicodeDecodeError as error:
        raise NotebookError(f"{path.name} is no text: {error}.", "Give a notebook or a script.") from error
    suffix = Path(name or path.name).suffix.lower()
    if suffix == ".ipynb" or text.lstrip()[:1] == "{":
        notebook = _notebook(text, name or path.name)
    else:
        notebook = _other(text, suffix, name or path.name)
    metadata = notebook.metadata
    language = (
        metadata.get("language_info", {}).get("name")
        or metadata.get("kernelspec", {}).get("language")
        or metadata.get("jupytext", {}).get("main_language")
        or _LANGUAGES.get(suffix, "python")
    )
    return Program(notebook, str(language), str(metadata.get("kernelspec", {}).get("name", "")))


def choose_kernel(program: Program, *, kernel: str = "") -> str:
    """Return the name of the kernel that runs the program: the one asked for, else one of its language.

    Raises
    ------
    NotebookError
        There is no such kernel on this machine.
    """
    from nebulab.notebooks.kernels import KernelSpecs

    specs = {name: kernelspec["spec"] for name, kernelspec in KernelSpecs().get_all_specs().items()}
    if kernel:
        if kernel in specs:
            return kernel
        near = difflib.get_close_matches(kernel, specs, n=1)
        raise NotebookError(
            f"There is no kernel {kernel!r} here.",
            f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(sorted(specs)) or 'none'}.",
        )
    fitting = [name for name, spec in specs.items() if _plain(spec.get("language", "")) == _plain(program.language)]
    if program.wanted_kernel in fitting:
        return program.wanted_kernel
    if fitting:
        return str(sorted(fitting)[0])
    known = sorted({str(spec.get("language", "")) for spec in specs.values()})
    raise NotebookError(
        f"The notebook is written in {program.language}, and no kernel here runs that.",
        f"There are kernels for: {', '.join(known) or 'nothing'}. Its language is in the notebook's metadata.",
    )


def _plain(language: str) -> str:
    lowered = language.lower()
    return str(_SAME.get(lowered, lowered))


def _notebook(text: str, name: str) -> Any:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"{name} is no notebook: {error}", "Save it again from JupyterLab.") from error
    content = repaired(content, name)
    try:
        if content["nbformat"] == 4:
            _, content = nbformat.validator.normalize(content, relax_add_props=True, strip_invalid_metadata=True)
        return nbformat.reads(json.dumps(content), as_version=4)
    except Exception as error:  # nbformat raises its own, and whatever its parts raise
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise NotebookError(f"{name} is no notebook: {what}", "Save it again from JupyterLab.") from error


def _other(text: str, suffix: str, name: str) -> Any:
    if suffix in _MARKED or _CELL_MARK.search(text) or _JUPYTEXT_HEADER.match(text):
        import jupytext

        extension = suffix if suffix in _MARKED or suffix in _LANGUAGES else ".py"
        try:
            return jupytext.reads(text, fmt={"extension": ".R" if extension == ".r" else extension})
        except Exception as error:  # jupytext raises whatever its parsers meet
            raise NotebookError(f"{name} can't be read as a notebook: {error}", "Is its header right?") from error
    cell = nbformat.v4.new_code_cell(text)
    language = _LANGUAGES.get(suffix, "python")
    return nbformat.v4.new_notebook(cells=[cell], metadata={"language_info": {"name": language}})
