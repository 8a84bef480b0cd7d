"""Codecs of Python's lists, tuples, sets and dictionaries; runs in the kernel.

Each takes the plainest form that loses nothing: numbers of one type as an array, texts as HDF5's own, mixed ones as
JSON, and the rest one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.arrays import ARRAY
from nebulab.harvest.codecs.base import Codec, Differs, Node, NotStorable, Registry, Writer, mark
from nebulab.harvest.codecs.comparing import same_arrays
from nebulab.harvest.codecs.scalars import is_json, is_plain_text, read_text, write_text

_MOST_MEMBERS = 10_000
_NUMBERS = {bool: "?", int: "int64", float: "f8", complex: "c16"}


def write_members(writer: Writer, group: h5py.Group, name: str, members: list[Any]) -> h5py.Group:
    """Write values one by one as the members of a group.

    Raises
    ------
    NotStorable
        They are too many, or one of them has no loss-free form.
    """
    if len(members) > _MOST_MEMBERS:
        raise NotStorable(
            f"it holds {len(members):,} objects of mixed kinds; up to {_MOST_MEMBERS:,} are kept one by one"
        )
    written = group.create_group(name, track_order=True)
    inner = writer.deeper()
    for place, member in enumerate(members):
        inner.write(written, str(place), member)
    return written


def read_members(registry: Registry, node: h5py.Group) -> list[Any]:
    """Return the values that `write_members` wrote."""
    return [registry.read(node[str(place)]) for place in range(len(node))]


def check_members(registry: Registry, node: h5py.Group, members: list[Any]) -> None:
    """Compare a group with the values that `write_members` wrote.

    Raises
    ------
    Differs
    """
    if len(node) != len(members):
        raise Differs(f"{len(members):,} members would come back as {len(node):,}")
    for place, member in enumerate(members):
        registry.check(node[str(place)], member)


def check_json(node: h5py.Dataset, value: Any) -> None:
    """Compare a text of JSON, read and written again, with the value that it stands for.

    Raises
    ------
    Differs
    """
    # As texts: they tell 1 from 1.0 and NaN from nothing, quicker than a walk through the values.
    if json.dumps(json.loads(read_text(node))) != json.dumps(value):
        raise Differs("it would come back with other values")


class Sequence(Codec):
    """list and tuple."""

    def __init__(self, cls: type) -> None:
        self.kind = cls.__name__
        self.classes = (cls,)
        self._make: Callable[[list[Any]], Any] = cls

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        members = list(value)
        regular = _regular(members)
        if regular is not None:
            array, levels, python = regular
            written = ARRAY.write_array(group, name, array)
            return mark(written, self.kind, levels=levels, python=python, inner=array.dtype.str)
        row_dtype = _dtype_of_rows(members)
        if row_dtype is not None:
            written = group.create_dataset(name, shape=(len(members),), dtype=h5py.vlen_dtype(row_dtype))
            for place, member in enumerate(members):
                written[place] = np.asarray(member, dtype=row_dtype)
            return mark(written, self.kind, ragged=True)
        if members and all(type(member) is str and is_plain_text(member) for member in members):
            written = group.create_dataset(name, data=np.array(members, dtype=object), dtype=h5py.string_dtype())
            return mark(written, self.kind, strings=True)
        if is_json(members):
            return write_text(group, name, json.dumps(members), self.kind, json=True)
        return mark(write_members(writer, group, name, members), self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        attributes = node.attrs
        if attributes.get("json"):
            members = json.loads(read_text(node))
        elif attributes.get("ragged"):
            members = [row.tolist() for row in node[()]]
        elif attributes.get("strings"):
            members = node.asstr()[()].tolist()
        elif isinstance(node, h5py.Group):
            members = read_members(registry, node)
        else:
            array = np.asarray(node[()])
            members = array.tolist() if attributes["python"] else _numpy_lists(array)
        return self._make(members)

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        members = list(value)
        if node.attrs.get("json"):
            check_json(node, members)
        elif isinstance(node, h5py.Group):
            check_members(registry, node, members)
        elif node.attrs.get("ragged") or node.attrs.get("strings"):
            super().check(registry, node, value)
        else:
            # The dtype tells the items' type, as `_regular` made sure.
            array = np.array(members)
            if array.ndim != node.attrs["levels"] or not same_arrays(array, np.asarray(node[()])):
                raise Differs(f"a {self.kind} would come back with other numbers")


class Collection(Codec):
    """set and frozenset: their members as a list, sorted where they can be."""

    def __init__(self, cls: type) -> None:
        self.kind = cls.__name__
        self.classes = (cls,)
        self._make: Callable[[list[Any]], Any] = cls

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = group.create_group(name)
        writer.deeper().write(written, "members", _ordered(value))
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        return self._make(registry.read(node["members"]))

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        registry.check(node["members"], _ordered(value))


class Dictionary(Codec):
    """dict, in its order."""

    kind = "dict"
    classes = (dict,)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Mapping[Any, Any]) -> Node:
        if len(value) > 0 and is_json(value):
            return write_text(group, name, json.dumps(value), self.kind, json=True)
        if len(value) > _MOST_MEMBERS:
            raise NotStorable(f"a dictionary of {len(value):,} entries; up to {_MOST_MEMBERS:,} are kept")
        written = group.create_group(name, track_order=True)
        inner = writer.deeper()
        inner.write(written, "keys", list(value.keys()))
        values = written.create_group("values", track_order=True)
        for place, member in enumerate(value.values()):
            inner.write(values, str(place), member)
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        if node.attrs.get("json"):
            return json.loads(read_text(node))
        return dict(zip(registry.read(node["keys"]), read_members(registry, node["values"]), strict=True))

    def check(self, registry: Registry, node: Any, value: Mapping[Any, Any]) -> None:
        if node.attrs.get("json"):
            check_json(node, value)
            return
        registry.check(node["keys"], list(value.keys()))
        check_members(registry, node["values"], list(value.values()))


def _ordered(members: Any) -> list[Any]:
    try:
        return sorted(members)
    except TypeError:
        return list(members)


def _regular(members: list[Any]) -> tuple[np.ndarray, int, bool] | None:
    """Return an array, its levels of lists and whether its items were Python's own, if nothing is lost by it."""
    first: Any = members
    levels = 0
    while type(first) in (list, tuple) and first:
        first = first[0]
        levels += 1
    python = type(first) in _NUMBERS
    if not python and not isinstance(first, np.number | np.bool_):
        return None
    if not _same_all_through(members, type(first), levels, type(members[0]) if levels > 1 else None):
        return None
    try:
        array = np.array(members)
    except (ValueError, OverflowError):
        return None
    if array.dtype.kind not in "biufc" or array.ndim != levels:
        return None
    if python and array.dtype != np.dtype(_NUMBERS[type(first)]):
        return None
    return array, levels, python


def _same_all_through(members: Any, item: type, levels: int, inner: type | None) -> bool:
    if levels == 1:
        return all(type(member) is item for member in members)
    # Tuples within lists would come back as lists.
    if inner is not list:
        return False
    return all(type(member) is list and _same_all_through(member, item, levels - 1, inner) for member in members)


def _dtype_of_rows(members: list[Any]) -> np.dtype[Any] | None:
    """Return the dtype of rows of different lengths, if all are lists of Python numbers of one type."""
    if not all(type(member) is list and all(type(item) in (int, float) for item in member) for member in members):
        return None
    rows = [_regular(member) for member in members if member]
    dtypes = {None if row is None else row[0].dtype for row in rows}
    return dtypes.pop() if len(dtypes) == 1 else None


def _numpy_lists(array: np.ndarray) -> list[Any]:
    return [_numpy_lists(row) for row in array] if array.ndim > 1 else list(array)


CODECS: tuple[Codec, ...] = (
    Sequence(list),
    Sequence(tuple),
    Collection(set),
    Collection(frozenset),
    Dictionary(),
)
