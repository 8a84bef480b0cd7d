"""Container engines: finding one that works, and the walls that a container of ours gets; runs on one machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from nebulab.errors import SettingsError

ENGINES = ("docker", "podman", "buildah")
HOME = "/home/nebulab"
"""HOME in the image; what a session's user installs lies there."""

WALLS = (
    *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
    *("--tmpfs", "/tmp:rw,exec,mode=1777"),  # noqa: S108 - the container's
)
"""What a session needs no right to; its HOME must come from somewhere."""

# Programs in HOME may run: packages that a user installs are libraries which Python loads.
HARDENING = (*WALLS, "--tmpfs", f"{HOME}:rw,exec,mode=1777")
"""The same, with a HOME that ends with the container: its root is read-only, it has no capability and gains none."""

_PROBE_SECONDS = 30
_INSTALL = "Install Docker or podman and start its service; `nebulab doctor` says what it finds."


@dataclass(frozen=True)
class Engine:
    """A program that builds images, and runs containers unless it is buildah."""

    name: str

    @property
    def runs(self) -> bool:
        """Whether it runs containers too."""
        return self.name != "buildah"

    def has_image(self, tag: str) -> bool:
        """Whether an image of this name is on the machine."""
        return self.ask("inspect", "--type", "image", tag) is not None

    def rootless(self) -> bool:
        """Whether it runs without root's rights, and maps users' numbers."""
        # A program that is called docker may be podman, and each knows its own field alone.
        security = self.ask("info", "--format", "{{.SecurityOptions}}") or ""
        return "rootless" in security or self.ask("info", "--format", "{{.Host.Security.Rootless}}") == "true"

    def memory_mb(self) -> int | None:
        """Return the memory, in MiB, of the machine that its containers run on: a virtual one on some systems."""
        for field in ("{{.MemTotal}}", "{{.Host.MemTotal}}"):
            said = self.ask("info", "--format", field) or ""
            if said.isdecimal():
                return int(said) >> 20
        return None

    def ask(self, *arguments: str, seconds: float = _PROBE_SECONDS) -> str | None:
        """Return what the engine prints, or None if it fails or hangs."""
        try:
            finished = subprocess.run([self.name, *arguments], capture_output=True, text=True, timeout=seconds)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return finished.stdout.strip() if finished.returncode == 0 else None


def find(wanted: str | None = None, *, to_run: bool = True) -> Engine:
    """Return the engine `wanted`, else the first of Docker, podman and buildah that works.

    Raises
    ------
    SettingsError
        None works, or not the one that was asked for.
    """
    engines = [Engine(name) for name in ([wanted] if wanted else ENGINES)]
    reasons = []
    for engine in engines:
        if to_run and not engine.runs:
            reasons.append(f"{engine.name} only builds")
        elif shutil.which(engine.name) is None:
            reasons.append(f"{engine.name} is not installed")
        elif engine.ask("info") is None:
            reasons.append(f"{engine.name} is installed, and `{engine.name} info` fails")
        else:
            return engine
    raise SettingsError(f"No container engine works here: {'; '.join(reasons)}.", _INSTALL)


def limits(
    *, memory_mb: int, cpus: float | None = None, processes: int = 512, shared_memory_mb: int = 1024
) -> Sequence[str]:
    """Return the options that limit a container; shared memory is what data loaders pass their batches through."""
    return (
        *("--memory", f"{memory_mb}m", *(("--cpus", f"{cpus:g}") if cpus else ())),
        *("--pids-limit", f"{processes}", "--shm-size", f"{shared_memory_mb}m"),
    )
