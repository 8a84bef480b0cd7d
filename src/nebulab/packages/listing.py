"""List of the packages and conda environments that a session's user added, and how long they last; runs in the session.

It only reads files, in a Python that the user's own packages can't break.
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

# File systems whose content is lost with the container or at a reboot.
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
    """Its source if that was no package index: an address, or a file."""


@dataclass(frozen=True)
class AddedEnvironment:
    """One conda environment: its folder, how many packages are in it, its Python's version if it has one."""

    name: str
    folder: str
    packages: int
    python: str


@dataclass(frozen=True)
class Listing:
    """All that a user added; `kept` says in words how long it lasts."""

    folder: str
    below: str
    kept: str
    packages: tuple[Added, ...]
    environments: tuple[AddedEnvironment, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return asdict(self)


def of_session(environ: Mapping[str, str]) -> Path:
    """Return the folder of the packages that the user of this session added.

    Raises
    ------
    SettingsError
        There is no session around this process.
    """
    folder = environ.get(contract.OVERLAY)
    if not folder:
        raise SettingsError(
            "There is no session around this command.",
            "Run it in a terminal of a session's JupyterLab, or in a notebook: !nebulab packages",
        )
    return Path(folder)


def read(folder: Path, environ: Mapping[str, str]) -> Listing:
    """List the overlay at `folder` and the conda environments of the session whose variables `environ` holds.

    Raises
    ------
    SettingsError
        There is no overlay.
    """
    base = overlay.below(folder)
    shared = {_key(package.name): package.version for package in _distributions(overlay.packages(base))}
    own = overlay.packages(folder)
    added = [
        Added(
            name=package.name,
            version=package.version,
            bytes=sum(_sizes(own, package)),
            by=(package.read_text("INSTALLER") or "").strip() or "unknown",
            shadows=shared.get(_key(package.name), ""),
            origin=_origin(package),
        )
        for package in _distributions(own)
    ]
    root = environ.get("MAMBA_ROOT_PREFIX")
    environments = [
        AddedEnvironment(environment.name, str(environment.folder), len(packages), packages.get("python", ""))
        for environment in (conda.environments(Path(root)) if root else [])
        for packages in [environment.packages()]
    ]
    return Listing(
        folder=str(folder),
        below=str(base),
        kept=kept(folder, environ),
        packages=tuple(sorted(added, key=lambda package: _key(package.name))),
        environments=tuple(environments),
    )


def kept(folder: Path, environ: Mapping[str, str], mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return in words how long the content of `folder` lasts."""
    if environ.get(contract.KEPT) != contract.KEPT_WITH_FOLDER:
        return "until this session ends"
    mount_point, kind = _mount(folder, mounts)
    if kind in _PASSING:
        return "until this container ends; a volume at HOME keeps it"
    return f"for this folder, in what is mounted at {mount_point}" if mount_point != Path("/") else "for this folder"


def requirements(listing: Listing) -> str:
    """Return the packages as `pip install -r` and `uv pip install -r` read them."""
    lines = ["# Added in a session of Nebulab; in another one: %pip install -r with the name of this file.\n"]
    for package in listing.packages:
        if package.origin.startswith("file:"):
            lines.append(f"# {package.name}=={package.version} was installed from {package.origin}\n")
        elif package.origin:
            lines.append(f"{package.name} @ {package.origin}\n")
        else:
            lines.append(f"{package.name}=={package.version}\n")
    for environment in listing.environments:
        lines.append(
            f"# conda environment {environment.name}: micromamba env export -n {environment.name} > environment.yml\n"
        )
    return "".join(lines)


def _distributions(packages: Path) -> Iterator[Distribution]:
    """Yield the packages in one folder; one without a name or version is half removed and left out."""
    for package in distributions(path=[str(packages)]):
        is_whole = package.read_text("METADATA") and package.metadata["Name"] and package.metadata["Version"]
        if is_whole and (package.read_text("INSTALLER") or "").strip() != uv.STAND_IN:
            yield package


def _sizes(packages: Path, package: Distribution) -> Iterator[int]:
    for row in csv.reader((package.read_text("RECORD") or "").splitlines()):
        try:
            yield os.lstat(packages / row[0]).st_size
        except (OSError, IndexError, ValueError):
            continue


def _origin(package: Distribution) -> str:
    try:
        record = json.loads(package.read_text("direct_url.json") or "{}")
        address = str(record.get("url", ""))
        vcs = record.get("vcs_info")
        return f"{vcs['vcs']}+{address}@{vcs['commit_id']}" if vcs else address
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _mount(folder: Path, mounts: Path) -> tuple[Path, str]:
    """Return the mount point and the file system's type of `folder`."""
    real, best = Path(os.path.realpath(folder)), (Path("/"), "")
    for line in mounts.read_text().splitlines():
        fields, _, kinds = line.partition(" - ")
        mount_point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields.split()[4]))
        if mount_point in (real, *real.parents) and len(mount_point.parts) >= len(best[0].parts):
            best = mount_point, kinds.split()[0]
    return best
