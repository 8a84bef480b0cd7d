"""The bench's rows, and the table that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_TITLES = ("what", "ours", "theirs", "ratio", "goal", "met")


@dataclass(frozen=True)
class Row:
    """One measurement: `what` was measured, each side's figure with its unit, the ratio that the goal speaks of."""

    what: str
    ours: str
    theirs: str
    ratio: str
    goal: str
    met: bool


def render(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    cells = [_TITLES]
    for row in rows:
        cells.append((row.what, row.ours, row.theirs, row.ratio, row.goal, "yes" if row.met else "NO"))
    widths = [max(len(line[column]) for line in cells) for column in range(len(_TITLES))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
