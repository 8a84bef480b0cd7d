"""What a training's log and its messages say, as figures; runs in JupyterLab's process."""

from __future__ import annotations

import re
from typing import Any

from nebulab import contract

_CELL = re.compile(contract.CELL_RAN, re.MULTILINE)
_CLOCK = re.compile(r"^(\d+):(\d\d):(\d\d)  ", re.MULTILINE)
_MEMORY = re.compile(r"memory ([\d.]+) GB \(peak ([\d.]+)\)")
_GPU = re.compile(r"GPU(?: (\d+) %)? ([\d.]+) GB \(peak ([\d.]+)\)")
_DEVICE = re.compile(r"^GPU: (.*)$", re.MULTILINE)
_FAILED = re.compile(r"^Cell (\d+) of (\d+) failed: (.*)$", re.MULTILINE)


def progress(text: str) -> dict[str, Any] | None:
    """Return what the last finished cell's line tells: cells, memory and GPU in GB; None before the first."""
    cells = _CELL.findall(text)
    if not cells:
        return None
    number, count, usage = cells[-1]
    told: dict[str, Any] = {"cell": int(number), "cells": int(count), "memory": None, "gpu": None}
    if memory := _MEMORY.search(usage):
        told["memory"] = {"gb": float(memory[1]), "peak_gb": float(memory[2])}
    if gpu := _GPU.search(usage):
        percent = int(gpu[1]) if gpu[1] else None
        told["gpu"] = {"percent": percent, "gb": float(gpu[2]), "peak_gb": float(gpu[3])}
    return told


def device(text: str) -> str:
    """Return what the job computes on, as its session says in the first lines of the log; nothing before that."""
    match = _DEVICE.search(text)
    return match[1] if match else ""


def seconds(text: str) -> int | None:
    """Return the time of the log's last entry, since the training's start."""
    times = _CLOCK.findall(text)
    return sum(int(part) * unit for part, unit in zip(times[-1], (3600, 60, 1), strict=True)) if times else None


def failure(messages: str) -> dict[str, Any]:
    """Return a failed training's messages in parts: the cell's number, the reason in one line, the whole text."""
    text = messages.strip()
    match = _FAILED.search(text)
    if match is None:
        return {"cell": None, "cells": None, "reason": text.partition("\n")[0], "text": text}
    # What stands before is not about the cell.
    return {"cell": int(match[1]), "cells": int(match[2]), "reason": match[3], "text": text[match.start() :]}
