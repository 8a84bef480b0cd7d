"""Every field of nbformat missing, null, or of another type: the notebook runs, or one line says why not."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nebulab.errors import NebulabError, NotebookError
from nebulab.notebooks import parameters
from nebulab.notebooks.reading import read

WHOLE: dict[str, Any] = {
    "cells": [
        {
            "cell_type": "code",
            "id": "first",
            "metadata": {"tags": ["parameters"], "name": "x", "collapsed": True, "jupyter": {"source_hidden": True}},
            "source": ["a = 1\n", "b = 2"],
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["x"]}],
            "execution_count": 1,
        },
        {
            "cell_type": "markdown",
            "id": "second",
            "metadata": {},
            "source": "# Title",
            "attachments": {"a.png": {"image/png": "AA=="}},
        },
    ],
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "version": "3.11"},
        "jupytext": {"main_language": "python"},
        "title": "t",
        "authors": [{"name": "a"}],
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


class _Missing:
    """Stands for a field that is not there; its name is the same in every process, as pytest's workers want it."""

    def __repr__(self) -> str:
        return "missing"


MISSING = _Missing()
OTHERS: tuple[object, ...] = (MISSING, None, True, -1, 7.5, "text", "", [], ["text"], [None], {}, {"key": None})


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in inner:
        yield (*path, key)
        yield from paths(member, (*path, key))


def changed(path: tuple[Any, ...], value: object) -> dict[str, Any]:
    notebook = copy.deepcopy(WHOLE)
    place: Any = notebook
    for key in path[:-1]:
        place = place[key]
    if value is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return notebook


def written(folder: Path, notebook: object) -> Path:
    path = folder / "x.ipynb"
    path.write_text(json.dumps(notebook))
    return path


@pytest.mark.parametrize("path", list(paths(WHOLE)), ids=lambda path: ".".join(map(str, path)))
def test_it_is_read_or_told_in_a_line(tmp_path: Path, path: tuple[Any, ...]) -> None:
    for value in OTHERS:
        try:
            program = read(written(tmp_path, changed(path, value)))
            nbformat.validate(program.notebook)
            parameters.insert(program, {"a": 3})
        except NebulabError as error:
            assert "\n" not in error.message, error
            continue
        nbformat.validate(program.notebook)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("cells", 0, "metadata", "tags"), None),
        (("cells", 0, "metadata"), None),
        (("cells", 0, "metadata"), MISSING),
        (("cells", 0, "id"), None),
        (("cells", 0, "id"), "not an id"),
        (("cells", 1, "id"), "first"),
        (("cells", 0, "outputs"), None),
        (("cells", 0, "outputs"), MISSING),
        (("cells", 0, "outputs", 0), {"output_type": "stream", "text": None}),
        (("cells", 0, "execution_count"), "x"),
        (("cells", 0, "cell_type"), MISSING),
        (("cells", 1, "attachments"), None),
        (("cells", 1, "source"), None),
        (("metadata",), None),
        (("metadata", "kernelspec"), None),
        (("metadata", "language_info"), []),
        (("metadata", "jupytext"), None),
        (("nbformat",), None),
        (("nbformat_minor",), MISSING),
    ],
    ids=str,
)
def test_what_can_be_guessed_is_repaired(tmp_path: Path, path: tuple[Any, ...], value: object) -> None:
    program = read(written(tmp_path, changed(path, value)))
    assert [cell.cell_type for cell in program.notebook.cells] == ["code", "markdown"]
    assert program.notebook.cells[0].source == "a = 1\nb = 2"
    assert program.language == "python"


@pytest.mark.parametrize(
    ("notebook", "told"),
    [
        (5, "it holds a number"),
        ({"metadata": {}}, "no list of cells"),
        ({"cells": None}, "no list of cells"),
        (changed(("cells", 1), 5), "Cell 2 of x.ipynb is no cell: it is a number"),
        (changed(("cells", 1, "cell_type"), "drawing"), "Cell 2 of x.ipynb is neither code nor text"),
        (changed(("cells", 0, "source"), [None]), "Cell 1 of x.ipynb has no text: its source is a list"),
        (changed(("nbformat",), 9), "x.ipynb is no notebook"),
        ({"worksheets": None}, "no list of cells"),
        ({"worksheets": [None]}, "x.ipynb is no notebook"),
    ],
    ids=str,
)
def test_what_cannot_is_told_with_its_cell(tmp_path: Path, notebook: object, told: str) -> None:
    with pytest.raises(NotebookError, match=told) as raised:
        read(written(tmp_path, notebook))
    assert "JupyterLab" in raised.value.hint
