"""Python values as HDF5 data sets and back, without loss; runs in the kernel.

A value becomes one data set (or one group) under its variable's name. Each kind of values has a codec, its writer and
its reader side by side; `REGISTRY` lists them all. What was written is read back and compared: type, dtype, shape,
values. What can't be kept like that raises `NotStorable`, whose text is the reason.
"""

from __future__ import annotations

from typing import Any

import h5py

from nebulab.harvest.codecs import (
    arrays,
    containers,
    frames,
    jax,
    keras,
    masked,
    moments,
    objects,
    scalars,
    sparse,
    tensorflow,
    torch,
)
from nebulab.harvest.codecs.base import Differs, Node, NotReadable, NotStorable, Registry, Writer, describe
from nebulab.harvest.codecs.snapshots import snapshot

REGISTRY = Registry(
    codec
    for module in (
        scalars,
        moments,
        objects,
        arrays,
        masked,
        containers,
        sparse,
        frames,
        keras,
        torch,
        tensorflow,
        jax,
    )
    for codec in module.CODECS
)
_FORBIDDEN = str.maketrans({"/": "∕"})


def encode(group: h5py.Group, name: str, value: Any, *, remarks: list[str] | None = None) -> Node:
    """Write `value` below `group` under `name`, read it back and compare; return what was written.

    Large arrays are written and compared slab by slab along their first axis, never copied as a whole.

    Parameters
    ----------
    remarks
        Gets a line for each thing that a reader will not get back, such as a subclass.

    Raises
    ------
    NotStorable
        The value (or a member of it) has no loss-free form; nothing is left under `name`.
    """
    name = safe_name(name)
    if name in group:
        raise NotStorable(f"the file has something else under the name {name!r}")
    try:
        return _written(group, name, snapshot(value), remarks)
    except Differs:
        # A thread may have changed it meanwhile: once more, from a copy of its arrays.
        return _written(group, name, snapshot(value, REGISTRY.copy), remarks)


def decode(node: Node) -> Any:
    """Return the value that `encode` wrote; of another writer a data set is an array, a group a dictionary.

    Raises
    ------
    NotReadable
        It is of a kind that is not known here.
    """
    return REGISTRY.read(node)


def safe_name(name: str) -> str:
    """Return a variable's name as one that HDF5 and file systems take for one name, not for a path."""
    return name.translate(_FORBIDDEN)


def _written(group: h5py.Group, name: str, value: Any, remarks: list[str] | None) -> Node:
    try:
        written = Writer(REGISTRY, remarks=remarks).write(group, name, value)
        REGISTRY.check(written, value)
    except BaseException:
        if name in group:
            del group[name]
        raise
    return written


__all__ = ["REGISTRY", "NotReadable", "NotStorable", "decode", "describe", "encode", "safe_name"]
