"""Value classes for GPUs, MIG slices and their figures; runs everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

_GIB = 2**30


class Trouble(Enum):
    """Why a GPU can't be seen or used."""

    NO_LIBRARY = "no NVML library"
    NO_BINDING = "no nvidia-ml-py"
    NO_DRIVER = "driver not loaded"
    MISMATCH = "driver and library differ"
    NO_PERMISSION = "no permission"
    LOST = "GPU lost"
    SILENT = "driver does not answer"
    OTHER = "NVML error"


class ComputeMode(Enum):
    """The processes that the driver lets compute on a GPU (`nvmlComputeMode_t`)."""

    SHARED = 0
    ONE_THREAD = 1
    PROHIBITED = 2
    ONE_PROCESS = 3


@dataclass(frozen=True)
class Holder:
    """A process that computes on a GPU or a slice."""

    pid: int
    """As the machine counts; in a container the driver may tell another number, or 0."""
    memory_used: int | None
    """In bytes; None where the driver does not tell."""


@dataclass(frozen=True)
class MigSlice:
    """A slice of a GPU, isolated in hardware (Multi-Instance GPU); memory in bytes."""

    name: str
    profile: str
    """Such as `1g.5gb`."""
    uuid: str
    memory_total: int | None
    memory_used: int | None
    visible: bool = True
    """Whether CUDA_VISIBLE_DEVICES lets programs see it."""
    percent: int | None = None
    """Share of the time in which it computed; most drivers tell none of a slice."""
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True)
class Gpu:
    """One GPU; a figure that the card or the driver does not report is None. Memory in bytes."""

    index: int
    """NVML's number, in the order of the PCI bus; CUDA counts so with CUDA_DEVICE_ORDER=PCI_BUS_ID."""
    name: str = ""
    uuid: str = ""
    memory_total: int | None = None
    memory_used: int | None = None
    percent: int | None = None
    """Share of the last second (or sixth of it) in which the GPU computed."""
    celsius: int | None = None
    watts: float | None = None
    processes: int | None = None
    """Number of processes that compute on it, those of other users and containers included."""
    mode: ComputeMode = ComputeMode.SHARED
    mig: bool = False
    """Whether it is in MIG mode; programs then see slices only."""
    slices: tuple[MigSlice, ...] = ()
    visible: bool = True
    """Whether CUDA_VISIBLE_DEVICES lets programs see it."""
    trouble: Trouble | None = None
    holders: tuple[Holder, ...] = ()
    """The processes that `processes` counts."""

    @property
    def usable(self) -> bool:
        """Whether a program may compute on it, as far as NVML can tell."""
        return (
            self.visible
            and self.trouble is None
            and self.mode is not ComputeMode.PROHIBITED
            and (not self.mig or any(part.visible for part in self.slices))
        )

    @property
    def parts(self) -> tuple[Gpu | MigSlice, ...]:
        """The devices that programs compute on: the visible slices in MIG mode, else the GPU."""
        return tuple(part for part in self.slices if part.visible) if self.mig else (self,)


@dataclass(frozen=True)
class Look:
    """NVML's answers at one moment. Without NVML there are no GPUs, and `trouble` and `reason` say why."""

    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    """The driver's version, such as `580.65.06`."""
    cuda: str = ""
    """The newest CUDA that this driver knows, such as `13.0`."""
    trouble: Trouble | None = None
    reason: str = ""

    @property
    def usable(self) -> tuple[Gpu, ...]:
        """The GPUs that programs may compute on."""
        return tuple(gpu for gpu in self.gpus if gpu.usable)

    @property
    def names(self) -> str:
        """The usable GPUs and slices with their memory in one line; empty if there is none."""
        return "; ".join(_named(part) for gpu in self.usable for part in gpu.parts)

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`; a trouble and a mode by their names in this file."""
        plain = asdict(self, dict_factory=lambda pairs: {name: _plain(value) for name, value in pairs})
        return {**plain, "gpus": list(plain["gpus"])}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Look:
        """Return the `Look` from which `to_json` made `values`."""
        gpus = tuple(
            Gpu(
                **{
                    **gpu,
                    "mode": ComputeMode[gpu["mode"]],
                    "trouble": Trouble[gpu["trouble"]] if gpu["trouble"] else None,
                    "slices": tuple(MigSlice(**{**part, "holders": _holders(part)}) for part in gpu["slices"]),
                    "holders": _holders(gpu),
                }
            )
            for gpu in values["gpus"]
        )
        trouble = Trouble[values["trouble"]] if values["trouble"] else None
        return cls(gpus, values["driver"], values["cuda"], trouble, values["reason"])


@dataclass(frozen=True)
class Sample:
    """The visible GPUs' figures at one moment, for a log."""

    percent: int | None
    """Load of the busiest GPU; None if the driver does not report it, as for slices."""
    memory_used: int
    """On all of them, in bytes, by every process."""
    memory_total: int


def show(gpus: tuple[Gpu, ...], choice: str | None) -> tuple[Gpu, ...]:
    """Mark which GPUs and slices the value of CUDA_VISIBLE_DEVICES lets programs see.

    Parameters
    ----------
    choice
        Numbers, UUIDs (or their beginnings), slices' UUIDs, with commas; None: all of them. The first entry that names
        nothing ends the list, so that an empty value and -1 hide everything; an entry that comes twice hides everything
        too. Source: CUDA Programming Guide, "CUDA Environment Variables".
    """
    if choice is None:
        return gpus
    chosen: set[int | str] = set()
    for entry in (part.strip() for part in choice.split(",")):
        device = _find(gpus, entry)
        if device is None:
            break
        if device in chosen:
            chosen = set()
            break
        chosen.add(device)
    return tuple(
        replace(
            gpu,
            visible=gpu.index in chosen or any(part.uuid in chosen for part in gpu.slices),
            slices=tuple(replace(part, visible=part.uuid in chosen or gpu.index in chosen) for part in gpu.slices),
        )
        for gpu in gpus
    )


def _find(gpus: tuple[Gpu, ...], entry: str) -> int | str | None:
    """Return the number of the GPU, or the UUID of the slice, that an entry names."""
    if entry.isdecimal():
        return int(entry) if any(gpu.index == int(entry) for gpu in gpus) else None
    matches: list[int | str] = []
    if entry.startswith("MIG-"):
        matches += [part.uuid for gpu in gpus for part in gpu.slices if part.uuid.startswith(entry)]
    elif entry.startswith("GPU-"):
        matches += [gpu.index for gpu in gpus if gpu.uuid.startswith(entry)]
    return matches[0] if len(matches) == 1 else None


def _named(part: Gpu | MigSlice) -> str:
    return part.name if part.memory_total is None else f"{part.name}, {part.memory_total / _GIB:.1f} GiB"


def _holders(values: Mapping[str, Any]) -> tuple[Holder, ...]:
    return tuple(Holder(**holder) for holder in values["holders"])


def _plain(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value
