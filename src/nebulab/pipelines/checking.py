"""What is wrong with a pipeline before it runs, each with node and field; runs everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab.errors import PipelineError
from nebulab.pipelines import files
from nebulab.pipelines.model import ERROR, SUFFIXES, WARNING, Node, Pipeline, Problem, circles
from nebulab.pipelines.reading import read

_MOST_SHOWN = 20


def check(path: Path, flow: dict[str, Any] | None = None) -> tuple[Pipeline, list[Problem]]:
    """Return the pipeline of a file, or of its JSON that is not saved yet, and every problem, errors first.

    Raises
    ------
    PipelineError
        It is no pipeline at all, or one of a version that is not known.
    """
    pipeline, problems = read(path, flow)
    if not pipeline.nodes and not problems:
        problems = [Problem("The pipeline has no node. Drag a notebook onto it.")]
    problems = [*problems, *_of_order(pipeline), *_of_parameters(pipeline)]
    for node in pipeline.nodes:
        problems += _of_file(pipeline, node)
        problems += _of_paths(pipeline, node)
    problems += [*_of_outputs(pipeline), *outside(pipeline)]
    return pipeline, sorted(problems, key=lambda problem: problem.severity != ERROR)


def checked(path: Path) -> Pipeline:
    """Return a pipeline that can run.

    Raises
    ------
    PipelineError
        It can't; the message lists why.
    """
    pipeline, problems = check(path)
    errors = [problem for problem in problems if problem.severity == ERROR]
    if errors:
        lines = [f"  {problem}" for problem in errors[:_MOST_SHOWN]]
        if len(errors) > _MOST_SHOWN:
            lines.append(f"  … and {len(errors) - _MOST_SHOWN} more")
        raise PipelineError(
            f"{path.name} can't run:\n" + "\n".join(lines),
            "Mend each, in the pipeline editor or in the file, and run it again.",
        )
    return pipeline


def _of_order(pipeline: Pipeline) -> Iterator[Problem]:
    for circle in circles(pipeline.nodes):
        first = circle[0]
        names = " → ".join([node.name for node in circle] + [first.name])
        yield Problem(f"The arrows lead in a circle: {names}. Delete one of them.", first.name, "inputs", first.id)


def _of_parameters(pipeline: Pipeline) -> Iterator[Problem]:
    known = pipeline.parameters.keys() | pipeline.required
    for node in pipeline.nodes:
        for name in node.parameters:
            if name not in known:
                yield _at(node, "pipeline_parameters", f"The pipeline has no parameter {name!r}.")
            elif name in pipeline.required:
                yield _at(node, "pipeline_parameters", f"The pipeline's parameter {name!r} has no value.")


def _of_file(pipeline: Pipeline, node: Node) -> Iterator[Problem]:
    if not node.filename:
        return  # told by the reader
    if not (pipeline.folder / node.filename).is_file():
        yield _at(node, "filename", f"There is no file {node.filename!r} beside the pipeline. Was it moved?")
    elif not node.filename.lower().endswith(SUFFIXES[node.kind]):
        wanted = SUFFIXES[node.kind][0]
        yield _at(node, "filename", f"{node.filename!r} does not end in {wanted}, as a node of this kind does.")


def outside(pipeline: Pipeline) -> Iterator[Problem]:
    """Yield what a node has outside of the pipeline's folder, which Galaxy gets nothing of.

    Each is a warning: here it does no harm.
    """
    for node in pipeline.nodes:
        own = (PurePosixPath(node.filename).name,) if node.filename else ()
        for field, names in (("filename", own), ("dependencies", node.dependencies), ("outputs", node.outputs)):
            for name in names:
                if files.leads_out(node, name):
                    shown = node.filename if field == "filename" else name
                    message = f"{shown!r} lies outside of the pipeline's folder: this can run here, and not on Galaxy."
                    yield _at(node, field, message, WARNING)


def _of_paths(pipeline: Pipeline, node: Node) -> Iterator[Problem]:
    needed = files.needs(pipeline, node)
    for name in needed.missing:
        yield _at(node, "dependencies", f"No file matches {name!r}, and no node before it makes it.")
    for name, maker in needed.strange.items():
        made_by = pipeline.node(maker).name
        yield _at(node, "dependencies", f"{name!r} is made by {made_by}: draw an arrow from there.")


def _of_outputs(pipeline: Pipeline) -> Iterator[Problem]:
    for first, second in combinations(pipeline.nodes, 2):
        for output in second.makes:
            if clash := next((other for other in first.makes if files.overlap(other, output)), ""):
                shown = output if output == clash else f"{output} (as {clash})"
                yield _at(second, "outputs", f"{shown!r} is an output of {first.name} too. Only one node can make it.")
    for node in pipeline.nodes:
        for output in node.makes:
            for other in pipeline.nodes:
                if other.filename and files.overlap(output, other.below(PurePosixPath(other.filename).name)):
                    yield _at(node, "outputs", f"{output!r} would replace the file of the node {other.name}.", WARNING)


def _at(node: Node, field: str, message: str, severity: str = ERROR) -> Problem:
    return Problem(message, node.name, field, node.id, severity)


__all__ = ["check", "checked", "outside"]
