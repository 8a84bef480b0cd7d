"""Codecs of pandas' frames, series and indices: one data set of numbers, or column by column; runs in the kernel."""

from __future__ import annotations

import sys
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Differs, Node, NotStorable, Registry, Writer, mark
from nebulab.harvest.codecs.comparing import same
from nebulab.harvest.codecs.snapshots import snapshot

# Types of pandas' own that have missing values; `str` is that of texts since pandas 3.
_NULLABLE = frozenset(
    ["str", "string", "boolean"] + [f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)]
)


class _Pandas(Codec):
    def check(self, registry: Registry, node: Any, value: Any) -> None:
        back = self.read(registry, node)
        try:
            check_same(value, back)
        except AssertionError as error:
            raise Differs(f"a {type(value).__name__} would come back changed: {first_line(error)}") from error

    def copy(self, value: Any) -> Any:
        return value.copy()


class Table(_Pandas):
    """A frame whose columns are numbers of one type, with plain names and no index of its own: one data set."""

    kind = "table"
    libraries = (("pandas", "DataFrame"),)

    def takes(self, value: Any) -> bool:
        dtypes = set(value.dtypes)
        plain = len(dtypes) == 1 and all(isinstance(dtype, np.dtype) and dtype.kind in "biufc" for dtype in dtypes)
        return plain and _has_plain_names(value)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = writer.write(group, name, np.asarray(value))
        written.attrs["columns"] = np.array(list(value.columns), dtype=h5py.string_dtype())
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        import pandas as pd

        names = [name if isinstance(name, str) else name.decode() for name in node.attrs["columns"]]
        return pd.DataFrame(np.asarray(node[()]), columns=names)


class Frame(_Pandas):
    """Any other frame: its columns one by one, its index and its columns' index."""

    kind = "frame"
    libraries = (("pandas", "DataFrame"),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = group.create_group(name, track_order=True)
        _write_index(writer, written, "index", value.index)
        _write_index(writer, written, "columns", value.columns)
        columns = written.create_group("values", track_order=True)
        for place in range(value.shape[1]):
            _write_column(writer, columns, str(place), value.iloc[:, place])
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        import pandas as pd

        index, columns = _read_index(registry, node["index"]), _read_index(registry, node["columns"])
        parts = {place: _read_column(registry, node["values"][str(place)], index) for place in range(len(columns))}
        frame = pd.DataFrame(parts, index=index)
        frame.columns = columns
        return frame


class Series(_Pandas):
    """pandas.Series, with its index and name."""

    kind = "series"
    libraries = (("pandas", "Series"),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = group.create_group(name)
        _write_column(writer, written, "values", value)
        _write_index(writer, written, "index", value.index)
        writer.write(written, "name", value.name)
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        index = _read_index(registry, node["index"])
        return _read_column(registry, node["values"], index).rename(registry.read(node["name"]))


class Index(_Pandas):
    """pandas.Index, with its name; a range and one of several levels as the index of a frame, too."""

    kind = "index"
    libraries = (("pandas", "Index"),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = group.create_group(name)
        _write_column(writer, written, "values", value.to_series())
        writer.write(written, "name", value.name)
        if isinstance(value, sys.modules["pandas"].RangeIndex | sys.modules["pandas"].MultiIndex):
            _write_index(writer, written, "whole", value)
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        import pandas as pd

        if "whole" in node:  # older versions look at the values alone
            return _read_index(registry, node["whole"])
        return pd.Index(_read_column(registry, node["values"], None), name=registry.read(node["name"]))


def check_same(value: Any, back: Any) -> None:
    """Compare two frames, series or indices of pandas; the classes of objects count too.

    Raises
    ------
    AssertionError
    """
    pd = sys.modules["pandas"]
    if type(value) is not type(back):
        raise AssertionError(f"its class changes to {type(back).__name__}")
    if isinstance(value, pd.Index):
        pd.testing.assert_index_equal(value, back, exact=True, check_exact=True)
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(value, back, check_exact=True, check_freq=False)
        _check_objects(value, back)
    else:
        pd.testing.assert_frame_equal(value, back, check_exact=True, check_freq=False)
        for place in range(value.shape[1]):
            _check_objects(value.iloc[:, place], back.iloc[:, place])


def first_line(error: BaseException) -> str:
    """Return what an error says in one line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def _check_objects(column: Any, back: Any) -> None:
    if column.dtype.kind == "O" and not same(column.to_numpy(dtype=object), back.to_numpy(dtype=object)):
        raise AssertionError(f"the objects of {column.name!r} change, or their types")


def _has_plain_names(frame: Any) -> bool:
    pd = sys.modules["pandas"]
    plain_index = isinstance(frame.index, pd.RangeIndex) and frame.index.equals(pd.RangeIndex(len(frame)))
    return (
        plain_index
        and frame.index.name is None
        and frame.columns.name is None
        and all(type(name) is str for name in frame.columns)
    )


def _write_index(writer: Writer, group: h5py.Group, name: str, index: Any) -> None:
    import pandas as pd

    written = group.create_group(name)
    if isinstance(index, pd.MultiIndex):
        for level in range(index.nlevels):
            _write_column(writer, written, str(level), pd.Series(index.get_level_values(level)))
        writer.write(written, "names", list(index.names))
        written.attrs["levels"] = index.nlevels
    elif isinstance(index, pd.RangeIndex):
        writer.write(written, "range", range(index.start, index.stop, index.step))
        writer.write(written, "names", [index.name])
    else:
        _write_column(writer, written, "0", pd.Series(index))
        writer.write(written, "names", [index.name])


def _read_index(registry: Registry, node: h5py.Group) -> Any:
    import pandas as pd

    names = registry.read(node["names"])
    if "range" in node:
        return pd.RangeIndex(registry.read(node["range"]), name=names[0])
    if "levels" in node.attrs:
        levels = [_read_column(registry, node[str(level)], None) for level in range(int(node.attrs["levels"]))]
        return pd.MultiIndex.from_arrays(levels, names=names)
    return pd.Index(_read_column(registry, node["0"], None), name=names[0])


def _write_column(writer: Writer, group: h5py.Group, name: str, column: Any) -> None:
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        writer.write(group, name, snapshot(column.to_numpy()))
        return
    if isinstance(dtype, pd.CategoricalDtype):
        written = group.create_group(name)
        writer.write(written, "codes", column.cat.codes.to_numpy())
        _write_column(writer, written, "categories", pd.Series(column.cat.categories))
        written.attrs["ordered"] = bool(dtype.ordered)
        written.attrs["column"] = "category"
        return
    if dtype.name in _NULLABLE:
        written = group.create_group(name)
        values = [None if missing else value for value, missing in zip(column, column.isna(), strict=True)]
        writer.write(written, "values", values)
        written.attrs["dtype"] = f"{dtype.name}[{dtype.storage}]" if dtype.name == "string" else dtype.name
        written.attrs["column"] = "nullable"
        return
    raise NotStorable(f"its column {column.name!r} is of the type {dtype}, which has no form in HDF5 here")


def _read_column(registry: Registry, node: Any, index: Any) -> Any:
    import pandas as pd

    if isinstance(node, h5py.Group) and node.attrs.get("column") == "category":
        categories = pd.Index(_read_column(registry, node["categories"], None))
        codes, ordered = registry.read(node["codes"]), bool(node.attrs["ordered"])
        return pd.Series(pd.Categorical.from_codes(codes, categories, ordered=ordered), index=index)
    if isinstance(node, h5py.Group) and node.attrs.get("column") == "nullable":
        return pd.Series(pd.array(registry.read(node["values"]), dtype=node.attrs["dtype"]), index=index)
    values = registry.read(node)
    return pd.Series(values, index=index, dtype=values.dtype)


CODECS: tuple[Codec, ...] = (Table(), Frame(), Series(), Index())
