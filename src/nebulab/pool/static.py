"""Machines out of a file, where nothing can be asked: what there is, and nothing of what is free; YAML.

nodes:
  - name: gpu[1-4]           # four machines that are alike
    cpus: 28
    memory: 90 GB
    disk: 250 GB
    gpus:
      - {model: NVIDIA A100, count: 2, memory: 40 GB}
    down: fan is broken      # left out while it works
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from nebulab.errors import SettingsError
from nebulab.pool.pool import UNNAMED, Gpus, Node, Pool

_UNITS = {"": 1, "mb": 1, "mib": 1, "gb": 1024, "gib": 1024, "tb": 1024**2, "tib": 1024**2}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_RANGE = re.compile(r"(.*)\[(\d+)-(\d+)\](.*)")
_NODE = {"name", "cpus", "memory", "disk", "gpus", "down"}
_GPU = {"model", "count", "memory"}
_MOST_NODES = 10_000


def read(path: Path) -> Pool:
    """Return the machines of the file; their GPUs' `busy` is None.

    Raises
    ------
    SettingsError
        The file can't be read, or an entry of it can't be understood; the message names the entry.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"The file of machines {path} can't be read: {error}", "It is YAML.") from None
    entries = content.get("nodes") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise SettingsError(
            f"The file of machines {path} has no list `nodes`.", "`nodes:` with one entry for each machine."
        )
    nodes: list[Node] = []
    for number, entry in enumerate(entries, 1):
        try:
            nodes += _nodes(_known(entry, _NODE))
        except ValueError as wrong:
            raise SettingsError(f"{path}, machine {number}: {wrong}.", "See docs/offering-gpus.md.") from None
    return Pool(nodes=tuple(nodes))


def _known(entry: Any, names: set[str]) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise ValueError(f"{entry!r} is no entry with names and values")
    unknown = sorted(str(name) for name in set(entry) - names)
    if unknown:
        raise ValueError(f"`{unknown[0]}` is none of {', '.join(sorted(names))}")
    return entry


def _nodes(entry: Mapping[str, Any]) -> list[Node]:
    down = entry.get("down")
    gpus = [_known(one, _GPU) for one in _list(entry.get("gpus"), "gpus")]
    node = Node(
        name="",
        up=not down,
        reason=down if isinstance(down, str) else "",
        cpus=_count(entry.get("cpus"), "cpus"),
        memory_mb=_megabytes(entry.get("memory"), "memory"),
        disk_mb=_megabytes(entry.get("disk"), "disk"),
        gpus=tuple(
            Gpus(
                model=str(one.get("model") or UNNAMED),
                total=_count(one.get("count", 1), "count") or 0,
                memory_mb=_megabytes(one.get("memory"), "memory"),
            )
            for one in gpus
        ),
    )
    return [
        Node(**{**{name: getattr(node, name) for name in node.__dataclass_fields__}, "name": name})
        for name in _names(entry.get("name"))
    ]


def _names(value: Any) -> list[str]:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("it has no `name`")
    match = _RANGE.fullmatch(value)
    if not match:
        return [value]
    before, first, last, after = match.groups()
    numbers = range(int(first), int(last) + 1)
    if not 0 < len(numbers) <= _MOST_NODES:
        raise ValueError(f"`{value}` names {len(numbers)} machines")
    return [f"{before}{number:0{len(first)}d}{after}" for number in numbers]


def _list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"`{name}` is no list")
    return value


def _count(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"`{name}: {value}` is no number")
    return value


def _megabytes(value: Any, name: str) -> int | None:
    """Return the size in MiB; a number alone is in MiB, as Slurm's are; GB is taken for GiB, as administrators mean."""
    if value is None:
        return None
    match = _SIZE.fullmatch(str(value))
    if not match or match[2].lower() not in _UNITS:
        raise ValueError(f"`{name}: {value}` is no size such as `90 GB`")
    return round(float(match[1]) * _UNITS[match[2].lower()])
