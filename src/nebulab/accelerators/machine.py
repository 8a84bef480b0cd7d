"""NVIDIA's driver as files in /dev, /proc and /sys show it, on this machine or in this container; runs everywhere."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_NVIDIA = "0x10de"
_DISPLAY_CLASSES = ("0x0300", "0x0302")
_CONTAINERS = (".dockerenv", "run/.containerenv", ".singularity.d")


@dataclass(frozen=True)
class Machine:
    """Cards, kernel module and device nodes."""

    cards: int = 0
    """NVIDIA cards on the PCI bus."""
    module: str = ""
    """Version of the driver's kernel module; empty where it is not loaded (in a container: on the host)."""
    nodes: tuple[str, ...] = ()
    """Names below /dev that belong to the driver."""
    barred: tuple[str, ...] = ()
    """Nodes that this user may not open."""
    container: bool = False

    @property
    def gpu_nodes(self) -> tuple[str, ...]:
        """The nodes of GPUs, `nvidia0` and so on."""
        return tuple(name for name in self.nodes if re.fullmatch(r"nvidia\d+", name))


def read(root: Path = Path("/")) -> Machine:
    """Read the files below `root`; takes less than a millisecond."""
    nodes = [path for path in sorted((root / "dev").glob("nvidia*")) if not path.is_dir()]
    return Machine(
        cards=sum(map(_is_card, (root / "sys" / "bus" / "pci" / "devices").glob("*"))),
        module=_module(root / "proc" / "driver" / "nvidia" / "version"),
        nodes=tuple(path.name for path in nodes),
        barred=tuple(path.name for path in nodes if not os.access(path, os.R_OK | os.W_OK)),
        container=any((root / mark).exists() for mark in _CONTAINERS),
    )


def _is_card(device: Path) -> bool:
    return _text(device / "vendor") == _NVIDIA and _text(device / "class")[:6] in _DISPLAY_CLASSES


def _module(path: Path) -> str:
    version = re.search(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s", _text(path) + " ")
    return version[1] if version else ""


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
