"""NumPy's dtypes as text, where HDF5 has no type of the same kind; runs in the kernel."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import NotReadable, NotStorable
from nebulab.harvest.codecs.comparing import same_dtypes


def is_small(dtype: np.dtype[Any]) -> bool:
    """Whether this is one of machine learning's small numbers (bfloat16, float8_…, int4 …), NumPy's guests."""
    return dtype.type.__module__.partition(".")[0] == "ml_dtypes"


def small(name: str) -> np.dtype[Any]:
    """Return the small number of this name.

    Raises
    ------
    NotReadable
        It needs the package ml_dtypes, or a newer one.
    """
    try:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    except (ImportError, AttributeError) as error:
        raise NotReadable(f"its numbers are {name}, which the package ml_dtypes brings: {error}") from error


def is_native(dtype: np.dtype[Any]) -> bool:
    """Whether HDF5 has a type for a structured dtype, if not for its titles and its alignment."""
    try:
        return bool(h5py.h5t.py_create(dtype, logical=True).dtype.itemsize == dtype.itemsize)
    except (TypeError, ValueError):
        return False


def lost_by_hdf5(dtype: np.dtype[Any]) -> dict[str, str]:
    """Return the attributes that give back what HDF5's own type for a structured dtype leaves out."""
    back = h5py.h5t.py_create(dtype, logical=True).dtype
    return {} if same_dtypes(dtype, back) else _described(dtype)


def describe_fields(dtype: np.dtype[Any]) -> dict[str, str]:
    """Return the attributes by which `fields_of` makes the structured dtype again.

    Raises
    ------
    NotStorable
        It has a field that no text can describe.
    """
    try:  # the form of older versions, which they read, where it suffices
        fields = json.dumps(dtype.descr)
        if same_dtypes(_from_descr(json.loads(fields)), dtype):
            return {"fields": fields}
    except (TypeError, ValueError):
        pass
    return _described(dtype)


def fields_of(attributes: Any) -> np.dtype[Any] | None:
    """Return the structured dtype that a node's attributes describe, or None."""
    if "layout" in attributes:
        return _from_layout(json.loads(attributes["layout"]))
    return _from_descr(json.loads(attributes["fields"])) if attributes.get("fields") else None


def _described(dtype: np.dtype[Any]) -> dict[str, str]:
    try:
        layout = json.dumps(_layout(dtype))
        if same_dtypes(_from_layout(json.loads(layout)), dtype):
            return {"layout": layout}
    except (TypeError, ValueError):
        pass
    raise NotStorable(f"a structured array whose fields can't be described: {dtype}")


def _from_descr(fields: list[list[Any]]) -> np.dtype[Any]:
    described: list[tuple[Any, ...]] = []
    for name, kind, *shape in fields:
        inner = _from_descr(kind) if isinstance(kind, list) else kind
        described.append((tuple(name) if isinstance(name, list) else name, inner, *map(tuple, shape)))
    return np.dtype(described)


def _layout(dtype: np.dtype[Any]) -> Any:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": _layout(base), "shape": list(shape)}
    if dtype.names is None:
        return {"small": dtype.name} if is_small(dtype) else dtype.str
    fields: Any = dtype.fields
    return {
        "names": list(dtype.names),
        "formats": [_layout(dtype[name]) for name in dtype.names],
        "offsets": [fields[name][1] for name in dtype.names],
        "titles": [fields[name][2] if len(fields[name]) > 2 else None for name in dtype.names],
        "itemsize": dtype.itemsize,
        "aligned": dtype.isalignedstruct,
    }


def _from_layout(layout: Any) -> np.dtype[Any]:
    if isinstance(layout, str):
        return np.dtype(layout)
    if "small" in layout:
        return small(layout["small"])
    if "base" in layout:
        return np.dtype((_from_layout(layout["base"]), tuple(layout["shape"])))
    described = {key: layout[key] for key in ("names", "offsets", "itemsize")}
    described["formats"] = [_from_layout(inner) for inner in layout["formats"]]
    if any(title is not None for title in layout["titles"]):
        described["titles"] = layout["titles"]
    return np.dtype(described, align=layout["aligned"])
