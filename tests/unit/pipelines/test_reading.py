"""A `.pipeline` file as Elyra writes it becomes nodes in an order; what can't be understood is told with node and
field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import PipelineError
from nebulab.pipelines.model import ERROR, WARNING, Problem
from nebulab.pipelines.reading import read
from support.pipelines import flow, node, write


def problems(path: Path) -> list[Problem]:
    return read(path)[1]


def only(path: Path) -> Problem:
    [problem] = problems(path)
    return problem


def test_nodes_come_in_the_order_of_the_arrows(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node("plot.ipynb", after=["learn.py", "clean.R"]),
        node("learn.py", after=["clean.R"]),
        node("clean.R"),
    )
    pipeline, found = read(path)
    assert found == []
    assert [one.name for one in pipeline.nodes] == ["clean.R", "learn.py", "plot.ipynb"]
    assert [one.kind for one in pipeline.nodes] == ["r", "python", "notebook"]
    assert [one.name for one in pipeline.ancestors(pipeline.node("plot.ipynb"))] == ["clean.R", "learn.py"]


def test_a_node_has_its_fields(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        node(
            "steps/clean.ipynb",
            label="Clean",
            dependencies=["data/raw.csv", ""],
            outputs=["data/clean.csv"],
            env_vars=[{"env_var": "ROWS", "value": "50"}, {"env_var": "EMPTY", "value": ""}],
            include_subdirectories=True,
            gpu="1",
        ),
        properties={
            "pipeline_defaults": {"env_vars": [{"env_var": "ROWS", "value": "9"}, {"env_var": "A", "value": 1}]}
        },
    )
    pipeline, found = read(path)
    assert found == []
    [one] = pipeline.nodes
    assert (one.name, one.filename, one.folder) == ("Clean", "steps/clean.ipynb", "steps")
    assert one.dependencies == ("data/raw.csv",)
    assert one.makes == ("steps/data/clean.csv",)
    assert one.subdirectories
    assert one.gpus == 1
    assert pipeline.environment(one) == {"ROWS": "50", "A": "1"}


def test_the_pipelines_parameters_reach_the_nodes_that_ask_for_them(tmp_path: Path) -> None:
    parameters = [
        {"name": "rounds", "default_value": {"type": "Integer", "value": 5}},
        {"name": "title", "default_value": {"type": "String", "value": ""}, "required": True},
    ]
    path = write(
        tmp_path,
        node("a.py", pipeline_parameters=["rounds"]),
        node("b.py"),
        properties={"pipeline_parameters": parameters},
    )
    pipeline, found = read(path)
    assert found == []
    assert pipeline.environment(pipeline.node("a.py")) == {"rounds": "5"}
    assert pipeline.environment(pipeline.node("b.py")) == {}
    assert pipeline.required == {"title"}


def test_groups_are_opened(tmp_path: Path) -> None:
    """Elyra's super nodes: a node before the group, one in it, one after it, with bindings between."""
    inside = node("inside.py", after=["entry"])
    made = flow(node("before.py"), node("after.py"))
    group = {
        "id": "group",
        "type": "super_node",
        "subflow_ref": {"pipeline_id_ref": "sub"},
        "app_data": {"ui_data": {"label": "Group"}},
        "inputs": [{"id": "in", "subflow_node_ref": "entry", "links": [_link("before.py", "outPort")]}],
        "outputs": [{"id": "out", "subflow_node_ref": "exit"}],
    }
    made["pipelines"][0]["nodes"] += [group]
    made["pipelines"][0]["nodes"][1]["inputs"][0]["links"] = [_link("group", "out")]
    entry = {"id": "entry", "type": "binding", "outputs": [{"id": "outPort"}]}
    leaving = {"id": "exit", "type": "binding", "inputs": [{"id": "inPort", "links": [_link("inside.py", "outPort")]}]}
    made["pipelines"].append({"id": "sub", "nodes": [inside, entry, leaving]})
    path = write(tmp_path)
    path.write_text(json.dumps(made))
    pipeline, found = read(path)
    assert found == []
    assert [one.name for one in pipeline.nodes] == ["before.py", "inside.py", "after.py"]
    assert pipeline.node("inside.py").after == ("before.py",)
    assert pipeline.node("after.py").after == ("inside.py",)


def test_groups_are_opened_by_the_names_of_elyras_ports(tmp_path: Path) -> None:
    made = flow(node("before.py"), node("after.py"))
    group = {
        "id": "group",
        "type": "super_node",
        "subflow_ref": {"pipeline_id_ref": "sub"},
        "app_data": {"ui_data": {"label": "Group"}},
        "inputs": [{"id": "inside.py_inPort", "links": [_link("before.py", "outPort")]}],
        "outputs": [{"id": "inside.py_outPort"}],
    }
    made["pipelines"][0]["nodes"] += [group]
    made["pipelines"][0]["nodes"][1]["inputs"][0]["links"] = [_link("group", "inside.py_outPort")]
    made["pipelines"].append({"id": "sub", "nodes": [node("inside.py")]})
    path = write(tmp_path)
    path.write_text(json.dumps(made))
    pipeline, found = read(path)
    assert found == []
    assert [one.name for one in pipeline.nodes] == ["before.py", "inside.py", "after.py"]


def test_a_group_that_holds_itself_is_told(tmp_path: Path) -> None:
    made = flow()
    made["pipelines"][0]["nodes"] = [
        {"id": "group", "type": "super_node", "subflow_ref": {"pipeline_id_ref": "primary"}, "app_data": {}}
    ]
    path = write(tmp_path)
    path.write_text(json.dumps(made))
    assert "inside this group" in only(path).message


def _link(target: str, port: str) -> dict[str, str]:
    return {"id": f"{target}.{port}", "node_id_ref": target, "port_id_ref": port}


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"filename": ""}, "filename", "No file is given"),
        ({"filename": 7}, "filename", "No file is given"),
        ({"dependencies": "a.csv"}, "dependencies", "no list of file names"),
        ({"outputs": [1]}, "outputs", "no list of file names"),
        ({"env_vars": [{"env_var": "NOT SO", "value": "1"}]}, "env_vars", "'NOT SO' can't be the name"),
        ({"env_vars": [{"env_var": "", "value": "1"}]}, "env_vars", "can't be the name"),
        ({"env_vars": [3]}, "env_vars", "can't be the name"),
        ({"gpu": "many"}, "gpu", "'many' is no number of GPUs"),
        ({"gpu": -1}, "gpu", "-1 is no number of GPUs"),
    ],
)
def test_a_wrong_field_is_told_with_its_node(tmp_path: Path, fields: dict[str, Any], field: str, told: str) -> None:
    made = node("one.ipynb", label="First")
    made["app_data"]["component_parameters"] |= fields
    path = write(tmp_path, made)
    problem = only(path)
    assert (problem.node, problem.field, problem.node_id, problem.severity) == ("First", field, "one.ipynb", ERROR)
    assert told in problem.message


def test_what_is_no_notebook_and_no_script_is_told(tmp_path: Path) -> None:
    problem = only(write(tmp_path, node("a.ipynb", label="Fetch", op="catalog:a08014f9252f")))
    assert (problem.node, problem.field) == ("Fetch", "op")
    assert "only notebooks, Python scripts and R scripts" in problem.message


def test_a_strange_type_is_told(tmp_path: Path) -> None:
    problem = only(write(tmp_path, node("a.ipynb") | {"type": "model_node"}))
    assert (problem.field, "'model_node'" in problem.message) == ("type", True)


def test_a_node_without_settings_is_told(tmp_path: Path) -> None:
    assert only(write(tmp_path, node("a.ipynb") | {"app_data": {}})).field == "component_parameters"


def test_an_arrow_from_nowhere_is_told(tmp_path: Path) -> None:
    assert "node that is not there" in only(write(tmp_path, node("a.ipynb", after=["gone"]))).message


def test_an_arrow_to_itself_is_told(tmp_path: Path) -> None:
    problem = only(write(tmp_path, node("a.ipynb", after=["a.ipynb"])))
    assert "back to itself" in problem.message


def test_two_of_one_id_are_told(tmp_path: Path) -> None:
    assert only(write(tmp_path, node("a.ipynb"), node("a.ipynb"))).field == "id"


def test_two_of_one_name_get_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, node("x/a.ipynb"), node("y/a.ipynb"))
    pipeline, [problem] = read(path)
    assert [one.name for one in pipeline.nodes] == ["a.ipynb", "a.ipynb (2)"]
    assert (problem.field, problem.severity) == ("label", WARNING)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not JSON"),
        ("[]", "holds no object"),
        ("{}", "`pipelines` is missing"),
        ('{"pipelines": []}', "`pipelines` is missing or empty"),
        ('{"pipelines": [1]}', "has no `id`"),
        ('{"pipelines": [{"id": "a", "nodes": 1}]}', "is no list of nodes"),
        ('{"pipelines": [{"id": "a", "app_data": [1]}]}', "is no object"),
        ('{"pipelines": [{"id": "a", "nodes": [{}]}]}', "nodes has no `id`"),
        ('{"pipelines": [{"id": "a"}], "primary_pipeline": "b"}', "'b' is none"),
        ('{"pipelines": [{"id": "a"}, {"id": "a"}]}', "the same `id`"),
        ('{"pipelines": [{"id": "a"}], "version": "2.0"}', "schema 2.0"),
        ('{"pipelines": [{"id": "a"}], "version": "x"}', "version is no number"),
        ('{"pipelines": [{"id": "a", "app_data": {"version": 9}}]}', "newer Elyra"),
        ('{"pipelines": [{"id": "a", "app_data": {"version": {}}}]}', "version is no number"),
        ("[" * 200_000, "not JSON"),
    ],
)
def test_what_is_no_pipeline_is_told(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "test.pipeline"
    path.write_text(text)
    with pytest.raises(PipelineError) as raised:
        read(path)
    assert told in raised.value.message
    assert raised.value.hint


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "test.pipeline"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PipelineError, match="no text"):
        read(path)
    with pytest.raises(PipelineError, match="can't be read"):
        read(tmp_path / "gone.pipeline")
