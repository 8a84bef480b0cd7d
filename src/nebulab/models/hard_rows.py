"""Hard rows: those on which converters go wrong, made from a sample; runs in the kernel.

New rows, zeros, thresholds of trees, extremes, missing values, words that were never seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

ROWS = 2000
"""Number of new rows."""
_EACH = 200
"""Number of rows of every other kind."""
UNSEEN = "never seen"
NEW, ZEROS, THRESHOLDS, EXTREMES, MISSING, WORDS = (
    "new rows",
    "rows with zeros",
    "rows at thresholds",
    "rows of extreme values",
    "rows with missing values",
    "rows with words never seen",
)
EMPTY, OPPOSITE, EQUAL = "rows of zeros", "rows of the opposite sign", "rows of one value each"


def hard_rows(
    data: Any, thresholds: Mapping[int, Sequence[float]] | None = None, rows: int = ROWS
) -> Iterator[tuple[str, Any]]:
    """Yield the kinds of hard rows, each with a table of the sample's form.

    Numbers are exact in 32 bits, so that rounding the input is no difference.

    Parameters
    ----------
    data
        The sample: a data frame, or an array of two axes; for anything else there are none.
    thresholds
        The values at which the model's trees split, by column.
    rows
        Number of new rows.
    """
    if hasattr(data, "toarray") or len(getattr(data, "shape", ())) != 2 or 0 in data.shape:
        return
    random = np.random.default_rng(0)
    frame = hasattr(data, "columns")
    columns = [np.asarray(data[name]) if frame else np.asarray(data)[:, place] for place, name in _places(data)]

    def table(parts: Sequence[np.ndarray]) -> Any:
        if not frame:
            return np.stack(parts, axis=1).astype(data.dtype)
        import pandas as pd

        return pd.DataFrame(dict(zip(data.columns, parts, strict=True))).astype(
            {name: data[name].dtype for name in data.columns if data[name].dtype.kind in "biuf"}
        )

    def drawn(count: int) -> list[np.ndarray]:
        return [random.choice(column, count) for column in columns]

    numbers = [place for place, column in enumerate(columns) if column.dtype.kind == "f"]
    yield NEW, table([_between(column, part, random) for column, part in zip(columns, drawn(rows), strict=True)])
    if numbers:
        yield ZEROS, table(_some(drawn(_EACH), numbers, lambda place, count: np.zeros(count), random))
        largest = [
            float(np.nanmax(np.abs(columns[place]), initial=1.0)) for place in range(len(columns)) if place in numbers
        ]
        scale = dict(zip(numbers, largest, strict=True))
        yield (
            EXTREMES,
            table(
                _some(
                    drawn(_EACH), numbers, lambda place, count: random.choice([-10, 10], count) * scale[place], random
                )
            ),
        )
        yield MISSING, table(_some(drawn(_EACH), numbers, lambda place, count: np.full(count, np.nan), random))
    split = [place for place in thresholds or {} if place in numbers]
    if split and thresholds:
        yield (
            THRESHOLDS,
            table(_some(drawn(rows), split, lambda place, count: _around(thresholds[place], count, random), random)),
        )
    words = [place for place, column in enumerate(columns) if column.dtype.kind in "OU"]
    if words:
        parts = [part.astype(object) if place in words else part for place, part in enumerate(drawn(_EACH))]
        yield WORDS, table(_some(parts, words, lambda place, count: np.full(count, UNSEEN, dtype=object), random))


def hard_inputs(feeds: Sequence[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Yield the kinds of hard rows of a network, each with inputs of the sample's shapes; whole numbers stay.

    There are none if no input has decimal numbers.
    """
    if not any(feed.dtype.kind == "f" for feed in feeds):
        return
    makers = {
        EMPTY: np.zeros_like,
        OPPOSITE: np.negative,
        EQUAL: lambda feed: np.broadcast_to(feed[..., :1], feed.shape).copy() if feed.ndim else feed,
        EXTREMES: lambda feed: feed * 10,
        MISSING: lambda feed: np.where(np.indices(feed.shape).sum(axis=0) % 7 == 3, np.nan, feed).astype(feed.dtype),
    }
    for kind, make in makers.items():
        yield kind, [make(feed) if feed.dtype.kind == "f" else feed for feed in feeds]


def _places(data: Any) -> list[tuple[int, Any]]:
    return list(enumerate(data.columns if hasattr(data, "columns") else range(data.shape[1])))


def _between(column: np.ndarray, part: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Move every second value of a column of decimal numbers, so that it lies between those of the sample."""
    if column.dtype.kind != "f" or np.array_equal(column, np.round(column), equal_nan=True):
        return part
    moved = np.where(random.random(len(part)) < 0.5, part + random.normal(size=len(part)) * np.nanstd(column) / 2, part)
    return moved.astype(np.float32)


def _some(parts: list[np.ndarray], places: Sequence[int], values: Any, random: np.random.Generator) -> list[np.ndarray]:
    """Replace some values in these columns, at least one in each row."""
    count = len(parts[0])
    always = random.choice(np.asarray(places), count)
    for place in places:
        chosen = (always == place) | (random.random(count) < 0.2)
        part = parts[place].copy()
        part[chosen] = np.asarray(values(place, int(chosen.sum())))
        parts[place] = part
    return [part.astype(np.float32) if part.dtype.kind == "f" else part for part in parts]


def _around(thresholds: Sequence[float], count: int, random: np.random.Generator) -> np.ndarray:
    """Return thresholds, and the 32-bit numbers next to them."""
    at = random.choice(np.asarray(thresholds, dtype=np.float32), count)
    return np.nextafter(at, random.choice(np.array([-np.inf, np.inf], dtype=np.float32), count), dtype=np.float32) * (
        beside := random.integers(0, 2, count)
    ) + at * (1 - beside)
