"""GPUs of a Lab: the engine's options that pass them into a container, and the image that fits; runs in a terminal."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.accelerators import diagnosis
from nebulab.accelerators.diagnosis import Seen
from nebulab.containers.engine import Engine
from nebulab.errors import SettingsError

CPU_VARIANT = "cpu"
GPU_VARIANTS = {"cuda12": "12", "torch-jax-cuda13": "13", "tensorflow-cuda12": "12"}
"""The image's variants for GPUs, best first, and the CUDA that each holds."""
CDI_FOLDERS = (Path("/etc/cdi"), Path("/run/cdi"), Path("/var/run/cdi"))
"""Where the toolkit writes the list of devices that podman reads (Container Device Interface, its own defaults)."""

_CDI_KIND = "nvidia.com/gpu"
_HOOKS = ("nvidia-container-runtime-hook", "nvidia-container-runtime", "nvidia-container-toolkit")
_TOOLKIT = "Install NVIDIA's container toolkit (package nvidia-container-toolkit)"


@dataclass(frozen=True)
class Choice:
    """A Lab's choice of GPUs: whether it has any, the engine's options for them, and warnings for the person."""

    with_gpus: bool
    options: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    variants: tuple[str, ...] = (CPU_VARIANT,)
    """The image's variants that can compute here, best first."""


def choose(wanted: str, seen: Seen, engine: Engine | None, cdi: Sequence[Path] = CDI_FOLDERS) -> Choice:
    """Return the choice for `wanted` (`auto`, `none` or `all`); without an `engine` the Lab sees the machine's GPUs.

    Raises
    ------
    SettingsError
        All GPUs were asked for, and there is none, or none can be passed into a container.
    """
    if wanted == "none":
        # Some machines have a runtime that passes GPUs into every container.
        return Choice(False, ("--env", "NVIDIA_VISIBLE_DEVICES=void"))
    troubles = tuple(str(finding) for finding in seen.serious)
    if not seen.look.usable:
        if wanted == "all":
            why = troubles or tuple(str(finding) for finding in seen.findings) or ("There is no GPU here.",)
            raise SettingsError(f"No GPU can be used: {' '.join(why)}", "`nebulab doctor --gpu` tells more.")
        return Choice(False, warnings=troubles)
    if engine is None:
        return Choice(True, warnings=troubles)
    options, remedy = _engine_options(engine, cdi)
    if options:
        variants, old = _variants(seen)
        return Choice(True, options, (*troubles, *old), variants)
    reason = f"{seen.look.names} can't be handed to a container of {engine.name}."
    if wanted == "all":
        raise SettingsError(reason, f"{remedy}, or use --no-container.")
    warning = f"{reason} {remedy}, or use --no-container. The Lab computes without it."
    return Choice(False, warnings=(*troubles, warning))


def _variants(seen: Seen) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the image's variants that can compute here, best first, and a warning if none of them is for GPUs."""
    needed = {name: diagnosis.driver_needed(cuda, seen.look) for name, cuda in GPU_VARIANTS.items()}
    able = tuple(name for name, driver in needed.items() if driver is None)
    if able:
        return able, ()
    oldest = min(driver for driver in needed.values() if driver)
    reason = f"Driver {seen.look.driver} is too old for the images with CUDA, which need {oldest}."
    return (CPU_VARIANT,), (f"{reason} Update it; the Lab computes without the GPU.",)


def _engine_options(engine: Engine, cdi: Sequence[Path]) -> tuple[tuple[str, ...], str]:
    """Return the engine's options that pass all GPUs into a container, or none and the remedy."""
    if engine.name == "docker":
        runtimes = engine.ask("info", "--format", "{{json .Runtimes}}") or ""
        if "nvidia" in runtimes or any(shutil.which(hook) for hook in _HOOKS):
            return ("--gpus", "all"), ""
    for file in (file for folder in cdi if folder.is_dir() for file in sorted(folder.iterdir())):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if file.suffix in {".json", ".yaml", ".yml"} and _CDI_KIND in file.read_text():
                return ("--device", f"{_CDI_KIND}=all"), ""
    if engine.name == "docker":
        return (), f"{_TOOLKIT} and restart Docker"
    return (), f"{_TOOLKIT} and run once: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
