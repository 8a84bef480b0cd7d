"""This machine as a pool of one: its processors, memory, disk, and its GPUs by NVML; for `nebulab up`."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from nebulab.accelerators import asking
from nebulab.accelerators.gpus import Gpu, Look, MigSlice, Trouble
from nebulab.pool.pool import HELD_MB, UNNAMED, Device, Gpus, Node, Pool, counted

_MIB = 1 << 20
_SECONDS = 8.0


def read(folder: Path, *, seconds: float = _SECONDS, look: Look | None = None) -> Pool:
    """Return this machine; the disk is that of `folder`.

    Without a `look` at its GPUs NVML is asked in a process of its own, for `seconds`.
    """
    if look is None:
        look = asking.ask(environment()).answer(seconds)
    troubles = (f"NVML: {look.reason}",) if look.trouble not in (None, Trouble.NO_LIBRARY, Trouble.NO_DRIVER) else ()
    node = Node(
        name=socket.gethostname(),
        cpus=len(os.sched_getaffinity(0)),
        memory_mb=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MIB,
        memory_busy_mb=_used_mb(),
        disk_mb=shutil.disk_usage(folder).total // _MIB,
        gpus=gpus(look),
    )
    return Pool(nodes=(node,), troubles=troubles)


def environment() -> dict[str, str]:
    """Return the environment in which all GPUs are seen, whichever this process may use."""
    return {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}


def _used_mb() -> int | None:
    fields = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields[name] = value.split()
    try:
        return (int(fields["MemTotal"][0]) - int(fields["MemAvailable"][0])) // 1024
    except (KeyError, IndexError, ValueError):
        return None


def gpus(look: Look) -> tuple[Gpus, ...]:
    """Return what programs compute on, by model: a GPU in MIG mode is its slices."""
    return counted(
        Device(
            model=f"{gpu.name or UNNAMED} {part.profile if isinstance(part, MigSlice) else ''}".strip(),
            held=_is_held(part),
            down=gpu.trouble is not None,
            memory_mb=part.memory_total // _MIB if part.memory_total else None,
            percent=part.percent,
        )
        for gpu in look.gpus
        for part in (gpu.slices if gpu.mig else (gpu,))
    )


def _is_held(part: Gpu | MigSlice) -> bool:
    processes = len(part.holders) or (getattr(part, "processes", None) or 0)
    return bool(processes or (part.percent or 0) > 0 or (part.memory_used or 0) >= HELD_MB * _MIB)
