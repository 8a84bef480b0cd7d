"""The codec of Keras' variables; runs in the kernel."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.arrays import ARRAY
from nebulab.harvest.codecs.base import FINE_KIND, Codec, Differs, Node, Registry, Writer


class Variable(Codec):
    """keras.Variable, whatever the backend: for older readers an array."""

    kind = "keras variable"
    libraries = (("keras", "Variable"), ("keras", "KerasVariable"))

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = ARRAY.write_array(group, name, _numpy(value))
        written.attrs[FINE_KIND] = self.kind
        written.attrs["name"] = str(value.name)
        written.attrs["trainable"] = bool(value.trainable)
        return written

    def read(self, registry: Registry, node: Any) -> Any:
        import keras

        array = ARRAY.read_rows(node, ())
        name, trainable = str(node.attrs["name"]), bool(node.attrs["trainable"])
        return keras.Variable(array, name=name, trainable=trainable, dtype=array.dtype.name)

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        ARRAY.check_array(node, _numpy(value))
        back = self.read(registry, node)
        descriptions = [
            (str(variable.dtype), tuple(variable.shape), variable.name, variable.trainable)
            for variable in (value, back)
        ]
        if descriptions[0] != descriptions[1]:
            raise Differs(f"{descriptions[0]} would come back as {descriptions[1]}")


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(value.numpy())


CODECS: tuple[Codec, ...] = (Variable(),)
