"""The conda environments that a session's user makes with micromamba, and the kernels in them; runs in the session."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nebulab.session.kernels.names import KERNEL

_KERNELS = Path("share", "jupyter", "kernels")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9._-]")


@dataclass(frozen=True)
class Environment:
    """One environment: its folder, and the packages in it by name."""

    folder: Path

    @property
    def name(self) -> str:
        """Its name, as `micromamba create -n` gave it."""
        return self.folder.name

    def packages(self) -> dict[str, str]:
        """Return the versions of its packages by name; one whose record can't be read is left out."""
        versions = {}
        for path in sorted((self.folder / "conda-meta").glob("*.json")):
            try:
                record = json.loads(path.read_bytes())
                versions[str(record["name"])] = str(record["version"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return versions


def environments(root: Path) -> list[Environment]:
    """Return the environments below `root`, the folder that MAMBA_ROOT_PREFIX names."""
    folders = sorted(path.parent for path in root.glob("envs/*/conda-meta"))
    return [Environment(folder) for folder in folders]


def kernels(root: Path) -> dict[str, tuple[Environment, Path]]:
    """Return the kernels of the environments below `root` by name: their environment and their kernelspec's folder."""
    by_name: dict[str, tuple[Environment, Path]] = {}
    for environment in environments(root):
        for spec in sorted((environment.folder / _KERNELS).glob("*/kernel.json")):
            words = [environment.name] if spec.parent.name == KERNEL else [environment.name, spec.parent.name]
            name = _NOT_IN_A_NAME.sub("-", "-".join(["conda", *words]).lower())
            by_name.setdefault(name, (environment, spec.parent))
    return by_name


def completed(spec: Mapping[str, Any], environment: Environment, inherited: Mapping[str, str]) -> dict[str, Any]:
    """Return the kernelspec `spec` with the variables that activating `environment` would set."""
    programs = environment.folder / "bin"
    argv = list(spec["argv"])
    return dict(spec) | {
        "argv": [str(programs / argv[0]), *argv[1:]],  # an absolute path stays what it is
        "display_name": f"{spec.get('display_name') or argv[0]} [{environment.name}]",
        "env": dict(spec.get("env", {}))
        | {
            "PATH": os.pathsep.join([str(programs), inherited.get("PATH", os.defpath)]),
            "CONDA_PREFIX": str(environment.folder),
            "CONDA_DEFAULT_ENV": environment.name,
            # The overlay belongs to the shared environment, not to this kernel's.
            "VIRTUAL_ENV": "",
        },
    }
