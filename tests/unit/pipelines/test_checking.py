"""Every fault of a pipeline is told before it runs, with the node and the field; a sound one has none."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from nebulab.errors import PipelineError
from nebulab.pipelines.checking import check, checked, outside
from nebulab.pipelines.model import WARNING
from support.pipelines import node, write


def told(path: Path) -> list[str]:
    return [str(problem) for problem in check(path)[1]]


def test_a_sound_pipeline_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "raw.csv").write_text("")
    path = write(
        tmp_path,
        node("clean.ipynb", dependencies=["raw.csv"], outputs=["clean.csv"]),
        node("learn.py", after=["clean.ipynb"], dependencies=["clean.csv"]),
    )
    assert told(path) == []
    assert [one.name for one in checked(path).nodes] == ["clean.ipynb", "learn.py"]


def test_a_circle_is_told_with_its_nodes_in_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("a.ipynb"),
        node("b.ipynb", after=["a.ipynb", "d.ipynb"]),
        node("c.ipynb", after=["b.ipynb"]),
        node("d.ipynb", after=["c.ipynb"]),
    )
    [line] = told(path)
    circle = line.partition("circle: ")[2].partition(".  ")[0]
    names = circle.removesuffix(". Delete one of them.").split(" → ")
    assert names[0] == names[-1]
    follows = list(pairwise(names))
    assert set(follows) == {("b.ipynb", "c.ipynb"), ("c.ipynb", "d.ipynb"), ("d.ipynb", "b.ipynb")}


def test_two_circles_are_told_both(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("a.ipynb", after=["b.ipynb"]),
        node("b.ipynb", after=["a.ipynb"]),
        node("c.ipynb", after=["d.ipynb"]),
        node("d.ipynb", after=["c.ipynb"]),
    )
    assert len(told(path)) == 2


def test_missing_files_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, node("gone.ipynb", label="Load", dependencies=["no.csv"]), files=False)
    assert told(path) == [
        "Load, filename: There is no file 'gone.ipynb' beside the pipeline. Was it moved?",
        "Load, dependencies: No file matches 'no.csv', and no node before it makes it.",
    ]


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    assert "does not end in .ipynb" in told(write(tmp_path, node("a.py", op="execute-notebook-node")))[0]


def test_an_output_of_two_nodes_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, node("a.ipynb", outputs=["data/x.csv"]), node("b.ipynb", outputs=["data/*.csv"]))
    assert told(path) == [
        "b.ipynb, outputs: 'data/*.csv (as data/x.csv)' is an output of a.ipynb too. Only one node can make it."
    ]


def test_a_missing_arrow_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, node("a.ipynb", outputs=["x.csv"]), node("b.ipynb", dependencies=["x.csv"]))
    assert told(path) == ["b.ipynb, dependencies: 'x.csv' is made by a.ipynb: draw an arrow from there."]


def test_an_output_over_a_node_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, node("a.ipynb", outputs=["b.ipynb"]), node("b.ipynb", after=["a.ipynb"]))
    [problem] = check(path)[1]
    assert "would replace the file of the node b.ipynb" in problem.message
    assert problem.severity == WARNING


def test_an_empty_pipeline_is_told(tmp_path: Path) -> None:
    assert told(write(tmp_path)) == ["The pipeline has no node. Drag a notebook onto it."]


def test_parameters_without_a_value_or_unknown_are_told(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("a.py", pipeline_parameters=["title", "other"]),
        properties={"pipeline_parameters": [{"name": "title", "required": True}]},
    )
    assert told(path) == [
        "a.py, pipeline_parameters: The pipeline's parameter 'title' has no value.",
        "a.py, pipeline_parameters: The pipeline has no parameter 'other'.",
    ]


def test_what_lies_outside_can_run_here_alone(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "up.csv").write_text("")
    path = write(tmp_path / "in", node("../up.py", dependencies=["up.csv"], outputs=["made.csv"]))
    pipeline = checked(path)
    assert [problem.field for problem in outside(pipeline)] == ["filename", "dependencies", "outputs"]


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, node("a.ipynb", gpu="x"), node("b.ipynb"), files=False)
    with pytest.raises(PipelineError) as raised:
        checked(path)
    assert raised.value.message.splitlines()[0] == "test.pipeline can't run:"
    assert len(raised.value.message.splitlines()) == 4
    assert raised.value.exit_code == 2
