"""Codecs of TensorFlow's tensors and variables; runs in the kernel."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.arrays import ARRAY
from nebulab.harvest.codecs.base import Codec, Differs, Node, NotStorable, Registry, Writer, mark, shape_of
from nebulab.harvest.codecs.comparing import same


class Tensor(Codec):
    """Tensors that have a value; texts as hexadecimal digits, since they may be any bytes."""

    kind = "tensorflow"
    libraries: tuple[tuple[str, str], ...] = (("tensorflow", "Tensor"),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        array = _numpy(value)
        if array.dtype.kind != "O":
            return mark(ARRAY.write_array(group, name, array), self.kind)
        texts = [member.hex() if isinstance(member, bytes) else None for member in array.ravel().tolist()]
        if None in texts:
            raise NotStorable("a tensor of variants or resources has no value to keep")
        written = group.create_dataset(name, data=np.array(texts, dtype=object), dtype=h5py.string_dtype())
        return mark(written, self.kind, hex=True, shape=np.array(array.shape, dtype=np.int64))

    def read(self, registry: Registry, node: Any) -> Any:
        import tensorflow as tf

        if node.attrs.get("hex"):
            texts = np.array([bytes.fromhex(text) for text in node.asstr()[()].ravel()], dtype=object)
            return tf.constant(texts.reshape(shape_of(node)), dtype=tf.string)
        return tf.constant(ARRAY.read_rows(node, ()))

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        import tensorflow as tf

        array = _numpy(value)
        if node.attrs.get("hex"):
            if not same(array, _numpy(self.read(registry, node))):
                raise Differs("a tensor of texts would come back with others")
            return
        ARRAY.check_array(node, array)
        dtype = tf.constant(ARRAY.read_rows(node, slice(0, 0) if array.ndim else ())).dtype
        if dtype != value.dtype:
            raise Differs(f"a tensor of {value.dtype} would come back as one of {dtype}")


class Variable(Tensor):
    """tf.Variable: its value."""

    kind = "tensorflow variable"
    libraries = (("tensorflow", "Variable"),)

    def read(self, registry: Registry, node: Any) -> Any:
        import tensorflow as tf

        return tf.Variable(super().read(registry, node))


def _numpy(value: Any) -> np.ndarray:
    if not hasattr(value, "numpy"):
        raise NotStorable("a tensor of a graph has no value")
    return np.asarray(value.numpy())


CODECS: tuple[Codec, ...] = (Variable(), Tensor())
