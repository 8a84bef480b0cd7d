"""Notebooks as steps of workflows: one that was exported when the tool's version was 0.2, and one that trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

from support.galaxy import TOOL, GalaxyUser, wait_for

pytestmark = pytest.mark.system

WORKFLOW = Path(__file__).parent / "data" / "notebook_step_0.2.ga"
# As such notebooks were written: pandas on the paths of GALAXY_INPUTS, files into outputs/.
CELLS = (
    "import pandas as pd\n"
    "table = pd.read_csv(GALAXY_INPUTS['table'][0]['path'], sep='\\t')\n"
    "weights = pd.read_csv(GALAXY_INPUTS['weights'][0]['path'], sep='\\t')\n"
    "names = pd.read_csv(GALAXY_INPUTS['names'][0]['path'], sep='\\t')",
    "joined = table.merge(weights, on='id').merge(names, on='id')\n"
    "joined['score'] = joined['value'] * joined['weight']\n"
    "joined[['name', 'score']].to_csv('outputs/scores.tabular', sep='\\t', index=False)\n"
    "joined[['id']].to_csv('outputs/ids.tabular', sep='\\t', index=False)",
)


def test_a_workflow_of_version_0_2_runs(galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": [], "execution_count": None} for cell in CELLS
    ]
    kernel = {"kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}}
    notebook = tmp_path / "old.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}))
    given = {
        "Table": galaxy.upload(history, "id\tvalue\n1\t5\n2\t20\n3\t30\n", "table", "tabular")["id"],
        "Weights": galaxy.upload(history, "id\tweight\n1\t1\n2\t2\n3\t3\n", "weights", "tabular")["id"],
        "Names": galaxy.upload(history, "id\tname\n1\tone\n2\ttwo\n3\tthree\n", "names", "tabular")["id"],
        "Notebook": galaxy.upload(history, notebook, "old", "ipynb")["id"],
    }
    workflow = galaxy.gi.workflows.import_workflow_dict(json.loads(WORKFLOW.read_text()))["id"]
    shown = galaxy.gi.workflows.show_workflow(workflow)
    inputs = {step: {"src": "hda", "id": given[entry["label"]]} for step, entry in shown["inputs"].items()}
    invocation = galaxy.gi.workflows.invoke_workflow(workflow, inputs=inputs, history_id=history)["id"]

    first = last_step(galaxy, history)
    assert first == {"ids": "id\n2\n3\n", "scores": "name\ntwo\nthree\n"}
    ran = [job for job in galaxy.get("jobs", invocation_id=invocation) if job["tool_id"] == TOOL]
    assert [job["state"] for job in ran] == ["ok"]


TRAINING = (
    "import pandas as pd\n"
    "from sklearn.linear_model import LinearRegression\n"
    "table = pd.read_csv(GALAXY_INPUTS['table'][0]['path'], sep='\\t').head(rows)\n"
    "line = LinearRegression().fit(table[['x']], table['y'])",
    "table.assign(said=line.predict(table[['x']]).round()).to_csv('predictions.tabular', sep='\\t', index=False)",
)


def test_a_training_is_a_step(galaxy: GalaxyUser, history: str) -> None:
    """What docs/workflow-step.md describes: an input by name, a parameter, models and new files for the next steps."""
    cells = [nbformat.v4.new_code_cell("rows = 5", metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(cell) for cell in TRAINING]
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    table = "x\ty\n" + "".join(f"{x}\t{3 * x}\n" for x in range(50))
    given = {
        "Notebook": galaxy.upload(history, notebook, "train.ipynb", "ipynb")["id"],
        "Table": galaxy.upload(history, table, "table", "tabular")["id"],
    }
    made = yaml.safe_load((WORKFLOW.parent / "training_step.gxwf.yml").read_text())
    workflow = galaxy.gi.workflows.import_workflow_dict(made)["id"]
    shown = galaxy.gi.workflows.show_workflow(workflow)
    inputs = {step: {"src": "hda", "id": given[entry["label"]]} for step, entry in shown["inputs"].items()}
    galaxy.gi.workflows.invoke_workflow(workflow, inputs=inputs, history_id=history)
    assert last_step(galaxy, history) == {"predictions": "x\n" + "".join(f"{x}\n" for x in range(20))}
    contents = galaxy.gi.histories.show_history(history, contents=True)
    models = next(one for one in contents if one["name"].startswith("ONNX models of train.ipynb, "))
    # A workflow says itself what is shown of its steps; what is empty is hidden.
    shown_of_step = {one["name"].partition(" of ")[0] for one in contents if one["visible"] and not one["deleted"]}
    assert "Log" in shown_of_step
    assert "Figures" not in shown_of_step
    elements = galaxy.get(f"dataset_collections/{models['id']}")["elements"]
    assert [one["element_identifier"] for one in elements] == ["onnx_model_line.onnx"]


def last_step(galaxy: GalaxyUser, history: str) -> dict[str, str]:
    """Wait for the collection that Cut makes, and return its elements' contents."""

    def cut() -> dict[str, Any] | None:
        contents = galaxy.gi.histories.show_history(history, contents=True)
        collections = [one for one in contents if one["history_content_type"] == "dataset_collection"]
        found = [one for one in collections if "Cut" in one["name"]]
        failed = [one for one in contents if one.get("state") == "error"]
        assert not failed, [one["name"] for one in failed]
        done = found and found[0]["populated_state"] == "ok" and found[0]["element_count"]
        return galaxy.get(f"dataset_collections/{found[0]['id']}") if done else None

    elements = wait_for("the last step's collection", cut, 400, 2)["elements"]
    for element in elements:
        assert galaxy.wait_dataset(element["object"]["id"])["state"] == "ok"
    return {one["element_identifier"]: galaxy.content(one["object"]["id"]).decode() for one in elements}
