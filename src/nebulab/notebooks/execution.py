"""One notebook executed in a kernel, saved after every cell; runs in a batch job, in the Lab's environment.

On nbclient, the library under Jupyter's own tools. What a cell has shown is on disk before the next one starts, so a
job that is killed keeps everything up to there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from nebulab.errors import CellFailed, NotebookError

KERNEL = "python3"
"""The name of the kernelspec that a session makes."""

_TRACEBACK_LINES = 20
_SOURCE_LINES = 30
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def execute(path: Path, *, kernel: str = KERNEL) -> None:
    """Run the notebook at `path` in its folder, and save it there after every cell.

    Raises
    ------
    CellFailed
        A cell raised, and its tags don't allow it; the notebook on disk shows the error.
    NotebookError
        The file is no notebook, it is written in another language, or its kernel died.
    """
    notebook = _read(path)
    save(notebook, path)
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name=kernel,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda **_: save(notebook, path),
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise _told(notebook, error) from error
    except DeadKernelError as error:
        number, cell = _running(notebook)
        raise NotebookError(
            f"The kernel died in cell {number}:\n{_shortened(cell['source'])}",
            "Most often it needed more memory than the job has: read the data in parts, or ask for more.",
        ) from error
    finally:
        save(notebook, path)


def save(notebook: Any, path: Path) -> None:
    """Write a notebook so that readers see the old one or the new one, never a part."""
    beside = path.with_name(f".~{path.name}")
    beside.write_text(nbformat.writes(notebook), encoding="utf-8")
    beside.replace(path)


def _read(path: Path) -> Any:
    try:
        notebook = nbformat.read(path, as_version=4)
    except OSError as error:
        raise NotebookError(f"The notebook can't be read: {error.strerror}.", f"Is {path} there?") from error
    except Exception as error:  # nbformat raises its own, and whatever its parts raise
        raise NotebookError(f"{path.name} is no notebook: {error}", "Save it again from JupyterLab.") from error
    metadata = notebook.metadata
    language = (
        metadata.get("language_info", {}).get("name") or metadata.get("kernelspec", {}).get("language") or "python"
    )
    if language.lower() not in {"python", "ipython"}:
        raise NotebookError(f"{path.name} is written in {language}.", "Only notebooks in Python can be run here.")
    return notebook


def _told(notebook: Any, error: CellExecutionError) -> CellFailed:
    number, cell = _failed(notebook)
    shown = next((output for output in cell.get("outputs", ()) if output.get("output_type") == "error"), None)
    lines = _COLOURS.sub("", "\n".join(shown["traceback"])).strip().splitlines() if shown else []
    end = "\n".join(lines[-_TRACEBACK_LINES:]) or f"{error.ename}: {error.evalue}"
    return CellFailed(f"Cell {number} failed:\n\n{_shortened(cell['source'])}\n\n{end}")


def _failed(notebook: Any) -> tuple[int, Any]:
    """Return the number (from 1, text cells counted) and the last cell that shows an error."""
    for number, cell in reversed(list(enumerate(notebook.cells, start=1))):
        if any(output.get("output_type") == "error" for output in cell.get("outputs", ())):
            return number, cell
    return _running(notebook)


def _running(notebook: Any) -> tuple[int, Any]:
    """Return the number and the code cell that started last: it has begun and has no end yet."""
    cells = [(number, cell) for number, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"]
    for number, cell in cells:
        if "shell.execute_reply" not in cell.metadata.get("execution", {}) and cell["source"].strip():
            return number, cell
    return cells[-1]


def _shortened(source: str) -> str:
    lines = source.splitlines()
    if len(lines) <= _SOURCE_LINES:
        return source
    return "\n".join([*lines[:_SOURCE_LINES], f"… ({len(lines) - _SOURCE_LINES} more lines)"])
