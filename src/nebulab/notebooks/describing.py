"""A notebook or script as the form "Run on the cluster" shows it: parameters, inputs, packages; runs in a session, as a
process of the Lab's environment that JupyterLab starts."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import subprocess
import sys
import tokenize
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.notebooks import reads
from nebulab.notebooks.reading import Program, read

_PACKAGES_SECONDS = 60
_FROM_A_FILE = " was installed from "
_LONGEST_VALUE = 2000
_TYPE_COMMENT = "type:"


def describe(path: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what the form needs to know of a program, ready for JSON.

    Raises
    ------
    NotebookError
        It can't be read.
    """
    program = read(path)
    found = reads.find(program, path.parent)
    return {
        "name": path.name,
        "language": program.language,
        "cells": len(program.notebook.cells),
        "has_parameters": _cell(program) is not None,
        "parameters": parameters(program),
        "inputs": [
            {"path": name, "size": (path.parent / name).stat().st_size, "where": _where(places)}
            for name, places in found.files.items()
        ],
        "outputs": found.made,
        "missing": _listed(found.missing),
        "outside": _listed(found.outside),
        "named": [row | {"given": _given(row["name"], environment)} for row in _listed(found.named)],
        "history": _listed(found.history),
        "packages": packages(environment),
    }


def parameters(program: Program) -> list[dict[str, Any]]:
    """Return the parameters of the tagged cell: name, type, default and help, in order.

    As papermill does it, the type is that of the annotation, else of the default, and the help is the line's comment;
    unlike papermill, from the cell's syntax tree: it reads a line by a pattern, and has none for `a = "b=c"`.
    """
    source = _cell(program)
    if source is None or program.language.lower() not in {"python", "ipython"}:
        return []
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    comments = _comments(source)
    rows: dict[str, dict[str, Any]] = {}
    for node in tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name):
                rows[target.id] = _row(target.id, node, comments.get(node.end_lineno or node.lineno, ""))
    return list(rows.values())


def packages(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what the user added in this session: what a job installs again, and what it can't."""
    answer: dict[str, Any] = {"added": [], "left": [], "error": ""}
    if not environment.get(contract.OVERLAY):
        return answer
    command = [sys.executable, "-P", "-m", "nebulab", "packages", "freeze"]
    try:
        finished = subprocess.run(
            command, env=dict(environment), capture_output=True, text=True, timeout=_PACKAGES_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return answer | {"error": "The packages of this session can't be listed."}
    if finished.returncode:
        return answer | {"error": (finished.stderr.strip().splitlines() or ["no reason was given"])[-1]}
    lines = finished.stdout.splitlines()
    answer["added"] = [line for line in lines if line and not line.startswith("#")]
    answer["left"] = [line.removeprefix("# ") for line in lines if _FROM_A_FILE in line]
    return answer


def _cell(program: Program) -> str | None:
    for cell in program.notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            return str(cell.source)
    return None


def _row(name: str, node: ast.Assign | ast.AnnAssign, comment: str) -> dict[str, Any]:
    assert node.value is not None  # noqa: S101 - an annotation alone is no parameter
    try:
        value = ast.literal_eval(node.value)
        known = True
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value, known = None, False
    text = ast.unparse(node.value)
    annotation = ast.unparse(node.annotation) if isinstance(node, ast.AnnAssign) else ""
    if comment.startswith(_TYPE_COMMENT):
        annotation, _, comment = comment.removeprefix(_TYPE_COMMENT).strip().partition(" ")
    return {
        "name": name,
        "type": _type(annotation, value, known=known),
        # What a field shows: a text without its quotes, anything else as Python writes it.
        "default": value if isinstance(value, str) else text[:_LONGEST_VALUE],
        "computed": not known,
        "help": comment.strip(),
    }


_TYPES = {"int": "int", "float": "float", "bool": "bool", "str": "str", "list": "list", "dict": "dict", "tuple": "list"}


def _type(annotation: str, value: Any, *, known: bool) -> str:
    plain = annotation.strip("\"'").partition("[")[0].strip().lower()
    if plain in _TYPES:
        return _TYPES[plain]
    if not known or value is None:
        return "any"
    return _TYPES.get(type(value).__name__, "any")


def _comments(source: str) -> dict[int, str]:
    """Return the comment at the end of each line that has one."""
    comments: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                text = token.string.lstrip("# ").strip()
                comments[token.start[0]] = text
    except (tokenize.TokenError, SyntaxError):
        pass
    return comments


def _listed(found: Mapping[str, list[reads.Place]]) -> list[dict[str, Any]]:
    return [{"name": name, "where": _where(places)} for name, places in found.items()]


def _where(places: Sequence[reads.Place]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(place) for place in places]


def _given(name: str, environment: Mapping[str, str]) -> Any:
    """Return the value that this session's GALAXY_INPUTS has for a name: paths of datasets, or a number or text."""
    place = environment.get(contract.INPUTS)
    try:
        value = json.loads(Path(place).read_text(encoding="utf-8"))[name] if place else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if isinstance(value, list):
        return {"paths": [str(Path(place).parents[1] / entry["path"]) for entry in value if "path" in entry]}  # type: ignore[arg-type]
    return None if value is None else {"value": value}


def main() -> int:
    """Describe the program that the wish names, as `nebulab.session.lab.acting` asks for it."""
    from nebulab.kernel.acting import main as act

    return act(lambda wish, _say: describe(Path(wish["path"])))


if __name__ == "__main__":
    sys.exit(main())
