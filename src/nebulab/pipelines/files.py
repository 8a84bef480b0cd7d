"""The files of a pipeline: what each node reads and makes, and from where it comes; runs everywhere."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nebulab.files import below, matches, matching
from nebulab.pipelines.model import Node, Pipeline


@dataclass(frozen=True)
class Needs:
    """What one node reads beside its own file, by paths relative to the pipeline's folder."""

    here: tuple[str, ...]
    """Files that lie on the disk, and that no node before it makes."""
    made: dict[str, str] = field(default_factory=dict)
    """What a node before it makes: the dependency, and that node's id."""
    strange: dict[str, str] = field(default_factory=dict)
    """What only a node makes that does not come before it: the dependency, and that node's id."""
    missing: tuple[str, ...] = ()
    """Dependencies, as they are written, that no file matches and no node makes."""


def needs(pipeline: Pipeline, node: Node) -> Needs:
    """Return what a node reads, and from where each file comes."""
    ancestors = pipeline.ancestors(node)
    before = {other.id for other in ancestors}
    others = [other for other in pipeline.nodes if other.id not in before and other.id != node.id]
    here: dict[str, None] = {}
    made: dict[str, str] = {}
    strange: dict[str, str] = {}
    missing = []
    for dependency in node.dependencies:
        wanted = node.below(dependency)
        maker = next((other.id for other in ancestors if _makes(other, wanted)), "")
        found = [path for path in _matching(pipeline.folder, node, dependency) if not _made_by(path, ancestors)]
        here.update(dict.fromkeys(found))
        if maker:
            made[dependency] = maker
        elif not found:
            stranger = next((other.id for other in others if _makes(other, wanted)), "")
            if stranger:
                strange[dependency] = stranger
            else:
                missing.append(dependency)
        else:
            stranger = next((other.id for other in others for path in found if _made_by(path, [other])), "")
            strange |= {dependency: stranger} if stranger else {}
    return Needs(tuple(here), made, strange, tuple(missing))


def overlap(first: str, second: str) -> bool:
    """Return whether two outputs may be one file: the same path, or one that the other's pattern matches."""
    return first == second or matches(first, second) or matches(second, first)


def leads_out(node: Node, name: str) -> bool:
    """Return whether a path of a node's leaves the pipeline's folder."""
    return posixpath.isabs(name) or node.below(name).split("/")[0] == ".."


def _makes(node: Node, wanted: str) -> bool:
    """Whether one of the node's outputs is `wanted`, matches it, is matched by it, or lies in the folder `wanted`."""
    return any(overlap(output, wanted) or _inside(output, wanted) or _inside(wanted, output) for output in node.makes)


def _made_by(path: str, nodes: Iterable[Node]) -> bool:
    return any(matches(path, out) or _inside(path, out) for node in nodes for out in node.makes)


def _inside(path: str, folder: str) -> bool:
    return folder == "." or path.startswith(f"{folder}/")


def _matching(folder: Path, node: Node, dependency: str) -> list[str]:
    if posixpath.isabs(dependency):
        return []
    found = list(matching(folder, node.below(dependency), deep=node.subdirectories))
    if node.subdirectories and "/" not in dependency:
        # As Elyra packs them: the pattern holds in the folders below too.
        for inner, _, files in os.walk(folder / node.folder):
            found += [below(Path(inner) / name, folder) for name in files if matches(name, dependency)]
    own = posixpath.normpath(node.filename)
    return sorted(set(found) - {own})
