"""The files of a pipeline: what each node reads and makes, and from where it comes; runs everywhere."""

from __future__ import annotations

import fnmatch
import os
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nebulab.pipelines.model import Node, Pipeline

_SKIPPED = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})


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


def matching(folder: Path, patterns: Iterable[str]) -> Iterator[str]:
    """Yield the files below `folder` that patterns match (`*` and `?`), as relative paths; of a folder all of it."""
    for pattern in patterns:
        yield from _below(folder, pattern, deep=True)


def matches(path: str, pattern: str) -> bool:
    """Return whether a pattern of Elyra's matches: `*` stands for any characters, `?` for one."""
    return fnmatch.fnmatchcase(path, _literal(pattern))


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
    found = list(_below(folder, node.below(dependency), deep=node.subdirectories))
    if node.subdirectories and "/" not in dependency:
        # As Elyra packs them: the pattern holds in the folders below too.
        for inner, _, files in os.walk(folder / node.folder):
            found += [_relative(Path(inner) / name, folder) for name in files if matches(name, dependency)]
    own = posixpath.normpath(node.filename)
    return sorted(set(found) - {own})


def _below(folder: Path, pattern: str, *, deep: bool) -> Iterator[str]:
    paths = sorted(folder.glob(_literal(pattern))) if "*" in pattern or "?" in pattern else [folder / pattern]
    for path in paths:
        if path.is_dir():
            for inner, folders, files in os.walk(path):
                folders[:] = sorted(name for name in folders if name not in _SKIPPED) if deep else []
                yield from (_relative(Path(inner) / name, folder) for name in sorted(files) if not name.startswith("."))
        elif path.is_file():
            yield _relative(path, folder)


def _relative(path: Path, folder: Path) -> str:
    return posixpath.normpath(os.path.relpath(path, folder))


def _literal(pattern: str) -> str:
    """Return a pattern in which a bracket is a bracket."""
    return pattern.replace("[", "[[]")
