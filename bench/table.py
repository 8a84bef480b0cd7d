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

    @classmethod
    def at_most(cls, what: str, ours: float, theirs: float, unit: str, whom: str, *, goal: float) -> Row:
        """Compare a figure that should be small, such as a time, with that of `whom`; `goal` is the largest ratio."""
        ratio = ours / theirs
        return cls(
            what, _figure(ours, unit), f"{_figure(theirs, unit)} ({whom})", f"{ratio:.2f}", f"≤ {goal}", ratio <= goal
        )

    @classmethod
    def at_least(cls, what: str, ours: float, theirs: float, unit: str, whom: str, *, goal: float) -> Row:
        """Compare a figure that should be large, such as a speed, with that of `whom`; `goal` is the smallest ratio."""
        ratio = ours / theirs
        return cls(
            what, _figure(ours, unit), f"{_figure(theirs, unit)} ({whom})", f"{ratio:.2f}", f"≥ {goal}", ratio >= goal
        )

    @classmethod
    def faster(cls, what: str, ours: float, theirs: float, whom: str, *, goal: float) -> Row:
        """Compare seconds with those of `whom`; `goal` says how many times faster ours is to be."""
        ratio = theirs / ours
        return cls(
            what, _figure(ours, "s"), f"{_figure(theirs, 's')} ({whom})", f"{ratio:.1f}", f"≥ {goal}", ratio >= goal
        )

    @classmethod
    def figure(cls, what: str, value: float, unit: str, *, goal: float) -> Row:
        """Hold a figure that has nothing to be compared with against the largest that it may be."""
        return cls(what, _figure(value, unit), "-", "-", f"≤ {goal} {unit}", value <= goal)


def _figure(value: float, unit: str) -> str:
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def render(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    cells = [_TITLES]
    for row in rows:
        cells.append((row.what, row.ours, row.theirs, row.ratio, row.goal, "yes" if row.met else "NO"))
    return grid(cells)


def grid(cells: Sequence[Sequence[str]]) -> str:
    """Return lines of cells as a table in Markdown, the first line being the titles."""
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
