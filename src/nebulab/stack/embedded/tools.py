"""Nebulab's tools as this stack's Galaxy loads them: the checkout's, whose forms say what a job gets on this machine;
runs on one machine, at every start.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

from nebulab.files import private_folder, write_private
from nebulab.stack.settings import StackSettings

_MACROS = "macros.xml"
_GIB_IN_MB = 1024


@dataclass(frozen=True)
class Limits:
    """What one session gets: processor cores, memory in MiB, names of GPUs, minutes without computing (0: no end)."""

    cores: int
    memory_mb: int
    gpus: str
    idle_minutes: int


def folder(settings: StackSettings) -> Path:
    """Return the folder that Galaxy loads the tools from."""
    return settings.config_dir / "tools"


def lay_out(settings: StackSettings, limits: Limits, portal: str = "") -> Path:
    """Lay out the folder of the tools and return it: links to the checkout's files, beside macros of our own.

    Links, so that Galaxy reloads a tool that is edited in the checkout. The forms name the `portal`, where access
    has to be applied for.
    """
    source = settings.checkout / "galaxy-tools"
    target = folder(settings)
    shutil.rmtree(target, ignore_errors=True)
    private_folder(target)
    first = f"For those who were given GPU access: apply for it at {portal}. " if portal else ""
    texts = {
        "SESSION_GETS": f"{first}Your session gets {_what(limits, limits.cores)}. {_ends(limits)}",
        "JOB_GETS": f"{first}The job gets {_what(limits, 1)}.",
    }
    for path in source.iterdir():
        if path.name == _MACROS:
            write_private(target / _MACROS, _filled(path.read_text(encoding="utf-8"), texts))
        else:
            (target / path.name).symlink_to(path)
    return target


def _filled(macros: str, texts: Mapping[str, str]) -> str:
    """Return the macros with `texts` in the place of what their tokens hold for other servers."""
    for name, text in texts.items():
        before, token, after = macros.partition(f'<token name="@{name}@">')
        if token:
            macros = before + token + escape(text) + after[after.index("<") :]
    return macros


def _what(limits: Limits, cores: int) -> str:
    processors = f"{cores} processor core{'' if cores == 1 else 's'}"
    memory = f"{limits.memory_mb / _GIB_IN_MB:.0f} GB of memory"
    gpu = f"the GPU {limits.gpus}" if limits.gpus else "no GPU, since this machine has none that works"
    return f"{processors}, {memory} and {gpu}"


def _ends(limits: Limits) -> str:
    if not limits.idle_minutes:
        return "It runs until you stop it."
    hours, minutes = divmod(limits.idle_minutes, 60)
    parts = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in ((hours, "hour"), (minutes, "minute"))]
    time = " ".join(part for part, number in zip(parts, (hours, minutes), strict=True) if number)
    return f"It ends by itself after {time} in which nothing was computed."
