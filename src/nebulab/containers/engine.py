"""Container engines: finding one that works, and the walls that a container of ours gets; runs on one machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.errors import ImageMissing, SettingsError

ENGINES = ("docker", "podman", "buildah")
HOME = "/home/nebulab"
"""HOME in the image; what a session's user installs lies there."""

_WALLS = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_SHARE_IN_MEMORY = 4
"""Of the memory, what a folder of a container may take that lies in it: full, it refuses files, and kernels live on."""

_AUTHORITIES = "/opt/nebulab/authorities.pem"
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
_PROBE_SECONDS = 30
# The first container of an image may have its layers unpacked.
_TRIAL_SECONDS = 60
_STRANGER = "1900000000:1900000000"
# Their meaning to a shell, to Galaxy's templates or to a list of volumes.
_NOT_IN_VOLUMES = frozenset(" \t\n,:$\"'`\\")
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


def check_volume(path: Path) -> None:
    """Check that a container can be given `path` by Galaxy.

    Raises
    ------
    SettingsError
        Its name has a meaning to what it passes through.
    """
    if _NOT_IN_VOLUMES & set(str(path)):
        raise SettingsError(
            f"Sessions can't run in containers with the data folder {path}.",
            "Choose one without spaces, commas, colons, quotes and dollar signs: --data-dir.",
        )


def walls(memory_mb: int) -> Sequence[str]:
    """Return the options for what a session needs no right to; its HOME must come from somewhere.

    `memory_mb` is the limit of the container, whose /tmp takes a part of it.
    """
    return (*_WALLS, *_folder_in_memory("/tmp", memory_mb))  # noqa: S108 - the container's


def hardening(memory_mb: int) -> Sequence[str]:
    """Return the same, with a HOME that ends with the container: its root is read-only, it has no capability."""
    return (*walls(memory_mb), *_folder_in_memory(HOME, memory_mb))


def _folder_in_memory(place: str, memory_mb: int) -> Sequence[str]:
    # Programs in it may run: packages that a user installs are libraries which Python loads.
    return ("--tmpfs", f"{place}:rw,exec,size={max(memory_mb // _SHARE_IN_MEMORY, 1)}m,mode=1777")


def limits(
    *, memory_mb: int, cpus: float | None = None, processes: int = 512, shared_memory_mb: int = 1024
) -> Sequence[str]:
    """Return the options that limit a container; shared memory is what data loaders pass their batches through."""
    return (
        *("--memory", f"{memory_mb}m", *(("--cpus", f"{cpus:g}") if cpus else ())),
        *("--pids-limit", f"{processes}", "--shm-size", f"{shared_memory_mb}m"),
    )


def authorities(environ: Mapping[str, str]) -> Sequence[str]:
    """Return the options by which a container trusts what SSL_CERT_FILE names: a proxy's authorities among them."""
    file = Path(environ.get("SSL_CERT_FILE") or "/nowhere").absolute()
    if not file.is_file():
        return ()
    variables = (argument for name in _TRUST for argument in ("--env", f"{name}={_AUTHORITIES}"))
    return ("--volume", f"{file}:{_AUTHORITIES}:ro", *variables)
