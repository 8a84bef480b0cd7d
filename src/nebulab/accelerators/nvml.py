"""GPUs through NVML, the library of nvidia-smi, with NVIDIA's own binding (nvidia-ml-py); runs everywhere.

The library comes with the driver. Without it the binding is not imported, which takes 15 MB and 75 ms.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from nebulab.accelerators.gpus import ComputeMode, Gpu, Holder, Look, MigSlice, Sample, Trouble, show

LIBRARY = "libnvidia-ml.so.1"
VISIBLE = "CUDA_VISIBLE_DEVICES"

_CELSIUS = 0  # NVML_TEMPERATURE_GPU
_TROUBLES = {
    "NVML_ERROR_DRIVER_NOT_LOADED": Trouble.NO_DRIVER,
    "NVML_ERROR_LIB_RM_VERSION_MISMATCH": Trouble.MISMATCH,
    "NVML_ERROR_NO_PERMISSION": Trouble.NO_PERMISSION,
    "NVML_ERROR_GPU_IS_LOST": Trouble.LOST,
    "NVML_ERROR_RESET_REQUIRED": Trouble.LOST,
    "NVML_ERROR_TIMEOUT": Trouble.SILENT,
    "NVML_ERROR_LIBRARY_NOT_FOUND": Trouble.NO_LIBRARY,
}
_Answer = TypeVar("_Answer")


def has_library() -> bool:
    """Whether the driver's library is on this machine; loads it, and calls nothing."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True


class Nvml:
    """NVML, initialised at the first call and kept open until `close` or the end of the process.

    A driver that hangs blocks a call: call from a thread, or through `nebulab.accelerators.asking`.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._choice = environment.get(VISIBLE)
        self._library: Any = None
        self._closed: Look | None = None
        self._sampled: list[Any] | None = None

    def look(self) -> Look:
        """Return all GPUs, also those that CUDA_VISIBLE_DEVICES hides.

        Takes some milliseconds a GPU.
        """
        closed = self._open()
        if closed is not None:
            return closed
        nvml = self._library
        try:
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            return self._failed(error)
        cuda = self._answer(nvml.nvmlSystemGetCudaDriverVersion_v2)
        return Look(
            show(tuple(self._gpu(index) for index in range(count)), self._choice),
            driver=self._answer(nvml.nvmlSystemGetDriverVersion) or "",
            cuda="" if cuda is None else f"{cuda // 1000}.{cuda % 1000 // 10}",
        )

    def sample(self) -> Sample | None:
        """Return the load and the memory of the visible GPUs, or None without any; two calls a GPU."""
        if self._open() is not None:
            return None
        nvml = self._library
        if self._sampled is None:
            self._sampled = self._visible_handles()
        loads, used, total = [], 0, 0
        for handle in self._sampled:
            memory = self._answer(nvml.nvmlDeviceGetMemoryInfo, handle)
            load = self._answer(nvml.nvmlDeviceGetUtilizationRates, handle)
            if memory is not None:
                used, total = used + int(memory.used), total + int(memory.total)
            if load is not None:
                loads.append(int(load.gpu))
        return Sample(max(loads, default=None), used, total) if total or loads else None

    def close(self) -> None:
        """Shut NVML down; a later call initialises it again."""
        library, self._library, self._sampled = self._library, None, None
        if library is not None:
            atexit.unregister(self.close)
            with contextlib.suppress(library.NVMLError):
                library.nvmlShutdown()

    def _open(self) -> Look | None:
        """Initialise NVML, and return None, or the `Look` with the reason for a failure, which is not retried."""
        if self._library is not None or self._closed is not None:
            return self._closed
        if not has_library():
            self._closed = Look(trouble=Trouble.NO_LIBRARY, reason=f"{LIBRARY} is not on this machine")
            return self._closed
        try:
            import pynvml
        except ImportError:
            self._closed = Look(trouble=Trouble.NO_BINDING, reason="nvidia-ml-py is not installed in this environment")
            return self._closed
        self._library = pynvml
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError as error:
            self._closed = self._failed(error)
            self._library = None
            return self._closed
        atexit.register(self.close)
        return None

    def _gpu(self, index: int) -> Gpu:
        nvml = self._library
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name, uuid = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetUUID(handle)
            memory = self._memory(handle)
        except nvml.NVMLError as error:
            return Gpu(index, trouble=self._trouble(error))
        load = self._answer(nvml.nvmlDeviceGetUtilizationRates, handle)
        watts = self._answer(nvml.nvmlDeviceGetPowerUsage, handle)
        holders = self._holders(handle)
        mode = self._answer(nvml.nvmlDeviceGetComputeMode, handle)
        mig = self._answer(nvml.nvmlDeviceGetMigMode, handle)
        cut = bool(mig and mig[0])
        return Gpu(
            index,
            name=name,
            uuid=uuid,
            memory_total=memory[0],
            memory_used=memory[1],
            percent=None if load is None else int(load.gpu),
            celsius=self._answer(nvml.nvmlDeviceGetTemperature, handle, _CELSIUS),
            watts=None if watts is None else watts / 1000,
            processes=None if holders is None else len(holders),
            mode=ComputeMode.SHARED if mode is None else ComputeMode(mode),
            mig=cut,
            slices=tuple(self._slice(part, name) for part in self._slices(handle)) if cut else (),
            holders=holders or (),
        )

    def _slices(self, handle: Any) -> list[Any]:
        nvml = self._library
        indices = range(self._answer(nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0)
        handles = (self._answer(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, index) for index in indices)
        return [part for part in handles if part is not None]

    def _slice(self, handle: Any, card: str) -> MigSlice:
        nvml = self._library
        name = self._answer(nvml.nvmlDeviceGetName, handle) or f"{card} MIG"
        uuid = self._answer(nvml.nvmlDeviceGetUUID, handle) or ""
        total, used = self._memory(handle)
        load = self._answer(nvml.nvmlDeviceGetUtilizationRates, handle)
        return MigSlice(
            name,
            name.rpartition("MIG ")[2] if "MIG " in name else "",
            uuid,
            total,
            used,
            percent=None if load is None else int(load.gpu),
            holders=self._holders(handle) or (),
        )

    def _holders(self, handle: Any) -> tuple[Holder, ...] | None:
        running = self._answer(self._library.nvmlDeviceGetComputeRunningProcesses, handle)
        return None if running is None else tuple(Holder(each.pid, each.usedGpuMemory) for each in running)

    def _memory(self, handle: Any) -> tuple[int | None, int | None]:
        """Return total and used memory, or None for each on a card that shares the processor's memory.

        Raises
        ------
        NVMLError
            The GPU does not answer.
        """
        nvml = self._library
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        except nvml.NVMLError_NotSupported:
            return None, None
        return int(memory.total), int(memory.used)

    def _visible_handles(self) -> list[Any]:
        """Return a handle of each visible GPU, in MIG mode of each visible slice."""
        nvml = self._library
        handles = []
        for gpu in self.look().usable:
            handle = self._answer(nvml.nvmlDeviceGetHandleByIndex, gpu.index)
            if gpu.mig and handle is not None:
                shown = {part.uuid for part in gpu.slices if part.visible}
                slices = self._slices(handle)
                handles += [part for part in slices if self._answer(nvml.nvmlDeviceGetUUID, part) in shown]
            elif handle is not None:
                handles.append(handle)
        return handles

    def _answer(self, function: Callable[..., _Answer], *arguments: Any) -> _Answer | None:
        """Return the result of an NVML function, or None if this card, driver or container does not support it."""
        try:
            return function(*arguments)
        except self._library.NVMLError:
            return None

    def _failed(self, error: Any) -> Look:
        return Look(trouble=self._trouble(error), reason=f"NVML says: {error}")

    def _trouble(self, error: Any) -> Trouble:
        codes = {getattr(self._library, name): trouble for name, trouble in _TROUBLES.items()}
        return codes.get(error.value, Trouble.OTHER)
