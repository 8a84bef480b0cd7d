"""What a session's user added: packages with what they shadow, conda environments, and how long all of it lasts; runs
in the session.

Only files are read, in a Python that the user's own packages can't break.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.packages import uv
from nebulab.session.kernels import conda, overlay

# File systems that end with the container, or with the machine's memory.
_PASSING = frozenset(["tmpfs", "overlay", "fuse.fuse-overlayfs"])


@dataclass(frozen=True)
class Added:
    """One package: the program that installed it, its bytes on the disk, and the shared version that it hides."""

    name: str
    version: str
    bytes: int
    by: str
    shadows: str = ""
    origin: str = ""
    """Where it came from, if that was no package index: an address, or a file."""


@dataclass(frozen=True)
class AddedEnvironment:
    """One conda environment: its folder, how many packages are in it, its Python's version if it has one."""

    name: str
    folder: str
    packages: int
    python: str


@dataclass(frozen=True)
class Listing:
    """All of it; `kept` says until when, in words."""

    folder: str
    below: str
    kept: str
    packages: tuple[Added, ...]
    environments: tuple[AddedEnvironment, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def of_session(environ: Mapping[str, str]) -> Path:
    """Return the folder of the packages that the user of this session added.

    Raises
    ------
    SettingsError
        There is no session around this process.
    """
    told = environ.get(contract.OVERLAY)
    if not told:
        raise SettingsError(
            "There is no session around this command.",
            "Run it in a terminal of a session's JupyterLab, or in a notebook: !nebulab packages",
        )
    return Path(told)


def read(folder: Path, environ: Mapping[str, str]) -> Listing:
    """Look at the layer at `folder` and at the conda environments of the session whose variables `environ` holds.

    Raises
    ------
    SettingsError
        There is no layer.
    """
    base = overlay.below(folder)
    shared = {_key(one.name): one.version for one in _distributions(overlay.packages(base))}
    own = overlay.packages(folder)
    found = [
        Added(
            name=one.name,
            version=one.version,
            bytes=sum(_sizes(own, one)),
            by=(one.read_text("INSTALLER") or "").strip() or "unknown",
            shadows=shared.get(_key(one.name), ""),
            origin=_origin(one),
        )
        for one in _distributions(own)
    ]
    root = environ.get("MAMBA_ROOT_PREFIX")
    environments = [
        AddedEnvironment(one.name, str(one.folder), len(packages), packages.get("python", ""))
        for one in (conda.environments(Path(root)) if root else [])
        for packages in [one.packages()]
    ]
    return Listing(
        folder=str(folder),
        below=str(base),
        kept=kept(folder, environ),
        packages=tuple(sorted(found, key=lambda one: _key(one.name))),
        environments=tuple(environments),
    )


def kept(folder: Path, environ: Mapping[str, str], mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Say how long what lies in `folder` lasts."""
    if environ.get(contract.KEPT) != contract.KEPT_WITH_FOLDER:
        return "until this session ends"
    place, kind = _mount(folder, mounts)
    if kind in _PASSING:
        return "until this container ends; a volume at HOME keeps it"
    return f"for this folder, in what is mounted at {place}" if place != Path("/") else "for this folder"


def requirements(listing: Listing) -> str:
    """Return the packages as `pip install -r` and `uv pip install -r` read them."""
    lines = ["# Added in a session of Nebulab; in another one: %pip install -r with the name of this file.\n"]
    for one in listing.packages:
        if one.origin.startswith("file:"):
            lines.append(f"# {one.name}=={one.version} was installed from {one.origin}\n")
        elif one.origin:
            lines.append(f"{one.name} @ {one.origin}\n")
        else:
            lines.append(f"{one.name}=={one.version}\n")
    for environment in listing.environments:
        lines.append(
            f"# conda environment {environment.name}: micromamba env export -n {environment.name} > environment.yml\n"
        )
    return "".join(lines)


def _distributions(packages: Path) -> Iterator[Distribution]:
    """Read the packages in one folder; what has no name or version any more (half removed) is none."""
    for one in distributions(path=[str(packages)]):
        named = one.read_text("METADATA") and one.metadata["Name"] and one.metadata["Version"]
        if named and (one.read_text("INSTALLER") or "").strip() != uv.STAND_IN:
            yield one


def _sizes(packages: Path, one: Distribution) -> Iterator[int]:
    for row in csv.reader((one.read_text("RECORD") or "").splitlines()):
        try:
            yield os.lstat(packages / row[0]).st_size
        except (OSError, IndexError, ValueError):
            continue


def _origin(one: Distribution) -> str:
    try:
        told = json.loads(one.read_text("direct_url.json") or "{}")
        address = str(told.get("url", ""))
        control = told.get("vcs_info")
        return f"{control['vcs']}+{address}@{control['commit_id']}" if control else address
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _mount(folder: Path, mounts: Path) -> tuple[Path, str]:
    """Return the mount that holds `folder`: its place and its kind of file system."""
    real, best = Path(os.path.realpath(folder)), (Path("/"), "")
    for line in mounts.read_text().splitlines():
        fields, _, kinds = line.partition(" - ")
        place = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4]))
        if place in (real, *real.parents) and len(place.parts) >= len(best[0].parts):
            best = place, kinds.split()[0]
    return best
