"""Caps that no environment variable sets, applied when a framework is imported; runs in every Python of a session.

A session's overlay loads this at the start of its Python if a cap on GPU memory is set. It imports nothing heavy. A
framework whose interface has changed is left without a cap, with a message, rather than broken.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from nebulab import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_MIB = 2**20


def install(limit_mb: int) -> None:
    """Cap TensorFlow and PyTorch at `limit_mb` MiB of each GPU in this process, once they are imported."""
    sys.meta_path.insert(0, _AfterImport({"tensorflow": _tensorflow, "torch": _torch}, limit_mb))


class _AfterImport:
    """An import hook: a finder that wraps the loaders of the other finders to cap a module after its import."""

    def __init__(self, caps: dict[str, Callable[[Any, int], None]], limit_mb: int) -> None:
        self._caps = caps
        self._limit_mb = limit_mb
        self._is_searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # A search for the spec is no import yet: libraries search for TensorFlow only to learn whether it is installed.
        if fullname not in self._caps or self._is_searching:
            return None
        import importlib.util

        self._is_searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._is_searching = False
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            try:
                self._caps[fullname](module, self._limit_mb)
            except Exception as error:  # noqa: BLE001 - a framework without a limit is better than none
                _tell(fullname, error)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _tensorflow(tf: Any, limit_mb: int) -> None:
    """Give each GPU one logical device of that size: `tf.config` refuses larger ones.

    Growth is on by TF_FORCE_GPU_ALLOW_GROWTH; `set_memory_growth`, which many notebooks call, would refuse a device
    that has a limit, so for those it does nothing.
    """
    limited = tf.config.list_physical_devices("GPU")
    for device in limited:
        tf.config.set_logical_device_configuration(
            device, [tf.config.LogicalDeviceConfiguration(memory_limit=limit_mb)]
        )
    if not limited:
        return
    original = tf.config.experimental.set_memory_growth

    def set_memory_growth(device: Any, enable: bool) -> None:
        if device not in limited:
            original(device, enable)

    tf.config.experimental.set_memory_growth = set_memory_growth


def _torch(torch: Any, limit_mb: int) -> None:
    """Set the allocator's fraction on each GPU when CUDA is initialised, which takes memory and is not done here.

    PyTorch 2.10 and newer also read `per_process_memory_fraction` from PYTORCH_CUDA_ALLOC_CONF; older ones, which a
    user may install, fail on an unknown option.
    """

    def limit() -> None:
        try:
            for device in range(torch.cuda.device_count()):
                total = torch.cuda.get_device_properties(device).total_memory
                torch.cuda.set_per_process_memory_fraction(min(1.0, limit_mb * _MIB / total), device)
        except Exception as error:  # noqa: BLE001 - a framework without a limit is better than none
            _tell("torch", error)

    torch.cuda._lazy_call(limit)


def _tell(name: str, error: Exception) -> None:
    print(f"Nebulab could not limit the GPU memory of {name}: {error!r}", file=sys.stderr)


if os.environ.get(contract.GPU_MEMORY_MB, "").isdecimal():
    install(int(os.environ[contract.GPU_MEMORY_MB]))
