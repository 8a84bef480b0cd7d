"""A failing cell in words: the reason in one line, the cell's source, the traceback's end; runs in a batch job."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nbclient.exceptions import CellExecutionError

from nebulab.notebooks.log import COLOURS

_TRACEBACK_LINES = 20
_SOURCE_LINES = 30
_LONGEST_REASON = 200
# IPython has an entry for each frame, and begins it so; those of cells begin with "Cell In[3]". Compiled libraries name
# their source by a path that is on no disk here.
_LIBRARY_FRAME = re.compile(
    r"File (?:\S*[/\\](?:(?:site|dist)-packages|lib[/\\]python3[.\d]*)[/\\]|\S+\.p(?:yx|xd|xi):)"
)
_FRAME = re.compile(r"File |Cell ")
_CHAINED = re.compile(r"\s*(?:The above exception was|During handling of the above exception)")


def describe(number: int, total: int, cell: Mapping[str, Any], error: CellExecutionError) -> str:
    """Return the text for a cell that failed; its traceback is without the libraries' frames.

    The first line is the one that Galaxy shows: the tools' XML looks for it.
    """
    shown = next((output for output in cell.get("outputs", ()) if output.get("output_type") == "error"), None)
    reason = f"{error.ename}: {error.evalue}".rstrip(": ")
    lines = (
        "\n".join(_own([COLOURS.sub("", entry) for entry in shown["traceback"]]) if shown else ()).strip().splitlines()
    )
    end = "\n".join(lines[-_TRACEBACK_LINES:]) or reason
    first = " ".join(reason.split())
    if len(first) > _LONGEST_REASON:
        first = f"{first[:_LONGEST_REASON]} …"
    return f"Cell {number} of {total} failed: {first}\n\n{shortened(cell['source'])}\n\n{end}{_advice(cell)}"


def shortened(source: str) -> str:
    """Return the beginning of a cell's source."""
    lines = source.splitlines()
    if len(lines) <= _SOURCE_LINES:
        return source
    return "\n".join([*lines[:_SOURCE_LINES], f"… ({len(lines) - _SOURCE_LINES} more lines)"])


def _advice(cell: Mapping[str, Any]) -> str:
    """Return what the kernel printed below the cell's error: the line to type where a package is missing."""
    outputs = cell.get("outputs", ())
    kinds = [output.get("output_type") for output in outputs]
    below = outputs[kinds.index("error") + 1 :] if "error" in kinds else ()
    text = "".join(output["text"] for output in below if output.get("output_type") == "stream").strip()
    return f"\n\n{text}" if text else ""


def _own(entries: Sequence[str]) -> list[str]:
    """Return a traceback's entries without libraries' frames, and without exceptions that only libraries saw."""
    exceptions: list[list[str]] = [[]]
    for entry in entries:
        if not _LIBRARY_FRAME.match(entry):
            exceptions[-1].append(entry)
        if _CHAINED.match(entry):
            exceptions.append([])
    *causes, last = exceptions
    seen = [cause for cause in causes if any(_FRAME.match(entry) for entry in cause)]
    return [entry for exception in (*seen, last) for entry in exception]
