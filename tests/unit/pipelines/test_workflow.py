"""A pipeline as a Galaxy workflow: inputs by name, files as connections, settings kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from nebulab.pipelines.checking import checked
from nebulab.pipelines.workflow import Workflow, make
from support.pipelines import node, write

ROOT = Path(__file__).parents[3]


def made(folder: Path, *nodes: dict[str, Any], **options: Any) -> Workflow:
    return make(checked(write(folder, *nodes)), **options)


def step(workflow: Workflow, label: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in workflow.definition["steps"] if one["label"] == label)
    return found


def connections(workflow: Workflow, label: str) -> dict[str, Any]:
    return {one["id"]: one["source"] for one in step(workflow, label)["in"]}


def test_files_become_inputs_and_connections(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw.csv").write_text("")
    workflow = made(
        tmp_path,
        node("steps/clean.ipynb", label="Clean", dependencies=["../data/raw.csv"], outputs=["clean.csv"]),
        node("learn.py", after=["steps/clean.ipynb"], outputs=["model/*.txt"]),
        node("plot.R", after=["learn.py"], dependencies=["data/raw.csv"]),
    )
    assert [(one.label, one.ext) for one in workflow.inputs] == [
        ("Notebook: clean.ipynb", "ipynb"),
        ("Script: learn.py", "txt"),
        ("Script: plot.R", "txt"),
        ("File: raw.csv", "auto"),
    ]
    assert connections(workflow, "Clean") == {
        "select_file": "Notebook: clean.ipynb",
        "pipeline|given_0|dataset": "File: raw.csv",
    }
    # The files of all nodes before it, as Elyra hands them on.
    assert connections(workflow, "plot.R") == {
        "select_file": "Script: plot.R",
        "pipeline|given_0|dataset": "File: raw.csv",
        "pipeline|earlier_0|collection": "Clean/step_files",
        "pipeline|earlier_1|collection": "learn.py/step_files",
    }
    state = step(workflow, "Clean")["state"]["pipeline"]
    assert (state["path"], state["outputs"]) == ("steps/clean.ipynb", "steps/clean.csv")
    assert state["given"] == [{"path": "data/raw.csv"}]
    assert step(workflow, "plot.R")["position"]["left"] > step(workflow, "learn.py")["position"]["left"]


def test_an_arrow_without_files_is_kept(tmp_path: Path) -> None:
    workflow = made(tmp_path, node("a.py"), node("b.py", after=["a.py"]))
    assert connections(workflow, "b.py")["pipeline|after"] == ["a.py/run_log"]


def test_variables_gpus_and_packages_are_kept(tmp_path: Path) -> None:
    workflow = made(
        tmp_path,
        node("a.py", gpu=2, env_vars=[{"env_var": "A", "value": "x=y"}]),
        node("b.py", env_vars=[{"env_var": "B", "value": "two\nlines"}]),
        requirements="thing==2.5",
    )
    run = step(workflow, "a.py")["state"]["run"]
    assert (run["environment"], run["gpus"]) == ("A=x=y\nELYRA_RUNTIME_ENV=galaxy", 2)
    assert run["requirements"] == "thing==2.5"
    several = json.loads(step(workflow, "b.py")["state"]["run"]["environment"])
    assert several == {"B": "two\nlines", "ELYRA_RUNTIME_ENV": "galaxy"}


def test_labels_are_never_the_same_and_have_no_slash(tmp_path: Path) -> None:
    for name in ("x/t.csv", "y/t.csv"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    workflow = made(
        tmp_path,
        node("a.py", label="one/two", dependencies=["x/t.csv"]),
        node("b.py", label="one two", dependencies=["y/t.csv"]),
        node("c.py", label="Script: a.py"),
    )
    labels = [one["label"] for one in workflow.definition["steps"]] + [one.label for one in workflow.inputs]
    assert len(set(labels)) == len(labels) == 8
    assert not any("/" in label for label in labels)


def test_the_same_pipeline_is_the_same_workflow(tmp_path: Path) -> None:
    first = made(tmp_path, node("a.py"))
    assert made(tmp_path, node("a.py")).fingerprint == first.fingerprint
    assert made(tmp_path, node("a.py", gpu=1)).fingerprint != first.fingerprint


def test_two_nodes_of_one_file_share_an_input(tmp_path: Path) -> None:
    first, second = node("a.py", label="1"), node("a.py", label="2") | {"id": "second"}
    workflow = made(tmp_path, first, second)
    assert [one.label for one in workflow.inputs] == ["Script: a.py"]
    assert connections(workflow, "2")["select_file"] == "Script: a.py"


def test_galaxy_hides_what_the_pipeline_does_not_name(tmp_path: Path) -> None:
    workflow = made(tmp_path, node("a.py", outputs=["a.txt"]), node("b.py", after=["a.py"]))
    tool = ElementTree.parse(ROOT / "galaxy-tools" / "run_jupyter_job.xml").getroot()
    outputs = {str(output.get("name")) for output in tool.find("outputs") or ()}
    for label in ("a.py", "b.py"):
        assert all(one["hide"] for one in step(workflow, label)["out"])
        assert outputs - {one["id"] for one in step(workflow, label)["out"]} == {"executed_notebook", "step_files"}
