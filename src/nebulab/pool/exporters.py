"""GPUs as Prometheus exporters on the machines tell them: NVIDIA's DCGM exporter, and `nvidia_gpu_exporter`.

Either's page is read directly, or a Prometheus server's federation of several. An exporter knows no jobs: a GPU counts
as busy when it computed just now or when its memory is held, beyond what a driver keeps for itself.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from nebulab.pool.pool import HELD_MB, UNNAMED, Device, Node, Pool, counted

_MOST_BYTES = 16 << 20
_MIB = 1 << 20


@dataclass
class _Gpu:
    model: str = UNNAMED
    profile: str = ""
    percent: float | None = None
    used_mb: float | None = None
    free_mb: float | None = None
    total_mb: float | None = None
    lost: bool = False


# How each exporter names a figure: the field above, and by what its value is multiplied.
_FIGURES = {
    "DCGM_FI_DEV_GPU_UTIL": ("percent", 1.0),
    "DCGM_FI_DEV_FB_USED": ("used_mb", 1.0),
    "DCGM_FI_DEV_FB_FREE": ("free_mb", 1.0),
    "DCGM_FI_DEV_FB_TOTAL": ("total_mb", 1.0),
    "nvidia_smi_utilization_gpu_ratio": ("percent", 100.0),
    "nvidia_smi_memory_used_bytes": ("used_mb", 1 / _MIB),
    "nvidia_smi_memory_total_bytes": ("total_mb", 1 / _MIB),
}
# XID 79: "GPU has fallen off the bus"; NVIDIA's "XID Errors" guide.
_LOST_XID = 79


async def read(addresses: Iterable[str], *, client: httpx.AsyncClient) -> Pool:
    """Return the machines that the exporters at `addresses` tell; an exporter that does not answer is a trouble."""
    answers = await asyncio.gather(*(_machines(address, client) for address in addresses))
    return Pool(
        nodes=tuple(node for answer in answers if not isinstance(answer, str) for node in answer),
        troubles=tuple(answer for answer in answers if isinstance(answer, str)),
    )


async def _machines(address: str, client: httpx.AsyncClient) -> list[Node] | str:
    """Return the machines of one page, or why there are none; httpx's own messages show the address's password."""
    shown = f"GPU exporter {_shown(address)}"
    try:
        return parse(await _page(address, client), host=urlsplit(address).hostname or address)
    except httpx.HTTPStatusError as error:
        return f"{shown}: it answered {error.response.status_code} {error.response.reason_phrase}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{shown}: it did not answer ({type(error).__name__})"
    except (ValueError, KeyError) as error:
        return f"{shown}: its page is not in Prometheus' text format ({error})"


async def _page(address: str, client: httpx.AsyncClient) -> str:
    async with client.stream("GET", address) as response:
        response.raise_for_status()
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > _MOST_BYTES:
                raise ValueError(f"longer than {_MOST_BYTES >> 20} MiB")
    return content.decode("utf-8", "replace")


def _shown(address: str) -> str:
    """Return the address without a password in it."""
    parts = urlsplit(address)
    return f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or address


def parse(text: str, *, host: str) -> list[Node]:
    """Return the machines of one page; `host` is the machine's name where the page tells none.

    Raises
    ------
    ValueError
        The page is not in Prometheus' text format.
    """
    gpus: dict[str, dict[str, _Gpu]] = defaultdict(dict)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            identity = labels.get("UUID") or labels.get("uuid") or labels.get("gpu")
            if identity is None or not sample.name.startswith(("DCGM_FI_DEV_", "nvidia_smi_")):
                continue
            # A slice of a GPU in MIG mode has its GPU's UUID and a number of its own.
            slice_of = labels.get("GPU_I_ID", "")
            node = labels.get("Hostname") or labels.get("instance", "").rpartition(":")[0] or host
            gpu = gpus[node].setdefault(f"{identity}/{slice_of}", _Gpu())
            gpu.model = labels.get("modelName") or labels.get("name") or gpu.model
            gpu.profile = labels.get("GPU_I_PROFILE") or gpu.profile
            if sample.name == "DCGM_FI_DEV_XID_ERRORS":
                gpu.lost = sample.value == _LOST_XID
            elif sample.name in _FIGURES:
                field, factor = _FIGURES[sample.name]
                setattr(gpu, field, sample.value * factor)
    return [Node(name=name, gpus=counted(map(_device, found.values()))) for name, found in gpus.items()]


def _device(gpu: _Gpu) -> Device:
    total = _total(gpu)
    return Device(
        model=f"{gpu.model} {gpu.profile}".strip(),
        held=_is_held(gpu),
        down=gpu.lost,
        memory_mb=None if total is None else round(total),
        percent=gpu.percent,
    )


def _total(gpu: _Gpu) -> float | None:
    if gpu.total_mb is not None:
        return gpu.total_mb
    # DCGM's two figures leave out what the driver reserves, some hundred MiB.
    return gpu.used_mb + gpu.free_mb if gpu.used_mb is not None and gpu.free_mb is not None else None


def _is_held(gpu: _Gpu) -> bool:
    return (gpu.percent or 0) > 0 or (gpu.used_mb or 0) >= HELD_MB
