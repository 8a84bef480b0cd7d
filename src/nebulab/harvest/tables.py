"""Data frames as Parquet files and back, without loss; runs in the kernel.

Parquet through Arrow keeps numbers, texts, moments, categories, indices and nested lists. What it changes silently
(columns of mixed kinds, names that are no text, …) is found by reading the file back, and goes into HDF5 instead,
column by column.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Any

from nebulab.harvest.codecs import frames
from nebulab.harvest.codecs.base import KIND, NotStorable, describe
from nebulab.harvest.codecs.snapshots import snapshot

_CHECKED_BYTES = 512 * 1024 * 1024
_SERIES_NAME = "nebulab_series"


def is_frame(value: Any) -> bool:
    """Whether this is a data frame, a series or an index of pandas or polars."""
    return any(_is_pandas(value, name) for name in ("DataFrame", "Series", "Index")) or _is_polars(value)


def write(value: Any, path: Path) -> None:
    """Write a data frame or series to the Parquet file `path`.

    Raises
    ------
    NotStorable
        It would not come back the same; nothing is left at `path`.
    """
    try:
        if _is_polars(value):
            _write_polars(value, path)
            return
        frame = value if _is_pandas(value, "DataFrame") else _as_frame(value)
        _check_names(frame)
        _check_objects(frame)
        if frame is value:
            frame.to_parquet(path, engine="pyarrow")
        else:
            _write_series(value, frame, path)
        _compare(frame, path)
    except BaseException as error:  # Arrow raises whatever fits the column; a limit of time may come between
        path.unlink(missing_ok=True)
        if isinstance(error, NotStorable) or not isinstance(error, Exception):
            raise
        raise NotStorable(f"Parquet can't hold it: {frames.first_line(error)}") from error


def plain(value: Any) -> tuple[Any, str]:
    """Return a frame as one of pandas' own classes, and what is lost by it: a subclass holds more than its columns."""
    for name in ("DataFrame", "Series", "Index"):
        if _is_pandas(value, name):
            cls = getattr(sys.modules["pandas"], name)
            if name == "Index" or type(value) is cls:
                break
            return cls(value), f"a {describe(type(value))} comes back as a plain {name}"
    return value, ""


def read(path: Path) -> Any:
    """Return the data frame in a Parquet file, with pandas' index and types; what was polars' or a series is again.

    Where polars is not installed its frames become pandas'.
    """
    import pandas as pd

    was = _kind_of(path)
    if was.startswith("polars"):
        with contextlib.suppress(ImportError):
            return _read_polars(path, was)
    frame = pd.read_parquet(path, engine="pyarrow")
    if not was.endswith("series"):
        return frame
    series = frame.iloc[:, 0]
    return series.rename(None) if was.startswith("nameless") else series


def _kind_of(path: Path) -> str:
    import pyarrow.parquet

    return str((pyarrow.parquet.read_metadata(path).metadata or {}).get(KIND.encode(), b"").decode())


def _write_series(value: Any, frame: Any, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.Table.from_pandas(frame)
    was = "nameless series" if value.name is None else "series"
    marked = table.replace_schema_metadata((table.schema.metadata or {}) | {KIND.encode(): was.encode()})
    pyarrow.parquet.write_table(marked, path)


def _write_polars(value: Any, path: Path) -> None:
    series = not hasattr(value, "columns")
    frame = value.to_frame() if series else value
    was = "polars series" if series else "polars"
    frame.write_parquet(path, metadata={KIND: was})
    _compare_polars(value, path)


def _read_polars(path: Path, was: str) -> Any:
    import polars

    frame = polars.read_parquet(path)
    return frame.to_series() if was.endswith("series") else frame


def _as_frame(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, pd.Index):
        raise NotStorable("an index alone is no table")
    return value.to_frame(_SERIES_NAME if value.name is None else value.name)


def _check_names(frame: Any) -> None:
    if not all(type(name) is str for name in frame.columns):
        raise NotStorable("Parquet's columns have names of text only")
    if frame.columns.name is not None:
        raise NotStorable("Parquet loses the name of the columns' index")
    if not frame.columns.is_unique:
        raise NotStorable("two of its columns have the same name")


def _check_objects(frame: Any) -> None:
    """Refuse objects that hold themselves: Arrow would recurse without end."""
    for place, dtype in enumerate(frame.dtypes):
        if dtype.kind == "O":
            snapshot(frame.iloc[:, place].to_numpy(dtype=object))


def _compare(frame: Any, path: Path) -> None:
    """Read the file back, a large one column by column, and compare it with the frame."""
    import pandas as pd

    large = frame.memory_usage(deep=False).sum() > _CHECKED_BYTES
    parts = [[name] for name in frame.columns] if large else [list(frame.columns)]
    try:
        for names in parts:
            frames.check_same(frame[names], pd.read_parquet(path, engine="pyarrow", columns=names if large else None))
    except AssertionError as error:
        raise NotStorable(f"Parquet would change it: {frames.first_line(error)}") from error


def _compare_polars(value: Any, path: Path) -> None:
    import polars

    _kind_of(path)  # a reader looks at it first, and has not all of polars' types
    frame = value if hasattr(value, "columns") else value.to_frame()
    large = frame.estimated_size() > _CHECKED_BYTES
    for names in [[name] for name in frame.columns] if large else [frame.columns]:
        back = polars.read_parquet(path, columns=names) if large else polars.read_parquet(path)
        if back.schema != frame.select(names).schema:
            raise NotStorable("Parquet would change its types")
        if not back.equals(frame.select(names)):
            raise NotStorable("Parquet would change it")


def _is_pandas(value: Any, name: str) -> bool:
    return _is_of(value, "pandas", name)


def _is_polars(value: Any) -> bool:
    return _is_of(value, "polars", "DataFrame") or _is_of(value, "polars", "Series")


def _is_of(value: Any, library: str, name: str) -> bool:
    """Compare classes instead of `isinstance`, which asks the object itself; a library not imported has made none."""
    cls = getattr(sys.modules.get(library), name, None)
    return cls is not None and cls in type(value).__mro__
