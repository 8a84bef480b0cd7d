"""The deep learning frameworks of the kernels' environment: chosen by name, kept as a choice; runs in a terminal.

A choice is a set of locks. For processors PyTorch is one package on top of the ordinary lock, which has all that it
needs; for GPUs each set is that of an image's variant, which was built and verified as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from nebulab import contract
from nebulab.accelerators.nvml import has_library
from nebulab.errors import SettingsError
from nebulab.files import read_json, write_private

TITLES: Mapping[str, str] = MappingProxyType({"torch": "PyTorch", "jax": "JAX", "tensorflow": "TensorFlow"})
"""What the frameworks are called, by the names that `--frameworks` takes."""

ALL, NONE = "all", "none"
TORCH_LOCK = "torch-cpu.txt"
"""PyTorch's build for processors, which is not on PyPI."""
_FILE = "kernels.json"
_DISTRIBUTIONS = {"torch": ("torch",), "jax": ("jax",), "tensorflow": ("tensorflow", "tensorflow_cpu")}


@dataclass(frozen=True)
class FrameworkSet:
    """The packages of a kernels' environment.

    Attributes
    ----------
    name
        By which the choice is remembered.
    locks
        Its locks below `requirements/`.
    frameworks
        The names of the frameworks in it.
    built_for
        What they compute on, in words.
    download_mb, disk_mb
        Megabytes of its wheels, and of the installed environment, on Linux with Python 3.11.
    note
        What a person has to know before it is installed.
    """

    name: str
    locks: tuple[str, ...]
    frameworks: tuple[str, ...]
    built_for: str
    download_mb: int
    disk_mb: int
    note: str = ""


_PROCESSORS = "processors"
_CUDA12 = "CUDA 12 (the newest TensorFlow and PyTorch that share it)"
BASE = FrameworkSet("processors", ("kernels.txt",), ("jax", "tensorflow"), _PROCESSORS, 900, 3750)
_TORCH = FrameworkSet(
    "torch-processors",
    ("kernels.txt", f"image/{TORCH_LOCK}"),
    ("torch", "jax", "tensorflow"),
    _PROCESSORS,
    1090,
    4650,
)
_TORCH_CUDA13 = FrameworkSet(
    "torch-jax-cuda13",
    ("image/torch-jax-cuda13.txt",),
    ("torch", "jax"),
    "CUDA 13",
    3970,
    8400,
    "TensorFlow and Keras 2 are not in it: they have no build for CUDA 13. `--frameworks all` has all, on CUDA 12.",
)
_TENSORFLOW_CUDA12 = FrameworkSet(
    "tensorflow-cuda12",
    ("image/tensorflow-cuda12.txt",),
    ("jax", "tensorflow"),
    "CUDA 12, JAX for processors",
    4110,
    8500,
)
_ALL_CUDA12 = FrameworkSet("cuda12", ("image/cuda12.txt",), ("torch", "jax", "tensorflow"), _CUDA12, 5710, 11700)
SETS: Mapping[str, FrameworkSet] = MappingProxyType(
    {each.name: each for each in (BASE, _TORCH, _TORCH_CUDA13, _TENSORFLOW_CUDA12, _ALL_CUDA12)}
)


@dataclass(frozen=True)
class Choice:
    """The names of the frameworks that were asked for, and the set that has them on this machine."""

    frameworks: tuple[str, ...]
    packages: FrameworkSet


def parse(text: str) -> tuple[str, ...]:
    """Return the frameworks of a list such as `torch,jax`, of `all`, or of `none`, which has none.

    Raises
    ------
    SettingsError
        A name is not known; the hint lists those that are.
    """
    names = [name for part in text.split(",") if (name := part.strip().lower())]
    if names == [ALL]:
        return tuple(TITLES)
    if names == [NONE]:
        return ()
    unknown = [name for name in names if name not in TITLES]
    if unknown or not names:
        title = f"Unknown framework {unknown[0]!r}." if unknown else "--frameworks names none."
        listed = ", ".join(TITLES)
        if unknown and unknown[0] in (ALL, NONE):
            title = f"{unknown[0]!r} stands alone, not in a list."
        raise SettingsError(title, f"Choose from {listed}, with commas between them; or `{ALL}`, or `{NONE}`.")
    return tuple(name for name in TITLES if name in names)


def choose(frameworks: Collection[str], cuda: int | None) -> Choice:
    """Return the smallest set that has these frameworks.

    Parameters
    ----------
    frameworks
        Their names; none of them stands for what every environment has.
    cuda
        The newest major version of CUDA that the driver knows; None where there is no GPU to compute on.
    """
    wanted = frozenset(frameworks)
    if not wanted:
        packages = BASE
    elif cuda is None or cuda < 12:
        packages = _TORCH if "torch" in wanted else BASE
    elif wanted == {"tensorflow"}:
        packages = _TENSORFLOW_CUDA12
    elif "tensorflow" in wanted or cuda < 13:
        packages = _ALL_CUDA12
    else:
        packages = _TORCH_CUDA13
    return Choice(tuple(name for name in TITLES if name in wanted), packages)


def remembered(environments_dir: Path) -> Choice:
    """Return the choice that the environments in this folder follow; without one, nothing beyond the ordinary set."""
    content = read_json(environments_dir / _FILE)
    names, packages = content.get("frameworks"), SETS.get(str(content.get("set")))
    if packages is None or not isinstance(names, list):
        return Choice((), BASE)
    return Choice(tuple(name for name in TITLES if name in names), packages)


def remember(environments_dir: Path, choice: Choice) -> None:
    """Keep the choice beside the environments, for the starts to come."""
    if choice.packages == BASE and not choice.frameworks:
        (environments_dir / _FILE).unlink(missing_ok=True)
        return
    content = {"frameworks": list(choice.frameworks), "set": choice.packages.name}
    # No secret: where root installs, the stack of an ordinary user reads it.
    write_private(environments_dir / _FILE, json.dumps(content), 0o644)


def installed(environment: Path) -> dict[str, str]:
    """Return the versions of the frameworks in an environment by their names, without starting its Python."""
    found: dict[str, str] = {}
    for info in environment.glob("lib/python*/site-packages/*.dist-info"):
        distribution, _, version = info.name.removesuffix(".dist-info").partition("-")
        found |= {name: version for name, known in _DISTRIBUTIONS.items() if distribution.lower() in known}
    return {name: found[name] for name in TITLES if name in found}


def described(environment: Path, up: str) -> str:
    """Return in a line which frameworks an environment has, what they are built for, and that `up` gets the rest."""
    found = installed(environment)
    packages = SETS.get(str(read_json(environment / contract.ENVIRONMENT_STAMP).get("set")), BASE)
    line = ", ".join(f"{TITLES[name]} {version}" for name, version in found.items()) or "none"
    line += f" (for {packages.built_for})" if found else ""
    missing = [name for name in TITLES if name not in found]
    rest = [TITLES[name] for name in missing]
    if packages.built_for == _PROCESSORS and has_library():
        rest.append("builds for GPUs")
    if rest:
        # A set with builds for GPUs and without TensorFlow can't have it: another one has all.
        typed = missing[0] if len(rest) == len(missing) == 1 and missing != ["tensorflow"] else ALL
        line += f". {', '.join(rest)}: {up} --frameworks {typed}"
    return line
