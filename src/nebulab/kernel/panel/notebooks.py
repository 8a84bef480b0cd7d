"""The cells of a notebook as texts, for a preview; a process of the kernels' environment.

Outputs of HTML, JavaScript and images are named, not passed on.
"""

from __future__ import annotations

from typing import Any

_MOST_CELLS = 200
_MOST_SIGNS = 20_000
_MOST_OUTPUT = 4_000


def cells(notebook: Any) -> dict[str, Any]:
    """Return the notebook's cells: type, source and text of the outputs.

    Raises
    ------
    ValueError
        It is no notebook.
    """
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("no notebook of format 4")
    found = [cell for cell in notebook["cells"] if isinstance(cell, dict)]
    return {
        "kind": "notebook",
        "cells": [_cell(cell) for cell in found[:_MOST_CELLS]],
        "more": len(found) > _MOST_CELLS,
    }


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    kind = cell.get("cell_type")
    outputs = cell.get("outputs") if kind == "code" else None
    texts = [_output(each) for each in outputs if isinstance(each, dict)] if isinstance(outputs, list) else []
    return {
        "type": kind if kind in ("code", "markdown") else "raw",
        "source": _joined(cell.get("source"))[:_MOST_SIGNS],
        "outputs": [text for text in texts if text],
    }


def _output(output: dict[str, Any]) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _joined(output.get("text"))[:_MOST_OUTPUT]
    if kind == "error":
        return f"{output.get('ename', '')}: {output.get('evalue', '')}"[:_MOST_OUTPUT]
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    shown = next((str(name) for name in data if str(name).startswith("image/")), "")
    text = _joined(data.get("text/plain"))[:_MOST_OUTPUT]
    return f"[{shown}]" if shown else text


def _joined(given: Any) -> str:
    if isinstance(given, str):
        return given
    return "".join(part for part in given if isinstance(part, str)) if isinstance(given, list) else ""
