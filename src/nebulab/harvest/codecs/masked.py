"""The codec of NumPy's masked arrays; runs in the kernel."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Differs, Node, Registry, Writer, mark
from nebulab.harvest.codecs.comparing import same
from nebulab.harvest.codecs.snapshots import snapshot


class Masked(Codec):
    """Masked arrays: the data, also what lies under the mask, the mask and the fill value."""

    kind = "masked"
    classes = (np.ma.MaskedArray,)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = group.create_group(name)
        inner = writer.deeper()
        inner.write(written, "data", snapshot(np.asarray(value.data)))
        inner.write(written, "mask", np.ma.getmaskarray(value))
        inner.write(written, "fill_value", np.asarray(value.fill_value))
        # Older readers look at neither.
        if value.mask is np.ma.nomask:
            written.attrs["nomask"] = True
        if value.hardmask:
            written.attrs["hard"] = True
        return mark(written, self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        mask = np.ma.nomask if node.attrs.get("nomask") else registry.read(node["mask"])
        value: Any = np.ma.MaskedArray(
            registry.read(node["data"]), mask=mask, hard_mask=bool(node.attrs.get("hard", False))
        )
        fill = registry.read(node["fill_value"])
        if not same(np.asarray(value.fill_value), fill):  # the default one may be longer than the array's texts
            value.fill_value = fill[()]
        return value

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        back = self.read(registry, node)
        for part in ("data", "mask", "fill_value", "hardmask"):
            if not same(_plain(getattr(value, part)), _plain(getattr(back, part))):
                raise Differs(f"a masked array would come back with another {part}")

    def copy(self, value: Any) -> Any:
        return value.copy()


def _plain(part: Any) -> np.ndarray:
    return np.asarray(part)


CODECS: tuple[Codec, ...] = (Masked(),)
