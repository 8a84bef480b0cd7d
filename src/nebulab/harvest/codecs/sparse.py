"""The codec of SciPy's sparse arrays and matrices; runs in the kernel."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Differs, Node, Registry, Writer, describe, mark, shape_of

_COMPRESSED = ("data", "indices", "indptr")
_PARTS = {"csr": _COMPRESSED, "csc": _COMPRESSED, "bsr": _COMPRESSED, "dia": ("data", "offsets")}
_AS_COORDINATES = frozenset(["lil", "dok"])
"""Forms made for changing: kept as coordinates, and read back as what they were."""


class Sparse(Codec):
    """Sparse arrays and matrices of every form: the arrays that they are made of."""

    kind = "sparse"
    libraries = (("scipy", "_spbase"),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = group.create_group(name)
        inner = writer.deeper()
        for part, array in _parts(value).items():
            inner.write(written, part, array)
        is_array = not type(value).__name__.endswith("_matrix")
        shape = np.array(value.shape, dtype=np.int64)
        return mark(written, self.kind, format=value.format, array=is_array, shape=shape)

    def read(self, registry: Registry, node: Any) -> Any:
        import scipy.sparse

        form, shape = str(node.attrs["format"]), shape_of(node)
        parts = {name: registry.read(node[name]) for name in node}
        stored_form = "coo" if form in _AS_COORDINATES else form
        make = getattr(scipy.sparse, f"{stored_form}_{'array' if node.attrs['array'] else 'matrix'}")
        if stored_form == "coo":
            content = (parts["data"], _coordinates(parts, shape))
        else:
            content = tuple(parts[part] for part in _PARTS[stored_form])
        return make(content, shape=shape).asformat(form)

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        back = self.read(registry, node)
        if (type(back), back.dtype, back.shape) != (type(value), value.dtype, value.shape):
            raise Differs(f"a {describe(type(value))} would come back as {back!r}")
        for part, array in _parts(value).items():
            registry.check(node[part], array)


def _parts(value: Any) -> dict[str, np.ndarray]:
    if value.format in _PARTS:
        return {part: getattr(value, part) for part in _PARTS[value.format]}
    coordinates = value.tocoo()
    if coordinates.ndim <= 2:
        return {"data": coordinates.data, "row": coordinates.row, "col": coordinates.col}
    return {"data": coordinates.data, "coords": np.array(coordinates.coords)}


def _coordinates(stored: dict[str, Any], shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    if "coords" in stored:
        return tuple(stored["coords"])
    return (stored["col"],) if len(shape) == 1 else (stored["row"], stored["col"])


CODECS: tuple[Codec, ...] = (Sparse(),)
