"""The pool at one moment: machines, their GPUs, who waits for one; plain values, whatever they were read from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

UNNAMED = "GPU"
"""The model of a GPU whose source tells none."""
HELD_MB = 600
"""Memory in use, in MiB, from which a GPU counts as held: a CUDA context takes 300 to 500, an idle driver less."""


@dataclass(frozen=True)
class Gpus:
    """The GPUs, or MIG slices, of one model in one machine; `busy` and `down` are parts of `total`."""

    model: str
    total: int
    busy: int | None = None
    """None where the source does not know who holds what."""
    down: int = 0
    memory_mb: int | None = None
    """Of each, in MiB."""
    percent: float | None = None
    """Mean load of all of them, 0 to 100."""

    @property
    def free(self) -> int | None:
        """How many are up, and nobody's."""
        return None if self.busy is None else max(0, self.total - self.busy - self.down)


@dataclass(frozen=True)
class Device:
    """One GPU or MIG slice, of a source that tells each; memory in MiB."""

    model: str
    held: bool
    down: bool = False
    memory_mb: int | None = None
    percent: float | None = None


def counted(devices: Iterable[Device]) -> tuple[Gpus, ...]:
    """Return the devices of one machine by model; one that is down is nobody's."""
    by_model: dict[str, list[Device]] = {}
    for device in devices:
        by_model.setdefault(device.model, []).append(device)
    return tuple(_group(model, same) for model, same in sorted(by_model.items()))


def _group(model: str, same: Sequence[Device]) -> Gpus:
    loads = [device.percent for device in same if device.percent is not None]
    return Gpus(
        model=model,
        total=len(same),
        busy=sum(device.held and not device.down for device in same),
        down=sum(device.down for device in same),
        memory_mb=min((device.memory_mb for device in same if device.memory_mb is not None), default=None),
        percent=sum(loads) / len(loads) if loads else None,
    )


@dataclass(frozen=True)
class Node:
    """One machine; a figure that the source does not tell is None. Memory and disk in MiB."""

    name: str
    up: bool = True
    reason: str = ""
    """Why it is not up, in the words of its administrator."""
    cpus: int | None = None
    cpus_busy: int | None = None
    memory_mb: int | None = None
    memory_busy_mb: int | None = None
    disk_mb: int | None = None
    gpus: tuple[Gpus, ...] = ()


@dataclass(frozen=True)
class Waiting:
    """A job that waits for GPUs."""

    since: datetime
    gpus: int
    model: str | None = None
    """The one that it asks for; None for any."""
    reason: str = ""
    """The scheduler's word for why it waits."""


@dataclass(frozen=True)
class Pool:
    """All machines at one moment. Where a source could not be read, `troubles` says which and why."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    nodes: tuple[Node, ...] = ()
    waiting: tuple[Waiting, ...] | None = None
    """The longest first; None where no source has a queue."""
    troubles: tuple[str, ...] = ()

    def models(self) -> tuple[Gpus, ...]:
        """Return the GPUs of all machines by model, the most numerous first; those of machines that are down too."""
        found: dict[str, list[Gpus]] = {}
        for node in self.nodes:
            for gpus in node.gpus:
                counted = gpus if node.up else replace(gpus, busy=gpus.busy or 0, down=gpus.total - (gpus.busy or 0))
                found.setdefault(gpus.model, []).append(counted)
        return tuple(sorted((_sum(same) for same in found.values()), key=lambda one: (-one.total, one.model)))

    def total(self, figure: str, *, up_only: bool = True) -> int | None:
        """Return the sum of `cpus`, `memory_mb`, `disk_mb`, … over the machines, or None where none tells it."""
        values = [getattr(node, figure) for node in self.nodes if node.up or not up_only]
        known = [value for value in values if value is not None]
        return sum(known) if known else None


def _sum(same: Sequence[Gpus]) -> Gpus:
    total = sum(one.total for one in same)
    loads = [(one.percent, one.total) for one in same if one.percent is not None]
    weight = sum(number for _, number in loads)
    return Gpus(
        model=same[0].model,
        total=total,
        busy=None if any(one.busy is None for one in same) else sum(one.busy or 0 for one in same),
        down=sum(one.down for one in same),
        # Cards of one name come with different memory (A100 with 40 and 80 GB): the smaller is what one can count on.
        memory_mb=min((one.memory_mb for one in same if one.memory_mb is not None), default=None),
        percent=sum(percent * number for percent, number in loads) / weight if weight else None,
    )


def merged(pools: Iterable[Pool]) -> Pool:
    """Return one pool out of several sources' views of the same machines.

    The first source that names a machine decides what it has and who holds it (a scheduler before an exporter before
    a file); later ones add the figures that it did not tell: memory and load of the GPUs, the size of the disk.
    """
    nodes: dict[str, Node] = {}
    waiting: list[Waiting] | None = None
    troubles: list[str] = []
    for pool in pools:
        troubles += pool.troubles
        if pool.waiting is not None:
            waiting = [*(waiting or []), *pool.waiting]
        for node in pool.nodes:
            # A scheduler's short name and an exporter's full one are the same machine.
            name = node.name.partition(".")[0] if not node.name.replace(".", "").isdigit() else node.name
            nodes[name] = _completed(nodes[name], node) if name in nodes else replace(node, name=name)
    ordered = None if waiting is None else tuple(sorted(waiting, key=lambda one: one.since))
    return Pool(nodes=tuple(nodes[name] for name in sorted(nodes)), waiting=ordered, troubles=tuple(troubles))


def _completed(node: Node, other: Node) -> Node:
    filled = {
        name: getattr(other, name)
        for name in ("cpus", "cpus_busy", "memory_mb", "memory_busy_mb", "disk_mb")
        if getattr(node, name) is None
    }
    if not node.gpus:
        return replace(node, **filled, gpus=other.gpus)
    # Schedulers shorten models as they like (`a100` for `NVIDIA A100-SXM4-40GB`).
    gpus = []
    for mine in node.gpus:
        theirs = next((one for one in other.gpus if same_model(mine.model, one.model)), None)
        if theirs is None and len(node.gpus) == len(other.gpus) == 1:
            theirs = other.gpus[0]
        if theirs is not None:
            memory = theirs.memory_mb if mine.memory_mb is None else mine.memory_mb
            busy = theirs.busy if mine.busy is None else mine.busy
            mine = replace(
                mine,
                model=_longer(mine.model, theirs.model),
                memory_mb=memory,
                busy=busy,
                percent=theirs.percent if mine.percent is None else mine.percent,
            )
        gpus.append(mine)
    return replace(node, **filled, gpus=tuple(gpus))


def same_model(one: str, other: str) -> bool:
    """Tell whether two sources name the same model: each word of the shorter name is in the longer one.

    >>> same_model("a100", "NVIDIA A100-SXM4-40GB"), same_model("a10", "NVIDIA A100-SXM4-40GB")
    (True, False)
    """
    first, second = sorted((_words(one), _words(other)), key=len)
    return first <= second


def _words(model: str) -> set[str]:
    return set(model.lower().replace("-", " ").replace("_", " ").split()) - {"nvidia", "tesla", "gpu"}


def _longer(one: str, other: str) -> str:
    return max(one, other, key=len)
