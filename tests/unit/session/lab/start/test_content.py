"""Inputs, examples and news of the page Welcome."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest

from nebulab import checkout
from nebulab.session.inputs.start import default_notebooks
from nebulab.session.lab.start import content, loading
from nebulab.session.lab.start.news import NEWS

PATHS = [
    "galaxy_inputs/table/my table.tabular",
    "galaxy_inputs/table/it's.csv",
    'galaxy_inputs/x/a "quoted" name.h5',
    "galaxy_inputs/x/image.PNG",
    "galaxy_inputs/x/model.onnx",
    "galaxy_inputs/x/no suffix",
    "galaxy_inputs/x/{path}.json",
    "galaxy_inputs/x/new\nline.txt",
]

BROKEN = [None, "", "{", "[1, 2]", '{"a": [1, {"path": 2}, {"other": 3}]}', '{"a": [{"path": "\\u0000"}]}']


def test_inputs_are_the_datasets_with_their_sizes_and_the_values(tmp_path: Path) -> None:
    table = tmp_path / "galaxy_inputs" / "mine" / "table.tsv"
    table.parent.mkdir(parents=True)
    table.write_text("a\tb\n")
    values = {
        "mine": [{"path": "galaxy_inputs/mine/table.tsv", "metadata_files": []}, {"path": "gone.csv"}],
        "epochs": 12,
        "nothing": [],
    }
    file = tmp_path / "galaxy_inputs.json"
    file.write_text(json.dumps(values))
    mine, epochs, nothing = content.inputs(file, tmp_path)
    assert [(each["name"], each["size"]) for each in mine["datasets"]] == [("table.tsv", 4), ("gone.csv", None)]
    assert (epochs["value"], epochs["datasets"]) == (12, [])
    assert (nothing["datasets"], nothing["more"]) == ([], 0)


def test_of_a_large_collection_the_first_are_named_and_the_others_counted(tmp_path: Path) -> None:
    file = tmp_path / "inputs.json"
    file.write_text(json.dumps({"many": [{"path": f"galaxy_inputs/many/{number}"} for number in range(1234)]}))
    (many,) = content.inputs(file, tmp_path)
    assert (len(many["datasets"]), many["more"]) == (50, 1184)


@pytest.mark.parametrize(
    "text", [None, "", "{", "[1, 2]", '{"a": [1, {"path": 2}, {"other": 3}]}', '{"a": [{"path": "\\u0000"}]}']
)
def test_a_file_that_is_missing_or_broken_has_no_datasets_and_raises_nothing(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "inputs.json"
    if text is not None:
        file.write_text(text)
    assert [each["size"] for one in content.inputs(file, tmp_path) for each in one["datasets"]] in ([], [None])


@pytest.mark.parametrize("path", PATHS)
def test_the_code_that_loads_a_file_names_it_as_it_is_called(path: str) -> None:
    tree = ast.parse(loading.code(path))
    assert path in {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_a_table_is_really_loaded(tmp_path: Path) -> None:
    table = tmp_path / "some text.txt"
    table.write_text("one line")
    names: dict[str, object] = {}
    exec(loading.code(str(table)), names)
    assert names["text"] == "one line"


def test_examples_are_the_ones_that_are_there_by_their_own_titles(tmp_path: Path) -> None:
    source = default_notebooks()
    assert source is not None
    shutil.copytree(source, tmp_path / "work")
    for name in ("ct-segmentation", "gallery", "protein-structure"):
        shutil.copytree(source.parent / name, tmp_path / "work" / name)
    every = content.examples(tmp_path / "work")
    assert [each["path"] for each in every] == list(content._EXAMPLES)
    assert all(each["title"] and not each["title"].startswith("#") for each in every)
    (tmp_path / "work" / "Start here.ipynb").write_text("no notebook")
    (tmp_path / "work" / "home_page.ipynb").unlink()
    left = {each["path"]: each["title"] for each in content.examples(tmp_path / "work")}
    assert left["Start here.ipynb"] == "Start here"
    assert "home_page.ipynb" not in left


def test_the_news_are_the_changelogs() -> None:
    text = (checkout.root() / "CHANGELOG.md").read_text()
    section = text.partition("### In short\n")[2].partition("\n#")[0]
    assert tuple(line.removeprefix("- ") for line in section.splitlines() if line) == NEWS
