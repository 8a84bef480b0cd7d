"""Python values as HDF5 data sets and back, without loss; runs in the kernel.

A value becomes one data set (or one group) under its variable's name, so that any HDF5 reader sees plain arrays,
numbers and strings. The attribute `nebulab` says what it was, and `decode` gives that back: the same type, the same
dtype, the same shape. What can't be kept like that raises `NotStorable`, whose text is the reason.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import math
import pathlib
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import h5py
import numpy as np

KIND = "nebulab"
_SLAB_BYTES = 32 * 1024 * 1024
_DEEPEST = 16
_MOST_MEMBERS = 10_000
_INT64 = range(-(2**63), 2**63)
_FORBIDDEN = str.maketrans({"/": "∕"})


class NotStorable(Exception):
    """A value has no loss-free form here; the text says why."""


def encode(group: h5py.Group, name: str, value: Any, *, depth: int = 0) -> h5py.Dataset | h5py.Group:
    """Write `value` below `group` under `name`, and return what was written.

    Large arrays are written slab by slab along their first axis, never copied as a whole.

    Raises
    ------
    NotStorable
        The value (or a member of it) has no loss-free form; nothing is left under `name`.
    """
    if depth > _DEEPEST:
        raise NotStorable(f"it is nested deeper than {_DEEPEST} levels, or holds itself")
    try:
        return _encode(group, name.translate(_FORBIDDEN), value, depth)
    except BaseException:
        if name in group:
            del group[name]
        raise


def decode(node: h5py.Dataset | h5py.Group) -> Any:
    """Return the value that `encode` wrote; of another writer a data set is an array, a group a dictionary."""
    kind = node.attrs.get(KIND)
    if kind is not None and kind in _DECODERS:
        return _DECODERS[kind](node)
    if isinstance(node, h5py.Group):
        return {name: decode(member) for name, member in node.items()}
    value = node[()]
    return value.decode() if isinstance(value, bytes) else value


def _encode(group: h5py.Group, name: str, value: Any, depth: int) -> h5py.Dataset | h5py.Group:
    for cls in type(value).__mro__:
        known = _ENCODERS.get(cls)
        if known is not None and (cls is type(value) or cls in _SUBCLASSES_TOO):
            return known(group, name, value, depth)
        foreign = _FOREIGN.get((cls.__module__.partition(".")[0], cls.__name__))
        if foreign is not None:
            return foreign(group, name, value, depth)
    raise NotStorable(f"there is no loss-free form for {describe(type(value))}")


def describe(cls: type) -> str:
    """Return a class's name with its module, as a report shows it."""
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def _mark(node: h5py.Dataset | h5py.Group, kind: str, **attributes: Any) -> h5py.Dataset | h5py.Group:
    node.attrs[KIND] = kind
    for name, value in attributes.items():
        node.attrs[name] = value
    return node


# --- numbers, strings, moments ------------------------------------------------------------------------------------


def _none(group: h5py.Group, name: str, value: None, depth: int) -> Any:
    return _mark(group.create_dataset(name, data=h5py.Empty("f4")), "none")


def _plain_number(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    kind = type(value).__name__
    if kind == "int" and value not in _INT64:
        return _text(group, name, str(value), kind="int")
    return _mark(group.create_dataset(name, data=value), kind)


def _numpy_scalar(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    written = _array(group, name, np.asarray(value), depth)
    written.attrs["scalar"] = True
    return written


def _string(group: h5py.Group, name: str, value: str, depth: int) -> Any:
    return _text(group, name, value, kind="str")


def _text(group: h5py.Group, name: str, text: str, **attributes: Any) -> Any:
    kind = attributes.pop("kind")
    if "\0" not in text and _is_utf8(text):
        return _mark(group.create_dataset(name, data=text, dtype=h5py.string_dtype()), kind, **attributes)
    # HDF5's strings end at a NUL, and are UTF-8.
    raw = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return _mark(group.create_dataset(name, data=raw), kind, utf8=True, **attributes)


def _read_text(node: h5py.Dataset) -> str:
    if node.attrs.get("utf8"):
        return bytes(node[()].tobytes()).decode("utf-8", "surrogatepass")
    return str(node.asstr()[()])


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bytes(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    raw = np.frombuffer(value, dtype=np.uint8)
    return _mark(group.create_dataset(name, data=raw), type(value).__name__)


def _as_text(to_text: Callable[[Any], str]) -> Callable[..., Any]:
    def write(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
        return _text(group, name, to_text(value), kind=type(value).__name__)

    return write


def _path(group: h5py.Group, name: str, value: pathlib.PurePath, depth: int) -> Any:
    return _text(group, name, str(value), kind="path")


def _moment(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    zone = getattr(value, "tzinfo", None)
    if zone is not None and not isinstance(zone, datetime.timezone):
        raise NotStorable(f"a {type(value).__name__} in the zone {zone} would come back with a fixed offset only")
    return _text(group, name, value.isoformat(), kind=type(value).__name__)


def _pandas_moment(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    if getattr(value, "tzinfo", None) is not None and not isinstance(value.tzinfo, datetime.timezone):
        raise NotStorable(f"a moment in the zone {value.tzinfo} would come back with a fixed offset only")
    return _text(group, name, value.isoformat(), kind=type(value).__name__)


def _read_pandas_moment(node: h5py.Dataset) -> Any:
    import pandas as pd

    return getattr(pd, node.attrs[KIND])(_read_text(node))


def _duration(group: h5py.Group, name: str, value: datetime.timedelta, depth: int) -> Any:
    parts = np.array([value.days, value.seconds, value.microseconds], dtype=np.int64)
    return _mark(group.create_dataset(name, data=parts), "timedelta")


# --- arrays -------------------------------------------------------------------------------------------------------


def _array(group: h5py.Group, name: str, value: np.ndarray, depth: int) -> Any:
    if type(value) is not np.ndarray and not isinstance(value, np.memmap):
        raise NotStorable(f"{describe(type(value))} is more than its array: only the plain array could be kept")
    dtype = value.dtype
    if dtype.kind == "O":
        return _objects(group, name, value, depth)
    if dtype.kind in "mM":
        written = _slabs(group, name, value, np.dtype(np.int64), lambda part: part.view(np.int64))
        return _mark(written, "array", dtype=dtype.str)
    if dtype.kind == "U":
        return _texts(group, name, value)
    if dtype.kind == "T":
        return _objects(group, name, value.astype(object), depth, kind="strings")
    if dtype.kind == "V" and dtype.names is None and dtype.subdtype is None and dtype.name not in _ODD_FLOATS:
        return _mark(_slabs(group, name, value, dtype), "array", dtype=dtype.str)
    if dtype.name in _ODD_FLOATS:  # machine learning's small floats are no type of HDF5's
        whole = np.dtype(f"u{dtype.itemsize}")
        return _mark(_slabs(group, name, value, whole, lambda part: part.view(whole)), "array", dtype=dtype.name)
    if dtype.kind == "V" and any(dtype[field].kind in "mMUO" for field in dtype.names or ()):
        return _records(group, name, value)
    return _mark(_slabs(group, name, value, dtype), "array", dtype=dtype.str if dtype.names is None else "")


def _texts(group: h5py.Group, name: str, value: np.ndarray) -> Any:
    if any("\0" in text or not _is_utf8(text) for text in value.ravel()):
        raise NotStorable("a text in it has a NUL or is no Unicode, which HDF5's strings can't hold")
    written = group.create_dataset(name, data=value.astype(object), dtype=h5py.string_dtype())
    return _mark(written, "array", dtype=value.dtype.str)


def _records(group: h5py.Group, name: str, value: np.ndarray) -> Any:
    """Write a structured array whose fields HDF5 has no types for, as bytes."""
    if value.dtype.hasobject:
        raise NotStorable("a structured array with Python objects in it")
    raw = np.dtype((np.void, value.dtype.itemsize))
    written = _slabs(group, name, value, raw, lambda part: part.view(raw))
    return _mark(written, "array", fields=json.dumps(value.dtype.descr))


_ODD_FLOATS = frozenset(
    ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3", "float8_e3m4", "float8_e4m3b11fnuz", "float8_e8m0fnu"]
)


def _slabs(
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
    row_bytes = max(math.prod(shape[1:]) * dtype.itemsize, 1)
    step = max(_SLAB_BYTES // row_bytes, 1)
    for start in range(0, shape[0], step):
        part = np.ascontiguousarray(value[start : start + step])
        written[start : start + step] = view(part).reshape(part.shape)
    return written


def _read_array(node: h5py.Dataset) -> Any:
    fields, dtype = node.attrs.get("fields"), node.attrs.get("dtype")
    if fields:
        described = [tuple(field[:2]) + ((tuple(field[2]),) if len(field) > 2 else ()) for field in json.loads(fields)]
        value = node[()].view(np.dtype(described)).reshape(node.shape)
    elif dtype in _ODD_FLOATS:
        import ml_dtypes

        value = np.asarray(node[()]).view(np.dtype(getattr(ml_dtypes, dtype)))
    elif dtype and np.dtype(dtype).kind in "mM":
        value = np.asarray(node[()]).view(np.dtype(dtype))
    elif dtype and np.dtype(dtype).kind == "U":
        value = np.asarray(node.asstr()[()], dtype=np.dtype(dtype)).reshape(node.shape)
    else:
        value = np.asarray(node[()])
    return value[()] if node.attrs.get("scalar") else value


def _objects(group: h5py.Group, name: str, value: np.ndarray, depth: int, kind: str = "objects") -> Any:
    """An array of Python objects, as a group: its members in order, and its shape."""
    flat = value.ravel().tolist()
    if flat and all(type(member) is str and "\0" not in member and _is_utf8(member) for member in flat):
        written = group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        return _mark(written, kind)
    written = (
        _text(group, name, json.dumps(flat), kind=kind, json=True)
        if _is_json(flat)
        else _members(group, name, flat, depth)
    )
    return _mark(written, kind, shape=np.array(value.shape, dtype=np.int64))


def _read_objects(node: Any) -> Any:
    dtype = np.dtypes.StringDType() if node.attrs[KIND] == "strings" else object
    if node.attrs.get("json"):
        flat = json.loads(_read_text(node))
    elif isinstance(node, h5py.Dataset):
        return np.asarray(node.asstr()[()], dtype=dtype).reshape(node.shape)
    else:
        flat = _read_members(node)
    value: np.ndarray = np.empty(len(flat), dtype=object)
    for place, member in enumerate(flat):
        value[place] = member
    return value.reshape(tuple(node.attrs["shape"])).astype(dtype)


def _masked(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    written = group.create_group(name)
    _encode(written, "data", np.asarray(value.data), depth + 1)
    _encode(written, "mask", np.ma.getmaskarray(value), depth + 1)
    _encode(written, "fill_value", np.asarray(value.fill_value), depth + 1)
    return _mark(written, "masked")


def _read_masked(node: h5py.Group) -> Any:
    fill = decode(node["fill_value"])
    return np.ma.MaskedArray(decode(node["data"]), mask=decode(node["mask"]), fill_value=fill[()])


def _sparse(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    form = value.format
    if form in {"lil", "dok"}:
        value = value.tocoo()
    parts = {"csr": "data indices indptr", "csc": "data indices indptr", "bsr": "data indices indptr"}
    names = parts.get(value.format, "data offsets" if value.format == "dia" else "data row col").split()
    written = group.create_group(name)
    for part in names:
        _encode(written, part, getattr(value, part), depth + 1)
    array = not type(value).__name__.endswith("_matrix")
    return _mark(written, "sparse", format=form, array=array, shape=np.array(value.shape, dtype=np.int64))


def _read_sparse(node: h5py.Group) -> Any:
    import scipy.sparse

    form, shape = node.attrs["format"], tuple(int(size) for size in node.attrs["shape"])
    stored = {name: decode(node[name]) for name in node}
    kept = form if form not in {"lil", "dok"} else "coo"
    make = getattr(scipy.sparse, f"{kept}_{'array' if node.attrs['array'] else 'matrix'}")
    if kept == "coo":
        value = make((stored["data"], (stored["row"], stored["col"])), shape=shape)
    elif kept == "dia":
        value = make((stored["data"], stored["offsets"]), shape=shape)
    else:
        value = make((stored["data"], stored["indices"], stored["indptr"]), shape=shape)
    return value.asformat(form)


# --- lists and dictionaries ---------------------------------------------------------------------------------------


def _sequence(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    """A list or a tuple: an array where its members are numbers of one type, else its members one by one."""
    kind = type(value).__name__
    members = list(value)
    regular = _regular(members)
    if regular is not None:
        array, levels, python = regular
        written = _encode(group, name, array, depth + 1)
        return _mark(written, kind, levels=levels, python=python, inner=array.dtype.str)
    if members and all(type(member) is list and _numbers(member) for member in members):
        rows = [_regular(member) for member in members if member]
        if len({row[0].dtype for row in rows if row}) == 1 and all(row and row[2] for row in rows):
            dtype = rows[0][0].dtype if rows[0] else np.dtype(np.int64)
            written = group.create_dataset(name, shape=(len(members),), dtype=h5py.vlen_dtype(dtype))
            for place, member in enumerate(members):
                written[place] = np.asarray(member, dtype=dtype)
            return _mark(written, kind, ragged=True)
    if members and all(type(member) is str and "\0" not in member and _is_utf8(member) for member in members):
        written = group.create_dataset(name, data=np.array(members, dtype=object), dtype=h5py.string_dtype())
        return _mark(written, kind, strings=True)
    if _is_json(members):
        return _text(group, name, json.dumps(members), kind=kind, json=True)
    return _mark(_members(group, name, members, depth), kind)


def _regular(members: list[Any]) -> tuple[np.ndarray, int, bool] | None:
    """Return an array, its levels of lists and whether its items were Python's own, if nothing is lost by it."""
    first: Any = members
    levels = 0
    while type(first) in (list, tuple) and first:
        first = first[0]
        levels += 1
    if type(first) in (bool, int, float, complex):
        python = True
    elif isinstance(first, np.number | np.bool_):
        python = False
    else:
        return None
    if not _same_all_through(members, type(first), levels, type(members[0]) if levels > 1 else None):
        return None
    try:
        array = np.array(members)
    except (ValueError, OverflowError):
        return None
    if array.dtype.kind not in "biufc" or array.ndim != levels:
        return None
    if python and array.dtype != np.dtype({bool: "?", int: "int64", float: "f8", complex: "c16"}[type(first)]):
        return None
    return array, levels, python


def _same_all_through(members: Any, item: type, levels: int, inner: type | None) -> bool:
    if levels == 1:
        return all(type(member) is item for member in members)
    # Tuples within lists would come back as lists.
    if inner is not list:
        return False
    return all(type(member) is list and _same_all_through(member, item, levels - 1, inner) for member in members)


def _numbers(members: list[Any]) -> bool:
    return all(type(member) in (int, float) for member in members)


def _is_json(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives the value back as it is."""
    if type(value) in (bool, int, float, type(None)):
        return True
    if type(value) is str:
        return "\0" not in value and _is_utf8(value)
    if depth >= _DEEPEST:
        return False
    if type(value) is list:
        return all(_is_json(member, depth + 1) for member in value)
    if type(value) is dict:
        return all(type(key) is str and _is_json(member, depth + 1) for key, member in value.items())
    return False


def _members(group: h5py.Group, name: str, members: Iterable[Any], depth: int) -> h5py.Group:
    listed = list(members)
    if len(listed) > _MOST_MEMBERS:
        raise NotStorable(
            f"it holds {len(listed):,} objects of mixed kinds; up to {_MOST_MEMBERS:,} are kept one by one"
        )
    written = group.create_group(name, track_order=True)
    for place, member in enumerate(listed):
        encode(written, str(place), member, depth=depth + 1)
    return written


def _read_members(node: h5py.Group) -> list[Any]:
    return [decode(node[str(place)]) for place in range(len(node))]


def _read_sequence(node: Any) -> Any:
    kind, attributes = node.attrs[KIND], node.attrs
    members: list[Any]
    if attributes.get("json"):
        members = json.loads(_read_text(node))
    elif attributes.get("ragged"):
        members = [row.tolist() for row in node[()]]
    elif attributes.get("strings"):
        members = node.asstr()[()].tolist()
    elif isinstance(node, h5py.Group):
        members = _read_members(node)
    else:
        array = np.asarray(node[()])
        members = array.tolist() if attributes["python"] else _numpy_lists(array)
    return tuple(members) if kind == "tuple" else members


def _numpy_lists(array: np.ndarray) -> list[Any]:
    return [_numpy_lists(row) for row in array] if array.ndim > 1 else list(array)


def _set(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    try:
        members = sorted(value)
    except TypeError:
        members = list(value)
    written = group.create_group(name)
    encode(written, "members", members, depth=depth + 1)
    return _mark(written, type(value).__name__)


def _dictionary(group: h5py.Group, name: str, value: Mapping[Any, Any], depth: int) -> Any:
    if type(value) is dict and len(value) > 0 and _is_json(value):
        return _text(group, name, json.dumps(value), kind="dict", json=True)
    if len(value) > _MOST_MEMBERS:
        raise NotStorable(f"a dictionary of {len(value):,} entries; up to {_MOST_MEMBERS:,} are kept")
    written = group.create_group(name, track_order=True)
    encode(written, "keys", list(value.keys()), depth=depth + 1)
    values = written.create_group("values", track_order=True)
    for place, member in enumerate(value.values()):
        encode(values, str(place), member, depth=depth + 1)
    return _mark(written, "dict")


def _read_dictionary(node: Any) -> Any:
    if node.attrs.get("json"):
        return json.loads(_read_text(node))
    return dict(zip(decode(node["keys"]), _read_members(node["values"]), strict=True))


# --- tensors ------------------------------------------------------------------------------------------------------


def _torch(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    torch = sys.modules["torch"]
    if value.layout is not torch.strided or value.is_quantized:
        raise NotStorable(f"a torch tensor of layout {value.layout}: only dense ones are kept")
    detached = value.detach()
    small = str(detached.dtype).removeprefix("torch.")
    if small in _ODD_FLOATS:
        width = {1: torch.uint8, 2: torch.int16}[detached.element_size()]
        detached = detached.view(width)
    array = _Rows(detached, lambda part: part.resolve_conj().resolve_neg().cpu().numpy())
    written = (
        _slabs(group, name, array, np.asarray(array[0:0]).dtype)
        if detached.ndim
        else group.create_dataset(name, data=detached.resolve_conj().cpu().numpy())
    )
    return _mark(written, "torch", dtype=small, requires_grad=bool(value.requires_grad), device=str(value.device))


class _Rows:
    """What `_slabs` needs of an array: its shape, and rows of it as numpy arrays."""

    def __init__(self, whole: Any, rows: Callable[[Any], np.ndarray]) -> None:
        self.shape = tuple(int(size) for size in whole.shape)
        self._whole = whole
        self._rows = rows

    def __getitem__(self, which: slice) -> np.ndarray:
        return self._rows(self._whole[which])

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return self._rows(self._whole)


def _read_torch(node: h5py.Dataset) -> Any:
    import torch

    value = torch.from_numpy(np.asarray(node[()]).copy())
    wanted = getattr(torch, node.attrs["dtype"])
    if value.dtype != wanted:
        value = value.view(wanted)
    return value.requires_grad_(bool(node.attrs["requires_grad"]))


def _tensorflow(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    if not hasattr(value, "numpy"):
        raise NotStorable("a tensor of a graph has no value")
    array = value.numpy()
    kind = "tensorflow variable" if "Variable" in type(value).__name__ else "tensorflow"
    if not isinstance(array, np.ndarray):
        array = np.asarray(array)
    if array.dtype.kind == "O":
        texts = [member.hex() if isinstance(member, bytes) else None for member in array.ravel().tolist()]
        if None in texts:
            raise NotStorable("a tensor of variants or resources has no value to keep")
        written = group.create_dataset(name, data=np.array(texts, dtype=object), dtype=h5py.string_dtype())
        return _mark(written, kind, hex=True, shape=np.array(array.shape, dtype=np.int64))
    return _rekind(_array(group, name, array, depth), kind)


def _rekind(written: Any, kind: str) -> Any:
    written.attrs[KIND] = kind
    return written


def _read_tensorflow(node: h5py.Dataset) -> Any:
    import tensorflow as tf

    if node.attrs.get("hex"):
        texts = np.array([bytes.fromhex(text) for text in node.asstr()[()].ravel()], dtype=object)
        value = tf.constant(texts.reshape(tuple(node.attrs["shape"])), dtype=tf.string)
    else:
        value = tf.constant(_read_array(node))
    return tf.Variable(value) if node.attrs[KIND].endswith("variable") else value


def _keras_variable(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    return _array(group, name, np.asarray(value.numpy()), depth)


def _jax(group: h5py.Group, name: str, value: Any, depth: int) -> Any:
    jax = sys.modules["jax"]
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        written = _array(group, name, np.asarray(jax.random.key_data(value)), depth)
        written.attrs["prng"] = str(jax.random.key_impl(value))
    else:
        written = _array(group, name, np.asarray(value), depth)
    return _rekind(written, "jax")


def _read_jax(node: h5py.Dataset) -> Any:
    import jax

    value = jax.numpy.asarray(_read_array(node))
    prng = node.attrs.get("prng")
    return jax.random.wrap_key_data(value, impl=prng) if prng else value


_ENCODERS: dict[type, Callable[..., Any]] = {
    type(None): _none,
    bool: _plain_number,
    int: _plain_number,
    float: _plain_number,
    complex: _plain_number,
    str: _string,
    bytes: _bytes,
    bytearray: _bytes,
    decimal.Decimal: _as_text(str),
    fractions.Fraction: _as_text(str),
    uuid.UUID: _as_text(str),
    datetime.datetime: _moment,
    datetime.date: _moment,
    datetime.time: _moment,
    datetime.timedelta: _duration,
    pathlib.PurePath: _path,
    range: lambda group, name, value, depth: _mark(
        group.create_dataset(name, data=np.array([value.start, value.stop, value.step])), "range"
    ),
    np.ndarray: _array,
    np.generic: _numpy_scalar,
    np.ma.MaskedArray: _masked,
    list: _sequence,
    tuple: _sequence,
    set: _set,
    frozenset: _set,
    dict: _dictionary,
}
# A subclass of these is stored as what it is, or as its base without loss; one of list or dict may hold more.
_SUBCLASSES_TOO = frozenset([np.ndarray, np.generic, pathlib.PurePath])

# By the library's name and the class's: a library that was not imported has made no such value.
_FOREIGN: dict[tuple[str, str], Callable[..., Any]] = {
    ("torch", "Tensor"): _torch,
    ("tensorflow", "Tensor"): _tensorflow,
    ("tensorflow", "Variable"): _tensorflow,
    ("keras", "Variable"): _keras_variable,
    ("jax", "Array"): _jax,
    ("jaxlib", "Array"): _jax,
    ("jaxlib", "ArrayImpl"): _jax,
    ("scipy", "_spbase"): _sparse,
    ("pandas", "Timestamp"): _pandas_moment,
    ("pandas", "Timedelta"): _pandas_moment,
}

_DECODERS: dict[str, Callable[[Any], Any]] = {
    "none": lambda node: None,
    "bool": lambda node: bool(node[()]),
    "int": lambda node: int(_read_text(node) if h5py.check_string_dtype(node.dtype) else node[()]),
    "float": lambda node: float(node[()]),
    "complex": lambda node: complex(node[()]),
    "str": _read_text,
    "bytes": lambda node: node[()].tobytes(),
    "bytearray": lambda node: bytearray(node[()].tobytes()),
    "Decimal": lambda node: decimal.Decimal(_read_text(node)),
    "Fraction": lambda node: fractions.Fraction(_read_text(node)),
    "UUID": lambda node: uuid.UUID(_read_text(node)),
    "path": lambda node: pathlib.Path(_read_text(node)),
    "datetime": lambda node: datetime.datetime.fromisoformat(_read_text(node)),
    "date": lambda node: datetime.date.fromisoformat(_read_text(node)),
    "time": lambda node: datetime.time.fromisoformat(_read_text(node)),
    "timedelta": lambda node: datetime.timedelta(*(int(part) for part in node[()])),
    "range": lambda node: range(*(int(part) for part in node[()])),
    "array": _read_array,
    "objects": _read_objects,
    "strings": _read_objects,
    "masked": _read_masked,
    "sparse": _read_sparse,
    "list": _read_sequence,
    "tuple": _read_sequence,
    "set": lambda node: set(decode(node["members"])),
    "frozenset": lambda node: frozenset(decode(node["members"])),
    "dict": _read_dictionary,
    "torch": _read_torch,
    "tensorflow": _read_tensorflow,
    "tensorflow variable": _read_tensorflow,
    "jax": _read_jax,
    "Timestamp": _read_pandas_moment,
    "Timedelta": _read_pandas_moment,
}
