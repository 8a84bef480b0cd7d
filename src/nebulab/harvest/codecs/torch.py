"""Codecs of PyTorch's tensors and parameters; runs in the kernel."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.arrays import check_slabs, write_slabs
from nebulab.harvest.codecs.base import (
    FINE_KIND,
    Codec,
    Differs,
    Node,
    NotReadable,
    NotStorable,
    Registry,
    Writer,
    describe,
    mark,
)


class Tensor(Codec):
    """Dense tensors; they come back on the CPU."""

    kind = "torch"
    libraries = (("torch", "Tensor"),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        torch = sys.modules["torch"]
        if value.layout is not torch.strided or value.is_quantized:
            raise NotStorable(f"a torch tensor of layout {value.layout}: only dense ones are kept")
        if type(value) not in (torch.Tensor, torch.nn.Parameter):
            writer.remark(f"a {describe(type(value))} comes back as a plain tensor")
        rows = _Rows(value)
        written = (
            write_slabs(group, name, rows, rows[0:0].dtype)
            if value.ndim
            else group.create_dataset(name, data=np.asarray(rows))
        )
        dtype = str(value.dtype).removeprefix("torch.")
        return mark(written, "torch", dtype=dtype, requires_grad=bool(value.requires_grad), device=str(value.device))

    def read(self, registry: Registry, node: Any) -> Any:
        return self._tensor(np.asarray(node[()]), node).requires_grad_(bool(node.attrs["requires_grad"]))

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        check_slabs(node, _Rows(value))
        dtype = self._tensor(np.zeros(1, node.dtype), node).dtype
        if (dtype, bool(node.attrs["requires_grad"])) != (value.dtype, value.requires_grad):
            raise Differs(f"a tensor of {value.dtype} would come back as one of {dtype}")

    def copy(self, value: Any) -> Any:
        return value.detach().clone().requires_grad_(value.requires_grad)

    def _tensor(self, numbers: np.ndarray, node: Any) -> Any:
        import torch

        value = torch.from_numpy(numbers.copy())
        dtype = getattr(torch, str(node.attrs["dtype"]), None)
        if dtype is None:
            raise NotReadable(f"its numbers are {node.attrs['dtype']}, which this version of PyTorch does not know")
        return value if value.dtype == dtype else value.view(dtype)


class Parameter(Tensor):
    """torch.nn.Parameter: for older readers a tensor."""

    kind = "torch parameter"
    libraries = (("torch", "Parameter"),)

    def takes(self, value: Any) -> bool:
        return type(value) is sys.modules["torch"].nn.Parameter

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        written = super().write(writer, group, name, value)
        written.attrs[FINE_KIND] = self.kind
        return written

    def read(self, registry: Registry, node: Any) -> Any:
        import torch

        value = self._tensor(np.asarray(node[()]), node)
        return torch.nn.Parameter(value, requires_grad=bool(node.attrs["requires_grad"]))

    def copy(self, value: Any) -> Any:
        return type(value)(value.detach().clone(), requires_grad=value.requires_grad)


class _Rows:
    """What slabs need of a tensor: its shape, and rows of it as NumPy's arrays of the same bits."""

    def __init__(self, value: Any) -> None:
        self.shape = tuple(int(size) for size in value.shape)
        self._whole = _plain(value)

    def __getitem__(self, which: Any) -> np.ndarray:
        return _numpy(self._whole[which])

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return _numpy(self._whole)


def _plain(value: Any) -> Any:
    """Return the tensor without its gradient and its class, of whole numbers where NumPy has no such dtype."""
    torch = sys.modules["torch"]
    detached = value.detach()
    if type(detached) is not torch.Tensor:
        detached = detached.as_subclass(torch.Tensor)
    try:
        torch.empty(0, dtype=detached.dtype).numpy()
    except TypeError:
        widths: dict[int, Callable[[], Any]] = {1: torch.uint8, 2: torch.int16, 4: torch.int32}
        return detached.view(widths[detached.element_size()])
    return detached


def _numpy(tensor: Any) -> np.ndarray:
    array: np.ndarray = tensor.resolve_conj().resolve_neg().cpu().numpy()
    return array


CODECS: tuple[Codec, ...] = (Parameter(), Tensor())
