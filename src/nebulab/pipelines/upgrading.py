"""Pipeline files of older versions of Elyra, as its editor upgrades them; runs everywhere.

Elyra counts the versions of its own part of the file (`app_data.version` of the primary pipeline): 8 since its 3.12.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

CURRENT = 8
SCHEMA = 3.0

_RENAMED = {
    "notebook": "filename",
    "artifact": "filename",
    "docker_image": "runtime_image",
    "image": "runtime_image",
    "vars": "env_vars",
    "file_dependencies": "dependencies",
    "recursive_dependencies": "include_subdirectories",
}
_RUNTIME_TYPES = {"kfp": "KUBEFLOW_PIPELINES", "airflow": "APACHE_AIRFLOW"}
_LISTS = {
    "env_vars": re.compile(r"(?P<env_var>[^=]*)=?(?P<value>.*)", re.DOTALL),
    "mounted_volumes": re.compile(r"(?P<path>[^=]*)=?(?P<pvc_name>.*)", re.DOTALL),
    "kubernetes_secrets": re.compile(r"(?P<env_var>[^=]*)=?(?P<name>[^:]*):?(?P<key>.*)", re.DOTALL),
}


def version(flow: dict[str, Any]) -> float:
    """Return the file's version, 0 if it has none.

    Raises
    ------
    ValueError
        It is no number.
    """
    return float(_primary(flow).get("app_data", {}).get("version", 0))


def upgrade(flow: dict[str, Any], folder: Path) -> bool:
    """Upgrade a pipeline in place to the current version; return whether there was anything to do.

    `folder` is the pipeline file's: before version 2, paths started from the folder that Jupyter was started in.
    """
    found = version(flow)
    if found >= CURRENT:
        return False
    primary = _primary(flow)
    if found < 1:
        _first(primary)
    if found < 2:
        _second(flow, folder)
    if found < 4:
        for node in _nodes(flow):
            _component(node)
    if found < 6:
        data = primary.setdefault("app_data", {})
        if runtime := data.pop("runtime", None):
            data.setdefault("runtime_type", _RUNTIME_TYPES.get(runtime, runtime))
    _eighth(flow)
    data = primary.setdefault("app_data", {})
    data["version"] = CURRENT
    # Versions before 4 had no properties: the name stood beside them.
    data.setdefault("properties", {"name": str(data.get("name") or "pipeline"), "runtime": "Generic"})
    return True


def _primary(flow: dict[str, Any]) -> dict[str, Any]:
    pipelines: list[dict[str, Any]] = flow["pipelines"]
    wanted = flow.get("primary_pipeline")
    return next((pipeline for pipeline in pipelines if pipeline.get("id") == wanted), pipelines[0])


def _nodes(flow: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for pipeline in flow["pipelines"] for node in pipeline.get("nodes") or () if isinstance(node, dict)]


def _first(primary: dict[str, Any]) -> None:
    data = primary.setdefault("app_data", {})
    if "title" in data:
        data["name"] = data.pop("title")
    for name in ("export", "export_format", "export_path"):
        data.pop(name, None)
    for node in primary.get("nodes") or ():
        if node.get("type") == "pipeline_node":
            node["type"] = "execution_node"
        node["op"] = "execute-notebook-node"
        fields = node.setdefault("app_data", {})
        for old, new in _RENAMED.items():
            if old in fields:
                fields[new] = fields.pop(old)


def _second(flow: dict[str, Any], folder: Path) -> None:
    for node in _nodes(flow):
        data = node.get("app_data")
        if isinstance(data, dict) and isinstance(data.get("filename"), str):
            data["filename"] = _from_pipeline(data["filename"], folder)


def _eighth(flow: dict[str, Any]) -> None:
    for pipeline in flow["pipelines"]:
        properties = (pipeline.get("app_data") or {}).get("properties")
        _pairs(properties.get("pipeline_defaults") if isinstance(properties, dict) else None)
    for node in _nodes(flow):
        data = node.get("app_data")
        _pairs(data.get("component_parameters") if isinstance(data, dict) else None)


def _from_pipeline(name: str, folder: Path) -> str:
    """Return the longest end of a path that is a file beside the pipeline, else the name alone."""
    parts = name.split("/")
    for start in range(len(parts)):
        candidate = posixpath.join(*parts[start:])
        if (folder / candidate).is_file():
            return candidate
    return parts[-1]


def _component(node: dict[str, Any]) -> None:
    data = node.get("app_data")
    if node.get("type") != "execution_node" or not isinstance(data, dict) or "component_parameters" in data:
        return
    shown = data.pop("ui_data", None) or {}
    node["app_data"] = {"label": shown.get("label") or "", "component_parameters": data, "ui_data": shown}


def _pairs(fields: Any) -> None:
    """Make `NAME=value` of lists what it has been since version 8: an object with named parts."""
    if not isinstance(fields, dict):
        return
    for name, pattern in _LISTS.items():
        items = fields.get(name)
        if isinstance(items, list):
            fields[name] = [
                found.groupdict() if isinstance(item, str) and (found := pattern.match(item)) else item
                for item in items
                if item != ""
            ]
