"""The codec of NumPy's arrays and scalars, written and compared slab by slab; runs in the kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Differs, Node, NotStorable, Registry, Writer, describe, mark
from nebulab.harvest.codecs.comparing import same_arrays
from nebulab.harvest.codecs.dtypes import describe_fields, fields_of, is_native, is_small, lost_by_hdf5, small
from nebulab.harvest.codecs.scalars import is_plain_text

_SLAB_BYTES = 32 * 1024 * 1024


class Array(Codec):
    """NumPy's arrays and scalars of all dtypes but Python objects and StringDType.

    What HDF5 has no type for is written as bytes or whole numbers of the same size, its dtype as an attribute.
    """

    kind = "array"
    classes = (np.ndarray, np.generic)
    subclasses = True

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        if isinstance(value, np.generic):
            written = self.write_array(group, name, np.asarray(value))
            written.attrs["scalar"] = True
            return written
        if isinstance(value, np.memmap):
            writer.remark("an array that is mapped from a file comes back as an array in memory")
        elif type(value) is not np.ndarray:
            raise NotStorable(f"{describe(type(value))} is more than its array: only the plain array could be kept")
        return self.write_array(group, name, value)

    def write_array(self, group: h5py.Group, name: str, value: np.ndarray) -> Node:
        """Write an array.

        Raises
        ------
        NotStorable
            Its dtype holds what HDF5 can't.
        """
        dtype = value.dtype
        if dtype.hasobject:
            raise NotStorable("a structured array with Python objects in it")
        if dtype.kind in "mM":
            moments = write_slabs(group, name, value, np.dtype(np.int64), lambda part: part.view(np.int64))
            return mark(moments, self.kind, dtype=dtype.str)
        if dtype.kind == "U":
            return self._write_texts(group, name, value)
        if is_small(dtype):
            whole = np.dtype(f"u{dtype.itemsize}")
            numbers = write_slabs(group, name, value, whole, lambda part: part.view(whole))
            return mark(numbers, self.kind, dtype=dtype.name)
        if dtype.names is None:
            return mark(write_slabs(group, name, value, dtype), self.kind, dtype=dtype.str)
        if is_native(dtype):
            return mark(write_slabs(group, name, value, dtype), self.kind, dtype="", **lost_by_hdf5(dtype))
        raw = np.dtype((np.void, dtype.itemsize))
        records = write_slabs(group, name, value, raw, lambda part: part.view(raw))
        return mark(records, self.kind, **describe_fields(dtype))

    def _write_texts(self, group: h5py.Group, name: str, value: np.ndarray) -> Node:
        if not all(map(is_plain_text, value.ravel())):
            raise NotStorable("a text in it has a NUL or is no Unicode, which HDF5's strings can't hold")
        written = group.create_dataset(name, data=value.astype(object), dtype=h5py.string_dtype())
        return mark(written, self.kind, dtype=value.dtype.str)

    def read(self, registry: Registry, node: Any) -> Any:
        value = self.read_rows(node, ())
        return value[()] if node.attrs.get("scalar") else value

    def read_rows(self, node: h5py.Dataset, rows: Any) -> np.ndarray:
        """Return the whole array (`()`), or a slice of its first axis."""
        fields, name = fields_of(node.attrs), str(node.attrs.get("dtype") or "")
        if fields is not None:
            raw = np.asarray(node[rows])
            return raw.view(fields).reshape(raw.shape)
        if not name:
            return np.asarray(node[rows])
        dtype = small(name) if name[0].isalpha() else np.dtype(name)
        if dtype.kind == "U":
            texts = node.asstr()[rows]
            return np.asarray(texts, dtype=dtype).reshape(np.shape(texts))
        value = np.asarray(node[rows])
        return value.view(dtype) if is_small(dtype) or dtype.kind in "mM" else value

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        if isinstance(value, np.generic):
            super().check(registry, node, value)
        else:
            self.check_array(node, np.asarray(value))

    def check_array(self, node: h5py.Dataset, value: np.ndarray) -> None:
        """Compare a node with the array that was written, slab by slab.

        Raises
        ------
        Differs
        """
        if node.shape != value.shape:
            raise Differs(f"an array of shape {value.shape} would come back with the shape {node.shape}")
        for rows in _slabs(value.shape, value.dtype.itemsize):
            if not same_arrays(self.read_rows(node, rows), np.asarray(value[rows])):
                raise Differs(f"an array of {value.dtype} would come back as another one")

    def copy(self, value: Any) -> Any:
        return value.copy()


ARRAY = Array()


def write_slabs(
    group: h5py.Group,
    name: str,
    value: Any,
    dtype: np.dtype[Any],
    view: Callable[[np.ndarray], np.ndarray] = lambda part: part,
) -> h5py.Dataset:
    """Write an array along its first axis in parts, so that one that is not contiguous is never copied as a whole."""
    shape = tuple(value.shape)
    if not shape or 0 in shape:
        data = np.ascontiguousarray(value).reshape(shape)
        return group.create_dataset(name, shape=shape, dtype=dtype, data=view(data).reshape(shape))
    written = group.create_dataset(name, shape=shape, dtype=dtype)
    for rows in _slabs(shape, dtype.itemsize):
        part = np.ascontiguousarray(value[rows])
        written[rows] = view(part).reshape(part.shape)
    return written


def check_slabs(node: h5py.Dataset, value: Any) -> None:
    """Compare a node's numbers with `value`, of which only the shape and rows are asked.

    Raises
    ------
    Differs
    """
    shape = tuple(value.shape)
    if node.shape != shape:
        raise Differs(f"an array of shape {shape} would come back with the shape {node.shape}")
    for rows in _slabs(shape, node.dtype.itemsize):
        if not same_arrays(np.asarray(node[rows]), np.asarray(value[rows])):
            raise Differs("an array would come back with other numbers")


def _slabs(shape: tuple[int, ...], itemsize: int) -> Iterator[Any]:
    """Yield what selects an array's parts, none of them much larger than a slab."""
    if not shape or 0 in shape:
        yield ()
        return
    step = max(_SLAB_BYTES // max(math.prod(shape[1:]) * itemsize, 1), 1)
    for start in range(0, shape[0], step):
        yield slice(start, start + step)


CODECS: tuple[Codec, ...] = (ARRAY,)
