"""Files of older versions of Elyra are read as its editor upgrades them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.pipelines.reading import read
from nebulab.pipelines.upgrading import CURRENT, upgrade
from support.pipelines import flow, node


def old(version: int | None) -> dict[str, Any]:
    """Return a pipeline as versions before 4 wrote it: the fields right in `app_data`, variables as text."""
    made = flow(node("a.ipynb"))
    primary = made["pipelines"][0]
    names = (
        ("notebook", "docker_image", "vars", "file_dependencies", "recursive_dependencies")
        if version is None
        else ("filename", "runtime_image", "env_vars", "dependencies", "include_subdirectories")
    )
    values = ("work/steps/a.ipynb", "an/image", ["ROWS=5", "QUERY=a=b", ""], ["x.csv"], True)
    primary["nodes"] = [
        {
            "id": "a",
            "type": "pipeline_node" if version is None else "execution_node",
            "op": "execute-notebook-node",
            "app_data": {
                **dict(zip(names, values, strict=True)),
                "ui_data": {"label": "Step A", "x_pos": 1, "y_pos": 2},
            },
        }
    ]
    primary["app_data"] = {"title" if version is None else "name": "old", "runtime": "kfp"}
    if version is not None:
        primary["app_data"]["version"] = version
    return made


@pytest.mark.parametrize("version", [None, 1, 3])
def test_old_files_are_read(tmp_path: Path, version: int | None) -> None:
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "a.ipynb").write_text("{}")
    made = old(version)
    if version == 3:
        made["pipelines"][0]["nodes"][0]["app_data"]["filename"] = "steps/a.ipynb"
    path = tmp_path / "old.pipeline"
    path.write_text(json.dumps(made))
    pipeline, problems = read(path)
    assert problems == []
    [one] = pipeline.nodes
    # Before version 2, paths started from where Jupyter was started.
    assert (one.name, one.filename) == ("Step A", "steps/a.ipynb")
    assert one.variables == {"ROWS": "5", "QUERY": "a=b"}
    assert (one.dependencies, one.subdirectories) == (("x.csv",), True)
    assert pipeline.name == "old"


def test_an_upgraded_file_is_of_the_current_form(tmp_path: Path) -> None:
    made = old(3)
    assert upgrade(made, tmp_path)
    primary = made["pipelines"][0]
    assert primary["app_data"]["version"] == CURRENT
    assert primary["app_data"]["runtime_type"] == "KUBEFLOW_PIPELINES"
    data = primary["nodes"][0]["app_data"]
    assert set(data) == {"label", "component_parameters", "ui_data"}
    assert data["component_parameters"]["env_vars"][0] == {"env_var": "ROWS", "value": "5"}
    assert not upgrade(made, tmp_path)


def test_a_file_that_is_not_found_keeps_its_name_alone(tmp_path: Path) -> None:
    made = old(1)
    upgrade(made, tmp_path)
    assert made["pipelines"][0]["nodes"][0]["app_data"]["component_parameters"]["filename"] == "a.ipynb"


def test_variables_of_version_7_are_read(tmp_path: Path) -> None:
    made = flow(node("a.py", env_vars=["A=1"]), version=7, properties={"pipeline_defaults": {"env_vars": ["B=2"]}})
    path = tmp_path / "seven.pipeline"
    path.write_text(json.dumps(made))
    pipeline, problems = read(path)
    assert problems == []
    assert pipeline.nodes[0].variables == {"B": "2", "A": "1"}
