"""Notebooks that differ a little from nbformat, as editors and scripts write them, made whole; runs in a batch job.

JupyterLab opens most of them without a word. What can't be guessed is told with its cell, and nothing is run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nebulab.errors import NotebookError

_CELL_TYPES = ("code", "markdown", "raw")
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_OBJECTS = ("kernelspec", "language_info", "jupytext", "papermill", "widgets")
"""Entries of a notebook's metadata that are objects."""
_ADVICE = "Open it in JupyterLab, save it, and run it again."


def repaired(notebook: Any, name: str) -> Any:
    """Return the content of an `.ipynb` with the fields that nbformat and its readers rely on, each of its type.

    Other metadata of wrong types nbformat itself can leave out (`normalize`). Outputs are dropped: they are made anew.
    A notebook of nbformat 3 is returned as it is, for nbformat to convert.

    Raises
    ------
    NotebookError
        It has no cells, or a cell's kind or text can't be told.
    """
    if not isinstance(notebook, dict):
        raise NotebookError(f"{name} is no notebook: it holds {_kind(notebook)}.", _ADVICE)
    if "cells" not in notebook and isinstance(notebook.get("worksheets"), list):
        return {"nbformat": 3, "nbformat_minor": 0, "metadata": {}} | _whole_numbers(notebook)
    if not isinstance(notebook.get("cells"), list):
        raise NotebookError(f"{name} is no notebook: it has no list of cells.", _ADVICE)
    taken: set[str] = set()
    cells = [_cell(cell, f"Cell {place} of {name}", taken) for place, cell in enumerate(notebook["cells"], start=1)]
    numbers = _whole_numbers(notebook)
    minor = numbers.get("nbformat_minor", 5)
    return {
        "cells": cells if minor >= 5 else [{key: cell[key] for key in cell if key != "id"} for cell in cells],
        "metadata": _metadata(notebook.get("metadata")),
        "nbformat": numbers.get("nbformat", 4),
        "nbformat_minor": minor,
    }


def _whole_numbers(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notebook without a version that is no version."""
    wrong = {
        key
        for key in ("nbformat", "nbformat_minor")
        if isinstance(notebook.get(key), bool) or not isinstance(notebook.get(key), int) or notebook[key] < 0
    }
    return {key: value for key, value in notebook.items() if key not in wrong}


def _metadata(metadata: Any) -> dict[str, Any]:
    kept = metadata if isinstance(metadata, dict) else {}
    return {key: value for key, value in kept.items() if key not in _OBJECTS or isinstance(value, dict)}


def _cell(cell: Any, label: str, taken: set[str]) -> dict[str, Any]:
    if not isinstance(cell, dict):
        raise NotebookError(f"{label} is no cell: it is {_kind(cell)}.", _ADVICE)
    kind = cell.get("cell_type")
    if kind is None and ("outputs" in cell or "execution_count" in cell):
        kind = "code"
    if kind not in _CELL_TYPES:
        raise NotebookError(f"{label} is neither code nor text: its cell_type is {kind!r}.", _ADVICE)
    whole = {
        "cell_type": kind,
        "id": _identifier(cell.get("id"), taken),
        "metadata": _cell_metadata(cell.get("metadata")),
        "source": _text(cell.get("source"), label),
    }
    if kind == "code":
        return whole | {"outputs": [], "execution_count": None}
    attachments = cell.get("attachments")
    return whole | ({"attachments": attachments} if _are_attachments(attachments) else {})


def _are_attachments(attachments: Any) -> bool:
    return isinstance(attachments, dict) and all(
        isinstance(bundle, dict) and all(isinstance(content, str) for content in bundle.values())
        for bundle in attachments.values()
    )


def _identifier(identifier: Any, taken: set[str]) -> str:
    """Return the cell's id, or another one where it has none, an unusable one, or that of a cell before it."""
    chosen = identifier if isinstance(identifier, str) and _ID.fullmatch(identifier) else ""
    number = len(taken) + 1
    while not chosen or chosen in taken:
        chosen = f"cell-{number}"
        number += 1
    taken.add(chosen)
    return chosen


def _cell_metadata(metadata: Any) -> dict[str, Any]:
    kept = dict(metadata) if isinstance(metadata, dict) else {}
    tags = kept.pop("tags", None)
    tags = [tags] if isinstance(tags, str) else tags if isinstance(tags, list) else []
    named = list(dict.fromkeys(tag for tag in tags if isinstance(tag, str) and tag and "," not in tag))
    return kept | ({"tags": named} if named else {})


def _text(source: Any, label: str) -> str:
    if source is None:
        return ""
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    raise NotebookError(f"{label} has no text: its source is {_kind(source)}.", _ADVICE)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
