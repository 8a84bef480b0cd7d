"""Pipeline files for tests, of the structure that Elyra's editor writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat

OPERATORS = {".ipynb": "execute-notebook-node", ".py": "execute-python-node", ".r": "execute-r-node"}
_SCHEMA = "http://api.dataplatform.ibm.com/schemas/common-pipeline/pipeline-flow/pipeline-flow-v3-schema.json"


def node(filename: str, *, after: Sequence[str] = (), label: str = "", op: str = "", **fields: Any) -> dict[str, Any]:
    """Return a node whose id is its file's name; `after` are the ids of those before it."""
    links = [{"id": f"{parent}-{filename}", "node_id_ref": parent, "port_id_ref": "outPort"} for parent in after]
    parameters = {
        "filename": filename,
        "dependencies": [],
        "include_subdirectories": False,
        "outputs": [],
        "env_vars": [],
        "runtime_image": "",
    }
    return {
        "id": filename,
        "type": "execution_node",
        "op": op or OPERATORS.get(Path(filename).suffix.lower(), "execute-notebook-node"),
        "app_data": {
            "component_parameters": parameters | fields,
            "label": label,
            "ui_data": {"label": label or Path(filename).name, "x_pos": 10, "y_pos": 20},
        },
        "inputs": [{"id": "inPort", "app_data": {}, "links": links}],
        "outputs": [{"id": "outPort", "app_data": {}}],
    }


def flow(*nodes: dict[str, Any], version: Any = 8, properties: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON of a pipeline."""
    primary = {
        "id": "primary",
        "nodes": list(nodes),
        "app_data": {
            "ui_data": {"comments": []},
            "version": version,
            "properties": {"name": "test", "runtime": "Generic", **(properties or {})},
        },
        "runtime_ref": "",
    }
    return {
        "doc_type": "pipeline",
        "version": "3.0",
        "json_schema": _SCHEMA,
        "id": "elyra-auto-generated-pipeline",
        "primary_pipeline": "primary",
        "pipelines": [primary],
        "schemas": [],
    }


def write(folder: Path, *nodes: dict[str, Any], files: bool = True, **options: Any) -> Path:
    """Write a pipeline, and an empty file for each node; return the pipeline's path."""
    path = folder / "test.pipeline"
    path.write_text(json.dumps(flow(*nodes, **options)))
    for one in nodes:
        name = one["app_data"].get("component_parameters", {}).get("filename")
        if files and isinstance(name, str) and name and not (folder / name).exists():
            program(folder, name, "")
    return path


def program(folder: Path, name: str, *cells: str) -> Path:
    """Write a notebook with these cells, or a script."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ipynb":
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        made = [nbformat.v4.new_code_cell(cell, id=f"cell{number}") for number, cell in enumerate(cells)]
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), path)
    else:
        path.write_text("\n".join(cells))
    return path
