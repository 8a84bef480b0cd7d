"""Parameters of a notebook: from options and YAML files into a cell after the one tagged `parameters`; runs in a batch
job. Papermill writes the cell, in the notebook's language."""

from __future__ import annotations

import ast
import contextlib
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nebulab.errors import SettingsError
from nebulab.notebooks.reading import Program


def parse(pairs: Sequence[tuple[str, str]], files: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the parameters by name: files first, then the pairs, whose values are YAML (`3`, `0.5`, `[1, 2]`, text).

    Raises
    ------
    SettingsError
        A file holds something else than names and values, or a name is no variable's name.
    """
    values: dict[str, Any] = {}
    for file in files:
        try:
            content = _content(file.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"The parameters can't be read from {file}: {error}", "Write one `name: value` a line."
            ) from error
        if content is not None and not isinstance(content, dict):
            raise SettingsError(f"{file} holds no names with values.", "Write one `name: value` a line.")
        values |= content or {}
    for name, text in pairs:
        values[name] = _value(text)
    for name in values:
        if not isinstance(name, str) or not name.isidentifier():
            raise SettingsError(f"{name!r} can't be a parameter.", "Use a name that a variable can have.")
    return values


def insert(program: Program, parameters: Mapping[str, Any]) -> str:
    """Add the cell with the parameters' values; return a remark for the log, or nothing.

    Raises
    ------
    SettingsError
        The notebook's cell of parameters has no such name; the nearest ones are shown.
    """
    if not parameters:
        return ""
    declared = _declared(program)
    if declared is not None:
        for name in parameters:
            if name not in declared:
                near = difflib.get_close_matches(name, declared, n=3)
                raise SettingsError(
                    f"The notebook has no parameter {name!r}.",
                    f"Did you mean {', '.join(near)}?" if near else f"It has: {', '.join(sorted(declared)) or 'none'}.",
                )
    from papermill.exceptions import PapermillException
    from papermill.parameterize import parameterize_notebook

    program.notebook.metadata.setdefault("papermill", {})
    for cell in program.notebook.cells:
        cell.metadata.setdefault("tags", [])
    specification = program.notebook.metadata.setdefault("kernelspec", {})
    # Papermill wants all three, and finds its way of writing a cell by the language.
    specification["name"] = str(specification.get("name") or program.wanted_kernel or "python3")
    specification["display_name"] = str(specification.get("display_name") or specification["name"])
    specification["language"] = str(specification.get("language") or program.language.lower())
    # R's kernel is the one whose language papermill looks up with a capital.
    if program.language.lower() == "r":
        specification["language"] = "R"
    try:
        parameterized = parameterize_notebook(program.notebook, dict(parameters), report_mode=False)
    except PapermillException as error:
        raise SettingsError(
            f"Parameters can't be set in a notebook in {program.language}.", "Set them in its first cell."
        ) from error
    parameterized.metadata.pop("papermill", None)
    program.notebook = parameterized
    if declared is None:
        return "No cell is tagged `parameters`: the values were set at the top, where later cells may overwrite them."
    return ""


def _declared(program: Program) -> set[str] | None:
    """Return the names that the tagged cell assigns; None if there is no such cell, or it is not Python."""
    for cell in program.notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            try:
                tree = ast.parse(cell.source)
            except SyntaxError:
                return None
            targets = [
                target
                for node in tree.body
                if isinstance(node, ast.Assign | ast.AnnAssign)
                for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            ]
            return {target.id for target in targets if isinstance(target, ast.Name)}
    return None


def _content(text: str) -> Any:
    try:
        # What `history.train` sends; as YAML 1e-05 would be a text, and NaN too.
        return json.loads(text)
    except ValueError:
        return yaml.safe_load(text)


def _value(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    if isinstance(value, str):
        # YAML wants a point in 1e-3, people don't.
        with contextlib.suppress(ValueError):
            return float(value)
    return value
