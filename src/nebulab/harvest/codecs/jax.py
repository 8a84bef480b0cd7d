"""The codec of JAX's arrays and random keys; runs in the kernel."""

from __future__ import annotations

import sys
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.arrays import ARRAY
from nebulab.harvest.codecs.base import Codec, Differs, Node, NotReadable, Registry, Writer, mark


class Array(Codec):
    """JAX's arrays; they come back on the default device."""

    kind = "jax"
    libraries = (("jax", "Array"), ("jaxlib", "Array"), ("jaxlib", "ArrayImpl"), ("jax", "PRNGKeyArray"))

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = ARRAY.write_array(group, name, _numpy(value))
        if _is_key(value):
            written.attrs["prng"] = str(sys.modules["jax"].random.key_impl(value))
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        return self._made(ARRAY.read_rows(node, ()), node)

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        array = _numpy(value)
        ARRAY.check_array(node, array)
        back = self._made(array if _is_key(value) else array[..., :0] if array.ndim else array, node)
        if back.dtype != value.dtype:
            raise Differs(f"an array of {value.dtype} would come back as one of {back.dtype}")

    def _made(self, array: np.ndarray, node: Any) -> Any:
        import jax

        value = jax.numpy.asarray(array)
        if value.dtype != array.dtype:
            raise NotReadable(f"its numbers are {array.dtype}: set JAX_ENABLE_X64=1")
        prng = node.attrs.get("prng")
        return jax.random.wrap_key_data(value, impl=prng) if prng else value


def _is_key(value: Any) -> bool:
    dtypes = sys.modules["jax"].dtypes
    return bool(dtypes.issubdtype(value.dtype, dtypes.prng_key))


def _numpy(value: Any) -> np.ndarray:
    return np.asarray(sys.modules["jax"].random.key_data(value) if _is_key(value) else value)


CODECS: tuple[Codec, ...] = (Array(),)
