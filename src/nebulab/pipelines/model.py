"""A pipeline as this room sees it: nodes in an order, their files, and what is wrong with them; runs everywhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ERROR, WARNING = "error", "warning"

KINDS = {"execute-notebook-node": "notebook", "execute-python-node": "python", "execute-r-node": "r"}
"""Elyra's operators that run a file, and what each file is. `nebulab run` takes all three."""
SUFFIXES = {"notebook": (".ipynb",), "python": (".py",), "r": (".r",)}


@dataclass(frozen=True)
class Problem:
    """What is wrong in a pipeline, where: a node's name and id, and the field of its form; empty for the file."""

    message: str
    node: str = ""
    field: str = ""
    node_id: str = ""
    severity: str = ERROR

    def __str__(self) -> str:
        place = f"{self.node}, {self.field}: " if self.node and self.field else f"{self.node}: " if self.node else ""
        return place + self.message

    def as_json(self) -> dict[str, str]:
        """Return it as the page shows it."""
        return {
            "message": self.message,
            "node": self.node,
            "field": self.field,
            "node_id": self.node_id,
            "severity": self.severity,
        }


@dataclass(frozen=True)
class Node:
    """A file that is run: a notebook or a script."""

    id: str
    name: str
    kind: str
    filename: str
    """As the pipeline names it, relative to the pipeline's folder."""
    dependencies: tuple[str, ...] = ()
    """Files, folders and patterns that it reads, relative to its own folder."""
    outputs: tuple[str, ...] = ()
    """Files and patterns that it makes for others, relative to its own folder."""
    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    """The pipeline's parameters that it gets, as variables of its environment."""
    subdirectories: bool = False
    gpus: int | None = None
    after: tuple[str, ...] = ()
    """Ids of the nodes before it."""

    @property
    def folder(self) -> str:
        """The folder that it runs in, relative to the pipeline's."""
        return posixpath.dirname(posixpath.normpath(self.filename))

    def below(self, name: str) -> str:
        """Return a path of the node's own, relative to the pipeline's folder."""
        return posixpath.normpath(posixpath.join(self.folder, name))

    @property
    def makes(self) -> tuple[str, ...]:
        """Its outputs, relative to the pipeline's folder."""
        return tuple(self.below(output) for output in self.outputs)


@dataclass(frozen=True)
class Pipeline:
    """A pipeline file, its super nodes opened."""

    path: Path
    name: str
    nodes: tuple[Node, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    """The pipeline's own, with their values as text."""
    required: frozenset[str] = frozenset()
    """Of these, the ones that need a value."""
    description: str = ""

    @property
    def folder(self) -> Path:
        """The folder of the pipeline file, which its paths start from."""
        return self.path.parent

    def node(self, node_id: str) -> Node:
        """Return a node by its id."""
        return next(node for node in self.nodes if node.id == node_id)

    def ancestors(self, node: Node) -> list[Node]:
        """Return every node that runs before `node`, in the pipeline's order."""
        found: set[str] = set()
        pending = list(node.after)
        while pending:
            parent = pending.pop()
            if parent not in found:
                found.add(parent)
                pending.extend(self.node(parent).after)
        return [other for other in self.nodes if other.id in found]

    def environment(self, node: Node) -> dict[str, str]:
        """Return a node's variables: its own, and the parameters that it gets, both as text."""
        chosen = {name: self.parameters[name] for name in node.parameters if name in self.parameters}
        return {**node.variables, **chosen}


def in_order(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the nodes so that each follows those it comes after; of a circle's nodes, and what hangs on it, none."""
    placed: dict[str, Node] = {}
    pending = list(nodes)
    while ready := [node for node in pending if all(parent in placed for parent in node.after)]:
        placed.update((node.id, node) for node in ready)
        pending = [node for node in pending if node.id not in placed]
    return tuple(placed.values())


def circles(nodes: tuple[Node, ...]) -> Iterator[list[Node]]:
    """Yield, for each circle that is found, its nodes in the order of the arrows."""
    ordered = {node.id for node in in_order(nodes)}
    left = {node.id: node for node in nodes if node.id not in ordered}
    seen: set[str] = set()
    for start in left:
        path: list[str] = []
        current = start
        while current in left and current not in seen:
            seen.add(current)
            path.append(current)
            current = next((parent for parent in left[current].after if parent in left), "")
        if current in path:
            # The walk went against the arrows.
            yield [left[node_id] for node_id in reversed(path[path.index(current) :])]
