"""Container engines: finding one that works; runs on one machine."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

from nebulab.containers.walls import hardening, limits
from nebulab.errors import ImageMissing, SettingsError

ENGINES = ("docker", "podman", "buildah")
_PROBE_SECONDS = 30
# The first container of an image may have its layers unpacked.
_TRIAL_SECONDS = 60
_STRANGER = "1900000000:1900000000"
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

    def why_not(self, image: str) -> str | None:
        """Return why no container of `image` can be started with all its walls, or None if one can: it is tried."""
        command = [self.name, "run", "--rm", "--network", "none", *hardening(512), *limits(memory_mb=512, cpus=1)]
        command += ["--user", _STRANGER, "--entrypoint", "/bin/true", image]
        try:
            finished = subprocess.run(command, capture_output=True, text=True, timeout=_TRIAL_SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        said = finished.stderr.strip().rpartition("\n")[2]
        return None if finished.returncode == 0 else said or f"it exits with {finished.returncode}"

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
    reasons = []
    for name in [wanted] if wanted else ENGINES:
        engine = Engine(name)
        reason = _missing(engine, to_run)
        if reason is None:
            return engine
        reasons.append(reason)
    raise SettingsError(f"No container engine works here: {'; '.join(reasons)}.", _INSTALL)


def find_for(image: str) -> Engine:
    """Return the first engine that has `image` and starts a container of it with all its walls.

    Raises
    ------
    SettingsError
        There is none; the message has each one's reason.
    """
    reasons = []
    lacking = []
    for engine in filter(lambda engine: engine.runs, map(Engine, ENGINES)):
        reason = _missing(engine, to_run=True)
        if reason is None and not engine.has_image(image):
            lacking.append(engine.name)
            continue
        if reason is None:
            trouble = engine.why_not(image)
            if trouble is None:
                return engine
            reason = f"{engine.name} starts no container of {image}: {trouble}"
        reasons.append(reason)
    if lacking:
        raise ImageMissing(
            f"{' and '.join(lacking)} {'has' if len(lacking) == 1 else 'have'} no image {image} on this machine.",
            "Name one with --image, or build it: `nebulab image build --variant cpu`.",
        )
    raise SettingsError(f"No container engine works here: {'; '.join(reasons)}.", _INSTALL)


def _missing(engine: Engine, to_run: bool) -> str | None:
    if to_run and not engine.runs:
        return f"{engine.name} only builds"
    if shutil.which(engine.name) is None:
        return f"{engine.name} is not installed"
    if engine.ask("info") is None:
        return f"{engine.name} is installed, and `{engine.name} info` fails"
    return None
