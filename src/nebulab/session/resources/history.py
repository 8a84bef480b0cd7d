"""The last hour's figures of a session, one set every few seconds, in a ring; runs in the session."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

_SECONDS = 3600.0
_BETWEEN = 10.0
_TOLERANCE = 0.5
"""Sets come a little early or late; of two that are closer than this to `_BETWEEN` both are kept."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU's or a slice's figures at one moment; None: not reported. Memory in bytes."""

    percent: int | None
    memory: int | None
    celsius: int | None
    watts: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A session's figures at one moment; memory and disk in bytes, `cpu` in processors."""

    time: float
    """Seconds since the epoch."""
    memory: int
    cpu: float | None
    """None in the first set, which has none before it to compare with."""
    disk: int | None
    devices: Mapping[str, Device] = field(default_factory=dict)
    """By the device's UUID."""


class History:
    """Figures of the last hour at most, no two closer than ten seconds."""

    def __init__(self) -> None:
        self._kept: deque[Figures] = deque(maxlen=round(_SECONDS / _BETWEEN))

    def add(self, figures: Figures) -> None:
        """Keep a set of figures, unless the last one is too young."""
        if not self._kept or figures.time - self._kept[-1].time >= _BETWEEN - _TOLERANCE:
            self._kept.append(figures)

    def to_json(self) -> dict[str, object]:
        """Return the columns for JSON, oldest first; a device that was not there at some time has None then."""
        kept = list(self._kept)
        devices = {identity: None for figures in kept for identity in figures.devices}
        return {
            "time": [round(figures.time, 1) for figures in kept],
            "memory": [figures.memory for figures in kept],
            "cpu": [None if figures.cpu is None else round(figures.cpu, 2) for figures in kept],
            "disk": [figures.disk for figures in kept],
            "devices": {
                identity: {
                    name: [getattr(figures.devices.get(identity), name, None) for figures in kept]
                    for name in ("percent", "memory", "celsius", "watts")
                }
                for identity in devices
            },
        }
