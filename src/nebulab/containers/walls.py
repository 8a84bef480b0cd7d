"""The walls of a container of ours: the engine's options for them; runs on one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nebulab.errors import SettingsError

HOME = "/home/nebulab"
"""HOME in the image; what a session's user installs lies there."""

_WALLS = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
_SHARE_IN_MEMORY = 4
"""Of the memory, what a folder of a container may take that lies in it: full, it refuses files, and kernels live on."""

_AUTHORITIES = "/opt/nebulab/authorities.pem"
_TRUST = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
# Their meaning to a shell, to Galaxy's templates or to a list of volumes.
_NOT_IN_VOLUMES = frozenset(" \t\n,:$\"'`\\")


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
