"""Codecs of NumPy's arrays whose items are Python objects, StringDType's among them; runs in the kernel."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Differs, Node, NotStorable, Registry, Writer, mark, shape_of
from nebulab.harvest.codecs.comparing import same, same_dtypes
from nebulab.harvest.codecs.containers import check_json, read_members, write_members
from nebulab.harvest.codecs.scalars import is_json, is_plain_text, read_text, write_text


class Objects(Codec):
    """Arrays of dtype object: their items in order, and the shape."""

    kind = "objects"
    classes = (np.ndarray,)

    def takes(self, value: Any) -> bool:
        return bool(value.dtype.kind == "O")

    def write(self, writer: Writer, group: h5py.Group, name: str, value: np.ndarray) -> Node:
        flat = value.ravel().tolist()
        if flat and all(type(member) is str and is_plain_text(member) for member in flat):
            return mark(group.create_dataset(name, data=value, dtype=h5py.string_dtype()), self.kind)
        if is_json(flat):
            written = write_text(group, name, json.dumps(flat), self.kind, json=True)
        else:
            written = write_members(writer, group, name, flat)
        return mark(written, self.kind, shape=np.array(value.shape, dtype=np.int64))

    def read(self, registry: Registry, node: Any) -> Any:
        if isinstance(node, h5py.Dataset) and not node.attrs.get("json"):
            return np.asarray(node.asstr()[()], dtype=object).reshape(node.shape)
        flat = json.loads(read_text(node)) if node.attrs.get("json") else read_members(registry, node)
        value: np.ndarray = np.empty(len(flat), dtype=object)
        for place, member in enumerate(flat):
            value[place] = member
        return value.reshape(shape_of(node))

    def check(self, registry: Registry, node: Any, value: np.ndarray) -> None:
        flat = value.ravel().tolist()
        if isinstance(node, h5py.Dataset) and not node.attrs.get("json"):
            if node.shape != value.shape or node.asstr()[()].ravel().tolist() != flat:
                raise Differs("an array of texts would come back with others")
            return
        if shape_of(node) != value.shape:
            raise Differs("an array of objects would come back with another shape")
        if node.attrs.get("json"):
            check_json(node, flat)
            return
        for place, member in enumerate(flat):
            registry.check(node[str(place)], member)

    def copy(self, value: Any) -> Any:
        return value.copy()


class Strings(Objects):
    """Arrays of NumPy's StringDType, with what they have in place of missing texts."""

    kind = "strings"

    def takes(self, value: Any) -> bool:
        return bool(value.dtype.kind == "T")

    def write(self, writer: Writer, group: h5py.Group, name: str, value: np.ndarray) -> Node:
        plain = same_dtypes(value.dtype, np.dtypes.StringDType())
        described = "" if plain else _described(value.dtype)
        written = super().write(writer, group, name, value.astype(object))
        if described:
            written.attrs["dtype"] = described
        return written

    def read(self, registry: Registry, node: Any) -> Any:
        dtype = np.dtypes.StringDType(**json.loads(node.attrs.get("dtype", "{}")))
        return super().read(registry, node).astype(dtype)

    def check(self, registry: Registry, node: Any, value: np.ndarray) -> None:
        if not same(value, self.read(registry, node)):
            raise Differs("an array of texts would come back with others")


def _described(dtype: Any) -> str:
    options = {"coerce": dtype.coerce}
    if hasattr(dtype, "na_object"):
        options["na_object"] = dtype.na_object
    if not is_json(options):
        raise NotStorable(f"{dtype!r} can't be described")
    return json.dumps(options)


CODECS: tuple[Codec, ...] = (Objects(), Strings())
