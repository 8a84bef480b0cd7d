"""Samples the GPUs of a job beside it, and keeps their figures in a file; runs on a job's node, from Python 3.7 on.

The plug-in for Galaxy's job metrics puts this file into the job's script: it imports nothing but the standard library,
needs no rights, and says nothing. Without a driver or a GPU it ends at once and leaves no file.

    python3 sampler.py FILE PID SECONDS

FILE gets the figures so far as JSON, replaced at each sample, so that a job that is killed has them too. PID is the
job's shell, whose end is this program's end; SECONDS lie between two samples.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# What NVML calls its values.
_MEBIBYTE = 1 << 20
_NAME_SIZE = 96
_PARENT_ENDS = 1  # PR_SET_PDEATHSIG
IDLE_PERCENT = 5
"""A load below this counts as idle: a kernel that polls, or a screen."""


class _Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


class _Load(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class Nvml:
    """NVIDIA's management library, by its C functions: a call returns its value, or None where it fails."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libnvidia-ml.so.1")
        if self._library.nvmlInit_v2():
            raise OSError("no driver")

    def get(self, function: str, kind: type[Any], *arguments: Any) -> Any:
        """Return what `function` writes into its last argument, of the C type `kind`."""
        value = kind()
        try:
            failed = getattr(self._library, function)(*arguments, ctypes.byref(value))
        except AttributeError:
            return None
        return None if failed else getattr(value, "value", value)

    def text(self, function: str, device: Any) -> str:
        """Return the text that `function` writes into a buffer."""
        buffer = ctypes.create_string_buffer(_NAME_SIZE)
        failed = getattr(self._library, function)(device, buffer, ctypes.c_uint(_NAME_SIZE))
        return "" if failed else buffer.value.decode(errors="replace")


class Device:
    """A GPU, or a slice of one (MIG), and its figures so far."""

    def __init__(self, nvml: Nvml, handle: Any, index: int, cut: Device | None = None) -> None:
        self._nvml, self.handle = nvml, handle
        self.index = index
        self.uuid = nvml.text("nvmlDeviceGetUUID", handle)
        self.name = nvml.text("nvmlDeviceGetName", handle)
        self.is_slice = cut is not None
        self.gpu_uuid = self.uuid if cut is None else cut.uuid
        if self.is_slice and "MIG" not in self.name:
            self.name += " MIG"
        # Whether the GPU is cut into slices: then its slices are what a job is given.
        self.slices: list[Device] = []
        self.seconds = self.loaded_seconds = self.idle_seconds = self.percent_seconds = 0.0
        self.memory_peak: int | None = None
        self.memory_total: int | None = None

    def sample(self, seconds: float) -> None:
        """Ask for load and memory; they stand for the `seconds` since the last time."""
        memory = self._nvml.get("nvmlDeviceGetMemoryInfo", _Memory, self.handle)
        if memory is not None:
            self.memory_total = memory.total
            self.memory_peak = max(self.memory_peak or 0, memory.used)
        self.seconds += seconds
        # The driver knows no load of slices.
        load = self._nvml.get("nvmlDeviceGetUtilizationRates", _Load, self.handle)
        if load is not None:
            self.loaded_seconds += seconds
            self.percent_seconds += load.gpu * seconds
            self.idle_seconds += seconds if load.gpu < IDLE_PERCENT else 0


def devices(nvml: Nvml) -> list[Device]:
    """Return all GPUs, each with its slices."""
    found = []
    for index in range(nvml.get("nvmlDeviceGetCount_v2", ctypes.c_uint) or 0):
        handle = nvml.get("nvmlDeviceGetHandleByIndex_v2", ctypes.c_void_p, ctypes.c_uint(index))
        if handle is None:
            continue
        gpu = Device(nvml, ctypes.c_void_p(handle), index)
        found.append(gpu)
        for place in range(nvml.get("nvmlDeviceGetMaxMigDeviceCount", ctypes.c_uint, gpu.handle) or 0):
            part = nvml.get("nvmlDeviceGetMigDeviceHandleByIndex", ctypes.c_void_p, gpu.handle, ctypes.c_uint(place))
            if part is not None:
                gpu.slices.append(Device(nvml, ctypes.c_void_p(part), index, cut=gpu))
    return found


def chosen(gpus: list[Device], choice: str | None) -> list[Device]:
    """Return what a job sees of `gpus` with `choice` as its CUDA_VISIBLE_DEVICES; None: all of them.

    As CUDA reads it, the first entry that names nothing ends the list. Of a GPU in slices its slices are counted.
    """
    whole = [part for gpu in gpus for part in gpu.slices or [gpu]]
    if choice is None:
        return whole
    found: list[Device] = []
    for entry in (part.strip() for part in choice.split(",")):
        named = [
            each
            for each in whole
            if (entry.isdigit() and each.index == int(entry))
            or (entry.startswith("MIG-") and each.uuid.startswith(entry))
            or (entry.startswith("GPU-") and each.gpu_uuid.startswith(entry))
        ]
        if not named:
            break
        found += [each for each in named if each not in found]
    return found


def given(environment: Mapping[str, str]) -> str | None:
    """Return the job's list of GPUs, from CUDA's variable or that of containers; None: it has all."""
    choice = environment.get("CUDA_VISIBLE_DEVICES", environment.get("NVIDIA_VISIBLE_DEVICES"))
    return None if choice == "all" else choice


def figures(used: list[Device]) -> dict[str, Any]:
    """Return the figures of the GPUs so far, by the names that Galaxy's database gets."""
    gpus = [each for each in used if not each.is_slice]
    slices = [each for each in used if each.is_slice]
    names = sorted({each.name for each in used})
    told: dict[str, Any] = {
        "model": ", ".join(f"{sum(each.name == name for each in used)} x {name}" for name in names),
        "memory_peak_mb": _most(each.memory_peak for each in used),
        "memory_total_mb": _most(each.memory_total for each in used),
    }
    for name, kind in (("gpu", gpus), ("mig", slices)):
        if kind:
            told[f"{name}_count"] = len(kind)
            told[f"{name}_hours"] = sum(each.seconds for each in kind) / 3600
    loaded = sum(each.loaded_seconds for each in used)
    if loaded:
        told["load_mean_percent"] = sum(each.percent_seconds for each in used) / loaded
        told["idle_percent"] = 100 * sum(each.idle_seconds for each in used) / loaded
        told["idle_hours"] = sum(each.idle_seconds for each in used) / 3600
    return {name: value for name, value in told.items() if value is not None}


def _most(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) / _MEBIBYTE if known else None


def keep(path: Path, told: Mapping[str, Any]) -> None:
    """Replace the file at once, so that no reader sees a part."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(told))
    part.replace(path)


def main(path: Path, shell: int, pause: float) -> None:
    """Sample until a signal says that the job is over, or its shell is gone."""
    ends = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        ctypes.CDLL(None).prctl(_PARENT_ENDS, signal.SIGTERM, 0, 0, 0)
        used = chosen(devices(Nvml()), given(os.environ))
    except (OSError, AttributeError):
        return
    if not used:
        return
    last = time.monotonic()
    while True:
        # The first samples come quickly, since many a job is short.
        wait = min(pause, 0.2 + (sum(each.seconds for each in used) / len(used)) / 10)
        over = signal.sigtimedwait(ends, wait) is not None or os.getppid() != shell
        now = time.monotonic()
        for device in used:
            device.sample(now - last)
        last = now
        try:
            keep(path, figures(used))
        except OSError:
            return
        if over:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
