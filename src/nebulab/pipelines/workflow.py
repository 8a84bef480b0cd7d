"""A pipeline as a Galaxy workflow in gxformat2: a step a node, files and their notebooks as named inputs; runs
everywhere.

Galaxy's own importer reads gxformat2, so that no library is needed to send it. What a node makes goes to those after
it as the tool's collection `step_files`, whose elements are named by their paths.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.pipelines.files import needs
from nebulab.pipelines.model import Node, Pipeline
from nebulab.pipelines.running import RUNTIME

TAG = "nebulab-pipeline"
_COLUMN, _ROW = 320, 110
"""Of Galaxy's workflow editor, in its pixels."""
_NOTEBOOK = "executed_notebook"
_HIDDEN = (
    *("outfile_output_arrays", "outfile_output_zip", "harvest_report", "run_log"),
    *("onnx_models", "native_models", "model_cards", "tables", "figures", "files"),
)
"""Outputs of a step that the pipeline does not name. Galaxy hides them in the history once the step is done, and shows
all of a step that failed."""
_KINDS = {"notebook": "Notebook", "python": "Script", "r": "Script"}
_TOOL_DEFAULTS: dict[str, Any] = {
    "ml_h5_dataset_paths": "",
    "ml_h5_datasets": None,
    "user_inputs": [],
}
_RUN_DEFAULTS: dict[str, Any] = {
    "parameters": "",
    "requirements": "",
    "environment": "",
    "time_limit": None,
    "cell_time_limit": None,
    "gpus": None,
    "keras2": False,
    "allow_errors": False,
}


@dataclass(frozen=True)
class Input:
    """A file that becomes an input of the workflow."""

    label: str
    path: Path
    name: str
    """Of its dataset."""
    ext: str
    """Galaxy's datatype."""


@dataclass(frozen=True)
class Workflow:
    """The workflow in gxformat2, its inputs, and the steps' labels by the nodes' ids."""

    definition: dict[str, Any]
    inputs: tuple[Input, ...]
    labels: dict[str, str]

    @property
    def fingerprint(self) -> str:
        """What two workflows share that are the same."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()[:16]


def make(pipeline: Pipeline, *, requirements: str = "", tool: str = contract.JOB_TOOL) -> Workflow:
    """Return the workflow of a pipeline; `requirements` are packages that each step installs first."""
    inputs = _inputs(pipeline)
    labels = _labels(pipeline, {given.label for given in inputs.values()})
    places = _places(pipeline)
    steps = [
        _step(pipeline, node, inputs, labels, requirements) | {"tool_id": tool, "position": places[node.id]}
        for node in pipeline.nodes
    ]
    definition = {
        "class": "GalaxyWorkflow",
        "label": pipeline.name,
        "doc": pipeline.description
        or f"The pipeline {pipeline.path.name}, made with Nebulab. Its notebooks and files are inputs: give others.",
        "tags": [TAG],
        "inputs": [
            {
                "id": given.label,
                "label": given.label,
                "type": "data",
                "optional": False,
                "doc": _told(path),
                "position": {"left": 0, "top": _ROW * row},
            }
            for row, (path, given) in enumerate(inputs.items())
        ],
        "outputs": [
            {"id": f"{labels[node.id]}: {output}", "outputSource": f"{labels[node.id]}/{output}"}
            for node in pipeline.nodes
            for output in ([_NOTEBOOK, contract.STEP_FILES] if node.outputs else [_NOTEBOOK])
        ],
        "steps": steps,
    }
    return Workflow(definition, tuple(inputs.values()), labels)


def _places(pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Return where each step stands in Galaxy's editor: a column for each number of nodes before it."""
    depths: dict[str, int] = {}
    places = {}
    for node in pipeline.nodes:
        depth = depths[node.id] = 1 + max((depths[parent] for parent in node.after), default=0)
        row = sum(other == depth for other in depths.values()) - 1
        places[node.id] = {"left": _COLUMN * depth, "top": _ROW * row * 3}
    return places


def _told(path: str) -> str:
    return f"It lies at {path} when the steps that read it run."


def _inputs(pipeline: Pipeline) -> dict[str, Input]:
    """Return the inputs by their paths: each node's file, and what lies on the disk and is read."""
    kinds: dict[str, tuple[str, str]] = {}
    for node in pipeline.nodes:
        path = posixpath.normpath(node.filename)
        kinds.setdefault(path, (_KINDS[node.kind], "ipynb" if node.kind == "notebook" else "txt"))
    for node in pipeline.nodes:
        for path in needs(pipeline, node).here:
            kinds.setdefault(path, ("File", "auto"))
    found: dict[str, Input] = {}
    taken: set[str] = set()
    for path, (kind, ext) in kinds.items():
        name = posixpath.basename(path)
        folder = posixpath.dirname(path).replace("/", " > ")
        # A slash in a label would be taken for the one before an output's name.
        label = f"{kind}: {name}"
        if label in taken:
            label = f"{kind}: {name} in {folder or 'the first folder'}"
        taken.add(label)
        found[path] = Input(label, pipeline.folder / path, name, ext)
    return found


def _labels(pipeline: Pipeline, taken: set[str]) -> dict[str, str]:
    """Return each step's label, which is no input's and no other step's."""
    labels: dict[str, str] = {}
    used = set(taken)
    for node in pipeline.nodes:
        label = wanted = node.name.replace("/", " ").strip() or "step"
        number = 1
        while label in used:
            number += 1
            label = f"{wanted} {number}"
        used.add(label)
        labels[node.id] = label
    return labels


def _step(
    pipeline: Pipeline, node: Node, inputs: dict[str, Input], labels: dict[str, str], requirements: str
) -> dict[str, Any]:
    own = posixpath.normpath(node.filename)
    connections: dict[str, Any] = {"select_file": inputs[own].label}
    files = [path for path in needs(pipeline, node).here if path in inputs]
    for number, path in enumerate(files):
        connections[f"pipeline|given_{number}|dataset"] = inputs[path].label
    # As Elyra hands them on: the files of all nodes before it, not of its neighbours alone.
    earlier = [other for other in pipeline.ancestors(node) if other.outputs]
    for number, other in enumerate(earlier):
        connections[f"pipeline|earlier_{number}|collection"] = f"{labels[other.id]}/{contract.STEP_FILES}"
    silent = [labels[parent] for parent in node.after if not pipeline.node(parent).outputs]
    if silent:
        connections["pipeline|after"] = [f"{label}/run_log" for label in silent]
    environment = pipeline.environment(node) | {RUNTIME: "galaxy"}
    state = _TOOL_DEFAULTS | {
        "run": _RUN_DEFAULTS
        | {"gpus": node.gpus, "environment": _environment(environment), "requirements": requirements},
        "pipeline": {
            "path": own,
            "given": [{"path": path} for path in files],
            "earlier": [{} for _ in earlier],
            "after": None,
            "outputs": "\n".join(node.makes),
        },
    }
    return {
        "id": labels[node.id],
        "label": labels[node.id],
        "in": [{"id": name, "source": source} for name, source in connections.items()],
        "out": [{"id": name, "hide": True} for name in _HIDDEN],
        "state": state,
    }


def _environment(variables: dict[str, str]) -> str:
    """Return variables as the tool reads them: lines, or JSON where a value has line ends."""
    if any("\n" in value or "\r" in value for value in variables.values()):
        return json.dumps(variables)
    return "\n".join(f"{name}={value}" for name, value in variables.items())
