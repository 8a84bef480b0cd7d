"""A session's GPUs and slices as the Lab's page shows them, each against what the session may take of it; runs in the
session."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from nebulab.accelerators.diagnosis import Seen
from nebulab.accelerators.gpus import Gpu, Holder, MigSlice, Trouble
from nebulab.session.resources.history import Device

_NONE = "No GPU here: computing on the CPU."


@dataclass(frozen=True)
class Shown:
    """A GPU or a slice; memory in bytes, None: not reported."""

    identity: str
    name: str
    profile: str
    """Of a slice, such as `1g.5gb`; empty for a whole GPU."""
    percent: int | None
    memory_used: int | None
    memory_total: int | None
    celsius: int | None
    watts: float | None
    holders: tuple[Holder, ...]
    """This session's own processes on it."""
    limit: int | None
    """What one process of this session may take, where that is less than all."""
    trouble: Trouble | None = None

    def to_json(self) -> dict[str, object]:
        """Return plain values for JSON: `used` of `most` is what the session is near to."""
        used, most = self._against()
        return {
            "id": self.identity,
            "name": self.name,
            "profile": self.profile,
            "percent": self.percent,
            "memory_used": self.memory_used,
            "memory_total": self.memory_total,
            "used": used,
            "most": most,
            "limit": self.limit,
            "celsius": self.celsius,
            "watts": self.watts,
            "trouble": None if self.trouble is None else self.trouble.value,
        }

    def _against(self) -> tuple[int | None, int | None]:
        """Return a memory figure and what it is measured against: the largest process against its limit, else all."""
        own = [holder.memory_used for holder in self.holders if holder.memory_used is not None]
        if self.limit is not None and own:
            return max(own), self.limit
        return self.memory_used, self.memory_total

    @property
    def figures(self) -> Device:
        """The figures that change."""
        return Device(self.percent, self.memory_used, self.celsius, self.watts)


def shown(seen: Seen, limit_mb: int | None, own: Collection[int]) -> tuple[Shown, ...]:
    """Return the devices that the session may use, and GPUs that it should be able to use and can't.

    Parameters
    ----------
    limit_mb
        MiB that one process may take of each.
    own
        The pids of the session's processes.
    """
    devices = []
    for gpu in seen.look.gpus:
        if gpu.trouble is not None:
            devices.append(replace(_of(gpu, gpu, limit_mb, own), trouble=gpu.trouble))
        elif gpu.usable:
            devices += [_of(gpu, part, limit_mb, own) for part in gpu.parts]
    return tuple(devices)


def _of(gpu: Gpu, part: Gpu | MigSlice, limit_mb: int | None, own: Collection[int]) -> Shown:
    limit = None if limit_mb is None else limit_mb * 2**20
    binds = limit is not None and (part.memory_total is None or limit < part.memory_total)
    return Shown(
        identity=part.uuid or f"GPU {gpu.index}",
        name=part.name or f"GPU {gpu.index}",
        profile=part.profile if isinstance(part, MigSlice) else "",
        percent=part.percent,
        memory_used=part.memory_used,
        memory_total=part.memory_total,
        # Sensors are the card's: its slices share them.
        celsius=gpu.celsius,
        watts=gpu.watts,
        holders=tuple(holder for holder in part.holders if holder.pid in own),
        limit=limit if binds else None,
    )


def in_words(seen: Seen) -> tuple[str, str]:
    """Return a sentence on the GPUs, or on why there is none, and what to do about it; the second may be empty."""
    if seen.look.usable:
        troubled = " ".join(finding.text for finding in seen.serious)
        remedies = " ".join(finding.remedy for finding in seen.serious)
        return f"{seen.look.names}. {troubled}".strip(), remedies
    if not seen.serious:
        return _NONE, ""
    first = seen.serious[0]
    return f"{_NONE} {first.text}", first.remedy


def memory_by_pid(devices: tuple[Shown, ...]) -> Mapping[int, int]:
    """Return the GPU memory of the session's own processes on all devices together, in bytes, by their pids."""
    sizes: dict[int, int] = {}
    for device in devices:
        for holder in device.holders:
            sizes[holder.pid] = sizes.get(holder.pid, 0) + (holder.memory_used or 0)
    return sizes
