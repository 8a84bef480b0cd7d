"""Parameters reach the notebook after its own defaults; one that it lacks is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nebulab.errors import SettingsError
from nebulab.notebooks.parameters import insert, parse
from nebulab.notebooks.reading import Program, read

MARKED = '# %% tags=["parameters"]\nepochs = 1\nrate: float = 0.1\n# %%\nprint(epochs)\n'


def program(folder: Path, text: str) -> Program:
    path = folder / "script.py"
    path.write_text(text)
    return read(path)


def test_values_are_yaml_and_options_win_over_files(tmp_path: Path) -> None:
    file = tmp_path / "given.yaml"
    file.write_text("epochs: 3\nnames: [a, b]\n")
    found = parse([("epochs", "5"), ("rate", "1e-3"), ("word", "a: b: c"), ("flag", "true")], [file])
    assert found == {"epochs": 5, "names": ["a", "b"], "rate": 0.001, "word": "a: b: c", "flag": True}


def test_numbers_arrive_as_a_training_sent_them(tmp_path: Path) -> None:
    file = tmp_path / "given.yaml"
    sent = {"rate": 1e-05, "large": 1e30, "limit": float("inf"), "word": "1e-5", "list": [1e-07, None, True]}
    file.write_text(json.dumps(sent))
    assert parse([], [file]) == sent


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text", "a: [", "not a name: 1"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        parse([], [file])


def test_a_cell_with_the_values_comes_after_the_defaults(tmp_path: Path) -> None:
    ready = program(tmp_path, MARKED)
    assert insert(ready, {"epochs": 7}) == ""
    assert [cell.source.splitlines()[-1] for cell in ready.notebook.cells] == [
        "rate: float = 0.1",
        "epochs = 7",
        "print(epochs)",
    ]


def test_a_parameter_that_the_notebook_lacks_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no parameter 'epoch'.*\n.*epochs"):
        insert(program(tmp_path, MARKED), {"epoch": 7})


def test_without_a_tagged_cell_they_come_first_and_that_is_told(tmp_path: Path) -> None:
    ready = program(tmp_path, "print(1)\n")
    assert "No cell is tagged" in insert(ready, {"epochs": 7})
    assert ready.notebook.cells[0].source.endswith("epochs = 7\n")
