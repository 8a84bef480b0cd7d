"""A notebook as the form shows it: its parameters with type, default and help, its inputs, the session's packages."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from papermill.inspection import inspect_notebook

from nebulab import contract
from nebulab.errors import NotebookError
from nebulab.notebooks import describing
from nebulab.notebooks.describing import describe
from nebulab.notebooks.parameters import _declared
from nebulab.notebooks.reading import read
from nebulab.session.lab.acting import act

CELL = """\
# how long it learns
epochs = 10  # passes over the data
rate: float = 1
name = "a=b"
verbose = True
sizes = [8, 4]  # type: list of the layers
options: "Dict[str, int]" = {"a": 1}
limit = None
folder = Path("x") / "y"
lines = [
    1,
    2,
]  # many
"""


def notebook(folder: Path, *cells: str, tagged: str | None = CELL) -> Path:
    made = [nbformat.v4.new_code_cell(cell) for cell in cells]
    if tagged is not None:
        made.insert(0, nbformat.v4.new_code_cell(tagged, metadata={"tags": ["parameters"]}))
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    path = folder / "train.ipynb"
    path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made, metadata=kernel)))
    return path


def rows(path: Path) -> dict[str, tuple[Any, ...]]:
    return {row["name"]: (row["type"], row["default"], row["help"]) for row in describe(path, {})["parameters"]}


def test_types_are_those_of_annotations_and_defaults(tmp_path: Path) -> None:
    assert rows(notebook(tmp_path)) == {
        "epochs": ("int", "10", "passes over the data"),
        "rate": ("float", "1", ""),
        "name": ("str", "a=b", ""),
        "verbose": ("bool", "True", ""),
        "sizes": ("list", "[8, 4]", "of the layers"),
        "options": ("dict", "{'a': 1}", ""),
        "limit": ("any", "None", ""),
        "folder": ("any", "Path('x') / 'y'", ""),
        "lines": ("list", "[1, 2]", "many"),
    }


def test_the_names_are_those_that_a_run_takes(tmp_path: Path) -> None:
    path = notebook(tmp_path)
    assert set(rows(path)) == _declared(read(path))


def test_it_agrees_with_papermill_where_that_can_read_a_line(tmp_path: Path) -> None:
    plain = 'epochs = 10  # passes\nrate: float = 0.5\nword = "x"  # type: str a word\n'
    path = notebook(tmp_path, tagged=plain)
    theirs = inspect_notebook(path)
    ours = {row["name"]: row for row in describe(path, {})["parameters"]}
    assert list(theirs) == list(ours)
    for name, row in theirs.items():
        assert row["help"].strip() in {ours[name]["help"], ""}
        if row["inferred_type_name"] != "None":
            assert row["inferred_type_name"] == ours[name]["type"]


def test_a_default_that_is_computed_is_said_to_be(tmp_path: Path) -> None:
    told = describe(notebook(tmp_path), {})["parameters"]
    assert [row["name"] for row in told if row["computed"]] == ["folder"]


@pytest.mark.parametrize("tagged", [None, "", "def broken(", "# a comment alone", "x: int"])
def test_without_parameters_there_are_none(tmp_path: Path, tagged: str | None) -> None:
    told = describe(notebook(tmp_path, "y = 1", tagged=tagged), {})
    assert (told["parameters"], told["has_parameters"]) == ([], tagged is not None)


def test_inputs_have_their_size_and_lines(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("12345")
    told = describe(notebook(tmp_path, 'open("x.csv")\nopen("gone.csv")'), {})
    place = {"cell": 2, "line": 1, "text": 'open("x.csv")'}
    assert told["inputs"] == [{"path": "x.csv", "size": 5, "where": [place]}]
    assert [row["name"] for row in told["missing"]] == ["gone.csv"]
    json.dumps(told)


def test_a_key_of_galaxy_inputs_has_the_sessions_value(tmp_path: Path) -> None:
    staged = tmp_path / "galaxy_inputs"
    staged.mkdir()
    values = {"table": [{"path": "galaxy_inputs/table/t.tsv", "metadata_files": []}], "rate": 0.5}
    (staged / "galaxy_inputs.json").write_text(json.dumps(values))
    path = notebook(tmp_path, 'GALAXY_INPUTS["table"], GALAXY_INPUTS["rate"], GALAXY_INPUTS["other"]')
    told = describe(path, {contract.INPUTS: str(staged / "galaxy_inputs.json")})
    assert {row["name"]: row["given"] for row in told["named"]} == {
        "table": {"paths": [str(tmp_path / "galaxy_inputs/table/t.tsv")]},
        "rate": {"value": 0.5},
        "other": None,
    }


def test_the_sessions_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert describing.packages({}) == {"added": [], "left": [], "error": ""}
    listing = tmp_path / "python"
    listing.write_text("#!/bin/sh\nprintf 'a==1\\n# b was installed from /x/b.whl\\n# a comment\\n'")
    listing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(listing))
    told = describing.packages({contract.OVERLAY: "/somewhere"})
    assert told == {"added": ["a==1"], "left": ["b was installed from /x/b.whl"], "error": ""}
    listing.write_text("#!/bin/sh\necho 'no such thing' >&2; exit 1")
    assert describing.packages({contract.OVERLAY: "/somewhere"})["error"] == "no such thing"


def test_a_damaged_notebook_is_told(tmp_path: Path) -> None:
    (tmp_path / "n.ipynb").write_text('{"cells": [')
    with pytest.raises(NotebookError, match="is no notebook"):
        describe(tmp_path / "n.ipynb", {})


async def test_as_the_page_asks_for_it(tmp_path: Path) -> None:
    wish = {"path": str(notebook(tmp_path))}
    (said,) = [each async for each in act(sys.executable, "nebulab.notebooks.describing", wish)]
    assert said["result"]["name"] == "train.ipynb"
    assert len(said["result"]["parameters"]) == 9
