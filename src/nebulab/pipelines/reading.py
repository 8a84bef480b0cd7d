"""A `.pipeline` file as nodes with their order, and what of it can't be understood; runs everywhere.

The format is Elyra's: pipeline JSON of schema 3.0, whose links lead from a node's input to the output port of another.
"""

from __future__ import annotations

import copy
import json
import posixpath
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from nebulab.errors import PipelineError
from nebulab.pipelines import upgrading
from nebulab.pipelines.model import KINDS, WARNING, Node, Pipeline, Problem, in_order

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AGAIN = "Open it in the pipeline editor and save it, or make a new one: File > New > Pipeline."
_MOST_BYTES = 32 * 2**20


def load(path: Path) -> dict[str, Any]:
    """Return the JSON of a pipeline file.

    Raises
    ------
    PipelineError
        It can't be read, or is no pipeline.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise PipelineError(f"{path.name} is too large for a pipeline.", "Is it another file?")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PipelineError(f"{path} can't be read: {error.strerror}.", "Check the path of the pipeline.") from error
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path.name} is no text, and no pipeline.", _AGAIN) from error
    return parse(text, path.name)


def parse(text: str, name: str) -> dict[str, Any]:
    """Return the JSON of a pipeline's text; `name` is the file's, for the message.

    Raises
    ------
    PipelineError
        It is no pipeline.
    """
    try:
        flow = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PipelineError(f"{name} is no pipeline: it is not JSON ({error}).", _AGAIN) from error
    _check_structure(flow, name)
    return dict(flow)


def read(path: Path, flow: dict[str, Any] | None = None) -> tuple[Pipeline, list[Problem]]:
    """Return the pipeline of a file, or of its JSON that is not saved yet, and what of it can't be understood.

    Raises
    ------
    PipelineError
        It is no pipeline, or one of a version that is not known.
    """
    flow = copy.deepcopy(load(path) if flow is None else flow)
    _check_version(flow, path.name)
    upgrading.upgrade(flow, path.parent)
    return _Reader(path, flow).read()


def _check_structure(flow: Any, name: str) -> None:
    """Raise unless pipelines, nodes and their parts are what the reader walks through."""

    def wrong(what: str) -> PipelineError:
        return PipelineError(f"{name} is no pipeline: {what}.", _AGAIN)

    if not isinstance(flow, dict):
        raise wrong("it holds no object")
    pipelines = flow.get("pipelines")
    if not isinstance(pipelines, list) or not pipelines:
        raise wrong("its field `pipelines` is missing or empty")
    for pipeline in pipelines:
        if what := _wrong_in(pipeline):
            raise wrong(what)
    identifiers = [pipeline["id"] for pipeline in pipelines]
    primary = flow.get("primary_pipeline", identifiers[0])
    if primary not in identifiers:
        raise wrong(f"its `primary_pipeline` {primary!r} is none of its pipelines")
    if len(set(identifiers)) != len(identifiers):
        raise wrong("two of its `pipelines` have the same `id`")
    flow["primary_pipeline"] = primary


def _wrong_in(pipeline: Any) -> str:
    """Return what keeps the reader from walking through one of the file's pipelines, or nothing."""
    if not isinstance(pipeline, dict) or not isinstance(pipeline.get("id"), str):
        return "one of its `pipelines` has no `id`"
    if not isinstance(pipeline.get("app_data") or {}, dict):
        return f"`app_data` of the pipeline {pipeline['id']!r} is no object"
    nodes = pipeline.get("nodes", [])
    if not isinstance(nodes, list) or not all(isinstance(node, dict) for node in nodes):
        return f"`nodes` of the pipeline {pipeline['id']!r} is no list of nodes"
    if not all(isinstance(node.get("id"), str) and node["id"] for node in nodes):
        return "one of its nodes has no `id`"
    return ""


def _check_version(flow: dict[str, Any], name: str) -> None:
    try:
        schema, version = float(flow.get("version", upgrading.SCHEMA)), upgrading.version(flow)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"{name}: its version is no number.", _AGAIN) from error
    if schema != upgrading.SCHEMA:
        raise PipelineError(
            f"{name} is a pipeline of schema {schema}; this program reads schema {upgrading.SCHEMA}.",
            "Open it with the program that made it, and save it as an Elyra pipeline.",
        )
    if version > upgrading.CURRENT:
        raise PipelineError(
            f"{name} was saved by a newer Elyra: its version is {version:g}, and {upgrading.CURRENT} is the newest "
            "that is known here.",
            "Nothing was changed. Make the pipeline anew here, or update Nebulab.",
        )


class _Reader:
    """Walks through the JSON, opens super nodes, and notes each problem with node and field."""

    def __init__(self, path: Path, flow: dict[str, Any]) -> None:
        self._path = path
        self._pipelines = {pipeline["id"]: pipeline for pipeline in flow["pipelines"]}
        self._primary = self._pipelines[flow["primary_pipeline"]]
        self._problems: list[Problem] = []
        self._nodes: dict[str, Node] = {}
        # Of each node's JSON: the pipeline that it lies in, and the super node that shows this pipeline.
        self._within: dict[str, tuple[str, dict[str, Any] | None]] = {}
        self._raw: dict[str, dict[str, Any]] = {}

    def read(self) -> tuple[Pipeline, list[Problem]]:
        properties = _object(_object(self._primary.get("app_data")).get("properties"))
        defaults = _object(properties.get("pipeline_defaults"))
        values, required = self._parameters(properties.get("pipeline_parameters"))
        self._defaults = self._variables(defaults.get("env_vars"), "", "")
        self._walk(self._primary["id"], None, ())
        linked = [replace(node, after=self._parents(node)) for node in self._nodes.values()]
        nodes = self._named(linked)
        placed = in_order(nodes)
        rest = tuple(node for node in nodes if node not in placed)
        pipeline = Pipeline(
            path=self._path,
            name=str(properties.get("name") or self._path.stem),
            nodes=placed + rest,
            parameters=values,
            required=required,
            description=str(properties.get("description") or ""),
        )
        return pipeline, self._problems

    def _walk(self, pipeline_id: str, within: dict[str, Any] | None, path: tuple[str, ...]) -> None:
        for node in self._pipelines[pipeline_id].get("nodes") or ():
            node_id, name = node["id"], _label(node)
            if node_id in self._raw:
                self._say("Two nodes have the same id. Delete one of them and add it again.", node, "id")
                continue
            self._raw[node_id] = node
            self._within[node_id] = (pipeline_id, within)
            kind = node.get("type")
            if kind == "super_node":
                inner = str(_object(node.get("subflow_ref")).get("pipeline_id_ref"))
                if inner not in self._pipelines or inner in (*path, pipeline_id):
                    self._say("The nodes inside this group are not in the file.", node, "subflow_ref")
                else:
                    self._walk(inner, node, (*path, pipeline_id))
            elif kind == "execution_node":
                self._execution(node, name)
            elif kind != "binding":
                self._say(f"A node of the type {kind!r} is not known. Delete it.", node, "type")

    def _execution(self, node: dict[str, Any], name: str) -> None:
        kind = KINDS.get(str(node.get("op")))
        if kind is None:
            self._say(
                f"A node of the kind {node.get('op')!r} can't be run here: only notebooks, Python scripts and R "
                "scripts can. Put its work into one of these.",
                node,
                "op",
            )
            return
        fields = _object(node.get("app_data")).get("component_parameters")
        if not isinstance(fields, dict):
            self._say("Its settings are missing. Delete the node and add it again.", node, "component_parameters")
            return
        filename = fields.get("filename")
        if not isinstance(filename, str) or not filename.strip():
            self._say("No file is given. Choose the notebook or script that it runs.", node, "filename")
            filename = ""
        self._nodes[node["id"]] = Node(
            id=node["id"],
            name=name,
            kind=kind,
            filename=filename.strip(),
            dependencies=self._paths(fields, "dependencies", node),
            outputs=self._paths(fields, "outputs", node),
            variables=self._defaults | self._variables(fields.get("env_vars"), name, node["id"]),
            parameters=self._names(fields.get("pipeline_parameters")),
            subdirectories=fields.get("include_subdirectories") in (True, "true", "True"),
            gpus=self._gpus(fields.get("gpu"), node),
        )

    def _paths(self, fields: dict[str, Any], field: str, node: dict[str, Any]) -> tuple[str, ...]:
        given = fields.get(field)
        if given in (None, ""):
            return ()
        if not isinstance(given, list) or not all(isinstance(entry, str) for entry in given):
            self._say("It is no list of file names. Write one a line.", node, field)
            return ()
        return tuple(dict.fromkeys(entry.strip() for entry in given if entry.strip()))

    def _variables(self, given: Any, name: str, node_id: str) -> dict[str, str]:
        if given in (None, ""):
            return {}
        found: dict[str, str] = {}
        for entry in given if isinstance(given, list) else [given]:
            variable = str(entry.get("env_var") or "") if isinstance(entry, dict) else ""
            if not isinstance(entry, dict) or not _VARIABLE.fullmatch(variable):
                shown = variable or entry
                self._problems.append(
                    Problem(
                        f"{shown!r} can't be the name of an environment variable: use letters, digits and _, such as "
                        "N_ROUNDS.",
                        name or "the pipeline's defaults",
                        "env_vars",
                        node_id,
                    )
                )
                continue
            value = entry.get("value")
            # As in Elyra: without a value there is no variable.
            if value not in (None, ""):
                found[variable] = str(value)
        return found

    def _gpus(self, given: Any, node: dict[str, Any]) -> int | None:
        if given in (None, ""):
            return None
        try:
            number = int(given)
        except (TypeError, ValueError):
            number = -1
        if number < 0:
            self._say(f"{given!r} is no number of GPUs. Write a whole number, or nothing.", node, "gpu")
            return None
        return number

    def _names(self, given: Any) -> tuple[str, ...]:
        return tuple(str(name) for name in given) if isinstance(given, list) else ()

    def _parameters(self, given: Any) -> tuple[dict[str, str], frozenset[str]]:
        """Return the pipeline's own parameters as text, and the names of those that need a value."""
        values: dict[str, str] = {}
        required = set()
        for entry in given if isinstance(given, list) else ():
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
                self._problems.append(
                    Problem(f"{name!r} can't be the name of a parameter: use letters, digits and _.", "", "parameters")
                )
                continue
            default = entry.get("default_value", entry.get("value"))
            value = default.get("value") if isinstance(default, dict) else default
            if value not in (None, ""):
                values[name] = str(value)
            elif entry.get("required"):
                required.add(name)
        return values, frozenset(required)

    def _parents(self, node: Node) -> tuple[str, ...]:
        raw = self._raw[node.id]
        found: dict[str, None] = {}
        for link in _links(raw):
            sources = self._sources(raw, link, frozenset())
            if sources is None:
                self._say("An arrow comes from a node that is not there. Draw it again.", raw, "inputs")
                continue
            found.update(dict.fromkeys(sources))
        _, within = self._within[node.id]
        if within is not None:
            # How Elyra names the port of a group that leads to one node inside it.
            ports = [port for port in within.get("inputs") or () if _object(port).get("id") == f"{node.id}_inPort"]
            found.update(dict.fromkeys(self._through(within, _links({"inputs": ports}), frozenset())))
        if node.id in found:
            self._say("Its arrow leads back to itself. Delete it.", raw, "inputs")
            found.pop(node.id)
        return tuple(found)

    def _sources(self, raw: dict[str, Any], link: Any, seen: frozenset[str]) -> list[str] | None:
        """Return the nodes that a link comes from, through the ports of groups; None if there is none such."""
        if not isinstance(link, dict):
            return None
        target, port = str(link.get("node_id_ref") or ""), str(link.get("port_id_ref") or "")
        if (prefix := port.removesuffix("_outPort")) in self._nodes:
            return [prefix]
        if target in self._nodes:
            return [target]
        source = self._raw.get(target)
        if source is None or target in seen:
            return None
        seen |= {target}
        if source.get("type") == "super_node":
            inner = _port(source.get("outputs"), port).get("subflow_node_ref")
            binding = self._raw.get(str(inner))
            return self._through(binding, _links(binding), seen) if binding else None
        if source.get("type") == "binding":
            _, within = self._within[target]
            if within is None:
                return None
            ports = [port for port in within.get("inputs") or () if _object(port).get("subflow_node_ref") == target]
            return self._through(within, _links({"inputs": ports}), seen)
        # A node of a kind that was told already: its arrow is no second problem.
        return []

    def _through(self, raw: dict[str, Any], links: list[Any], seen: frozenset[str]) -> list[str]:
        return [source for link in links for source in self._sources(raw, link, seen) or ()]

    def _named(self, nodes: list[Node]) -> tuple[Node, ...]:
        """Give nodes of one name a number, and say so."""
        uses = Counter(node.name for node in nodes)
        taken: Counter[str] = Counter()
        named = []
        for node in nodes:
            taken[node.name] += 1
            if taken[node.name] > 1:
                name = f"{node.name} ({taken[node.name]})"
                self._problems.append(
                    Problem(
                        f"{uses[node.name]} nodes are called {node.name!r}. Give each a label of its own; this one "
                        f"is shown as {name!r}.",
                        node.name,
                        "label",
                        node.id,
                        WARNING,
                    )
                )
                node = replace(node, name=name)
            named.append(node)
        return tuple(named)

    def _say(self, message: str, node: dict[str, Any], field: str) -> None:
        self._problems.append(Problem(message, _label(node), field, node["id"]))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _links(node: dict[str, Any] | None) -> list[Any]:
    ports = (node or {}).get("inputs")
    found = [_object(port).get("links") for port in (ports if isinstance(ports, list) else ())]
    return [link for links in found if isinstance(links, list) for link in links]


def _port(ports: Any, identifier: str) -> dict[str, Any]:
    return next((port for port in ports or () if isinstance(port, dict) and port.get("id") == identifier), {})


def _label(node: dict[str, Any]) -> str:
    """Return a node's name as the editor shows it."""
    data = _object(node.get("app_data"))
    fields, shown = _object(data.get("component_parameters")), _object(data.get("ui_data"))
    label = shown.get("label") or data.get("label")
    return str(label or posixpath.basename(str(fields.get("filename") or "")) or node.get("op") or node["id"])


__all__ = ["load", "parse", "read"]
