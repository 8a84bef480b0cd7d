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

import h5py
import numpy as np

from nebulab.harvest.encoding import KIND, NotStorable, decode, encode

_CHECKED_BYTES = 512 * 1024 * 1024
# Types of pandas' own that have missing values; `str` is that of texts since pandas 3.
_NULLABLE = frozenset(
    ["str", "string", "boolean"] + [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
)
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
        if frame is value:
            frame.to_parquet(path, engine="pyarrow")
        else:
            _write_series(value, frame, path)
        if frame.memory_usage(deep=False).sum() <= _CHECKED_BYTES or any(dtype.kind == "O" for dtype in frame.dtypes):
            _compare(frame, path)
    except NotStorable:
        path.unlink(missing_ok=True)
        raise
    except Exception as error:  # Arrow raises whatever fits the column
        path.unlink(missing_ok=True)
        raise NotStorable(f"Parquet can't hold it: {_first_line(error)}") from error


def read(path: Path) -> Any:
    """Return the data frame in a Parquet file, with pandas' index and types; what was polars' or a series is again.

    Where polars is not installed its frames become pandas'.
    """
    import pandas as pd
    import pyarrow.parquet

    was = (pyarrow.parquet.read_metadata(path).metadata or {}).get(KIND.encode(), b"").decode()
    if was.startswith("polars"):
        with contextlib.suppress(ImportError):
            return _read_polars(path, was)
    frame = pd.read_parquet(path, engine="pyarrow")
    if not was.endswith("series"):
        return frame
    series = frame.iloc[:, 0]
    return series.rename(None) if was.startswith("nameless") else series


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
    if frame.estimated_size() > _CHECKED_BYTES:
        return
    back = read(path)
    if (back.dtype != value.dtype) if series else (back.schema != value.schema):
        raise NotStorable("Parquet would change its types")
    if not back.equals(value):
        raise NotStorable("Parquet would change it")


def _read_polars(path: Path, was: str) -> Any:
    import polars

    frame = polars.read_parquet(path)
    return frame.to_series() if was.endswith("series") else frame


def encode_frame(group: h5py.Group, name: str, value: Any) -> None:
    """Write a frame of pandas below `group`: one data set of numbers if all columns are of one type, else columns.

    Raises
    ------
    NotStorable
        A column or an index has no loss-free form; the text names it.
    """
    if _is_polars(value):
        raise NotStorable("frames of polars are kept as Parquet alone")
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        written = group.create_group(name)
        _encode_column(written, "values", value if isinstance(value, pd.Series) else value.to_series())
        if isinstance(value, pd.Series):
            _encode_index(written, "index", value.index)
        encode(written, "name", value.name)
        written.attrs[KIND] = "series" if isinstance(value, pd.Series) else "index"
        return
    kinds = {dtype for dtype in value.dtypes if isinstance(dtype, np.dtype) and dtype.kind in "biufc"}
    if len(kinds) == 1 and all(dtype in kinds for dtype in value.dtypes) and _plain_names(value):
        written = encode(group, name, np.asarray(value))
        written.attrs["columns"] = np.array(list(value.columns), dtype=h5py.string_dtype())
        written.attrs[KIND] = "table"
        return
    written = group.create_group(name, track_order=True)
    try:
        _encode_index(written, "index", value.index)
        _encode_index(written, "columns", value.columns)
        columns = written.create_group("values", track_order=True)
        for place in range(value.shape[1]):
            _encode_column(columns, str(place), value.iloc[:, place])
    except NotStorable:
        del group[name]
        raise
    written.attrs[KIND] = "frame"


def decode_frame(node: Any) -> Any:
    """Return the frame, series or index that `encode_frame` wrote."""
    import pandas as pd

    kind = node.attrs[KIND]
    if kind == "table":
        names = [name if isinstance(name, str) else name.decode() for name in node.attrs["columns"]]
        return pd.DataFrame(np.asarray(node[()]), columns=names)
    if kind == "frame":
        index, columns = _decode_index(node["index"]), _decode_index(node["columns"])
        parts = {place: _decode_column(node["values"][str(place)], index) for place in range(len(columns))}
        frame = pd.DataFrame(parts, index=index)
        frame.columns = columns
        return frame
    name = decode(node["name"])
    if kind == "series":
        return _decode_column(node["values"], _decode_index(node["index"])).rename(name)
    return pd.Index(_decode_column(node["values"], None), name=name)


def _plain_names(frame: Any) -> bool:
    import pandas as pd

    plain_index = isinstance(frame.index, pd.RangeIndex) and frame.index.equals(pd.RangeIndex(len(frame)))
    return (
        plain_index
        and frame.index.name is None
        and frame.columns.name is None
        and all(type(name) is str for name in frame.columns)
    )


def _encode_index(group: h5py.Group, name: str, index: Any) -> None:
    import pandas as pd

    written = group.create_group(name)
    if isinstance(index, pd.MultiIndex):
        for level in range(index.nlevels):
            _encode_column(written, str(level), pd.Series(index.get_level_values(level)))
        encode(written, "names", list(index.names))
        written.attrs["levels"] = index.nlevels
    elif isinstance(index, pd.RangeIndex):
        encode(written, "range", range(index.start, index.stop, index.step))
        encode(written, "names", [index.name])
    else:
        _encode_column(written, "0", pd.Series(index))
        encode(written, "names", [index.name])


def _decode_index(node: h5py.Group) -> Any:
    import pandas as pd

    names = decode(node["names"])
    if "range" in node:
        return pd.RangeIndex(decode(node["range"]), name=names[0])
    if "levels" in node.attrs:
        levels = [_decode_column(node[str(level)], None) for level in range(int(node.attrs["levels"]))]
        return pd.MultiIndex.from_arrays(levels, names=names)
    return pd.Index(_decode_column(node["0"], None), name=names[0])


def _encode_column(group: h5py.Group, name: str, column: Any) -> None:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        encode(group, name, column.to_numpy())
        return
    if isinstance(dtype, pd.CategoricalDtype):
        written = group.create_group(name)
        encode(written, "codes", column.cat.codes.to_numpy())
        _encode_column(written, "categories", pd.Series(column.cat.categories))
        written.attrs["ordered"] = bool(dtype.ordered)
        written.attrs["column"] = "category"
        return
    if dtype.name in _NULLABLE:
        written = group.create_group(name)
        encode(
            written, "values", [None if missing else one for one, missing in zip(column, column.isna(), strict=True)]
        )
        written.attrs["dtype"] = f"{dtype.name}[{dtype.storage}]" if dtype.name == "string" else dtype.name
        written.attrs["column"] = "nullable"
        return
    raise NotStorable(f"its column {column.name!r} is of the type {dtype}, which has no form in HDF5 here")


def _decode_column(node: Any, index: Any) -> Any:
    import pandas as pd

    if isinstance(node, h5py.Group) and node.attrs.get("column") == "category":
        categories = pd.Index(_decode_column(node["categories"], None))
        values = pd.Categorical.from_codes(decode(node["codes"]), categories, ordered=bool(node.attrs["ordered"]))
        return pd.Series(values, index=index)
    if isinstance(node, h5py.Group) and node.attrs.get("column") == "nullable":
        return pd.Series(pd.array(decode(node["values"]), dtype=node.attrs["dtype"]), index=index)
    values = decode(node)
    return pd.Series(values, index=index, dtype=values.dtype)


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


def _compare(frame: Any, path: Path) -> None:
    import pandas as pd

    back = pd.read_parquet(path, engine="pyarrow")
    try:
        pd.testing.assert_frame_equal(frame, back, check_exact=True, check_freq=False)
        for name in frame.columns[[dtype.kind == "O" for dtype in frame.dtypes]]:
            if list(map(type, frame[name])) != list(map(type, back[name])):
                raise AssertionError(f"the values of {name!r} change their types")
    except AssertionError as error:
        raise NotStorable(f"Parquet would change it: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _is_pandas(value: Any, name: str) -> bool:
    return _is_of(value, "pandas", name)


def _is_polars(value: Any) -> bool:
    return _is_of(value, "polars", "DataFrame") or _is_of(value, "polars", "Series")


def _is_of(value: Any, library: str, name: str) -> bool:
    """By the class and not by `isinstance`, which asks the object itself; a library not imported has made none."""
    cls = getattr(sys.modules.get(library), name, None)
    return cls is not None and cls in type(value).__mro__
