"""What one session was told: the command's options and the job's environment, read once; runs in the session."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.session import page
from nebulab.session.layout import Layout

MODES = ("scratch", "pull_repo", "previous")
ISOLATIONS = ("auto", "bubblewrap", "none", "container")

DEFAULT_IDLE_MINUTES = 120.0
DEFAULT_WATCH_SECONDS = 10.0
DEFAULT_CLONE_SECONDS = 300.0
DEFAULT_MAX_OUTPUTS = 10_000
"""Galaxy's own limit for one job (`max_discovered_files`); a job with one file more fails as a whole."""
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container sees its own limit: control groups of the second kind, and of the first."""
CONTAINER_PORT = 8888
"""The port that the tool XML names; also the key under which Galaxy expects the real one."""
PRELOAD = "NEBULAB_PRELOAD"


@dataclass(frozen=True)
class SessionSettings:
    """Everything a session needs to know; secrets don't show in its `repr`."""

    layout: Layout
    inputs: Path | None = None
    notebook_output: Path | None = None
    datatypes: Path | None = None
    mode: str | None = None
    outputs: Mapping[str, Path] = field(default_factory=dict)
    """The datasets of a notebook that runs as a job, by the name of what goes into each."""

    galaxy_url: str = ""
    history_id: str = ""
    job_id: str = ""
    dataset_hid: str = ""
    additional_ids: str = ""
    key: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    runtime_report: Path | None = None
    galaxy_socket: Path | None = None
    """Leads to Galaxy where its address does not, in a container."""
    door: Path | None = None
    """Lets people in, where the container has no network; `egress` leads out."""
    ticket: str = field(default="", repr=False)
    egress: Path | None = None

    page: page.Page = field(default_factory=page.Page)
    port: int | None = None
    """Where JupyterLab is to listen; any free port if None."""
    held: bool = False
    """Whether the session ends when its standard input closes: whoever holds the other end is gone."""
    kernels: Path | None = None
    preload: tuple[str, ...] = ()
    """Libraries that kernels have imported before they start."""
    isolation: str = "auto"
    hide: tuple[Path, ...] = ()
    memory_mb: int | None = None
    disk_mb: int | None = None
    """What all of the session's files together may take; no limit but the file system's if None."""
    gpu_memory_mb: int | None = None
    """What one process may take of each GPU."""
    slots: int | None = None
    idle_minutes: float = DEFAULT_IDLE_MINUTES
    watch_seconds: float = DEFAULT_WATCH_SECONDS
    clone_seconds: float = DEFAULT_CLONE_SECONDS
    clone_schemes: tuple[str, ...] = ("https", "ssh")
    max_outputs: int = DEFAULT_MAX_OUTPUTS
    path: str = os.defpath
    language: str = "C.UTF-8"

    @property
    def standalone(self) -> bool:
        """Whether this session serves a person's own folder, and no job."""
        return self.layout.folder is not None

    @property
    def in_galaxy(self) -> bool:
        """Whether a Galaxy job started this session."""
        return bool(self.galaxy_url and self.job_id and self.key)


def read(
    environment: Mapping[str, str],
    *,
    root: Path,
    key: str | None,
    ticket: str = "",
    layout: Layout | None = None,
    inputs: Path | None = None,
    notebook_output: Path | None = None,
    datatypes: Path | None = None,
    mode: str | None = None,
    outputs: Mapping[str, Path] | None = None,
    held: bool = False,
) -> SessionSettings:
    """Read the settings from the options and from `environment`, which no longer holds the user's `key` and `ticket`.

    With a `layout` of its own the session is standalone: it has the page's settings, takes the container's memory
    limit, and ends for idleness only if asked to.

    Raises
    ------
    SettingsError
        A value can't be used; the message names its variable.
    """
    galaxy_url = environment.get("GALAXY_URL", "").rstrip("/")
    if galaxy_url and urlsplit(galaxy_url).scheme not in {"http", "https"}:
        raise SettingsError(f"GALAXY_URL is {galaxy_url!r}, which is no web address.", "Give it as https://….")
    isolation = environment.get("NEBULAB_ISOLATION") or "auto"
    if isolation not in ISOLATIONS:
        raise SettingsError(f"NEBULAB_ISOLATION is {isolation!r}.", f"Choose one of {', '.join(ISOLATIONS)}.")
    job_id = environment.get("NEBULAB_JOB_ID", "").strip()
    root = root.resolve()
    home_folder = environment.get("_GALAXY_JOB_HOME_DIR")
    job_folder = Path(home_folder).parent if home_folder else root.parent
    return SessionSettings(
        layout=layout or Layout(root),
        inputs=inputs,
        notebook_output=notebook_output,
        datatypes=datatypes,
        mode=mode,
        outputs=outputs or {},
        galaxy_url=galaxy_url,
        history_id=environment.get("HISTORY_ID", "").strip(),
        job_id=job_id,
        dataset_hid=environment.get("DATASET_HID", ""),
        additional_ids=environment.get("ADDITIONAL_IDS", ""),
        key=(key or "").strip(),
        token=environment.get("JUPYTER_TOKEN", "").strip() or secrets.token_hex(16),
        runtime_report=root / (environment.get("NEBULAB_RUNTIME_REPORT") or job_folder / "container_runtime.json")
        if job_id
        else None,
        galaxy_socket=_path(environment, "NEBULAB_GALAXY_SOCKET"),
        door=_path(environment, "NEBULAB_DOOR"),
        ticket=ticket,
        egress=_path(environment, "NEBULAB_EGRESS"),
        page=page.read(environment) if layout else page.Page(),
        port=_whole(environment, "NEBULAB_PORT") if layout else None,
        held=held,
        kernels=_folder(environment, "NEBULAB_KERNELS") or _beside(Path(sys.prefix)),
        preload=_modules(environment, PRELOAD),
        isolation=isolation,
        hide=tuple(Path(folder) for folder in environment.get("NEBULAB_HIDE", "").split(":") if folder),
        memory_mb=_whole(environment, "GALAXY_MEMORY_MB") or (_container_memory_mb() if layout else None),
        disk_mb=_whole(environment, "NEBULAB_DISK_MB"),
        gpu_memory_mb=_whole(environment, contract.GPU_MEMORY_MB),
        slots=_whole(environment, "GALAXY_SLOTS"),
        idle_minutes=_number(environment, "NEBULAB_IDLE_MINUTES", 0 if layout else DEFAULT_IDLE_MINUTES, lowest=0)
        or math.inf,
        watch_seconds=_number(environment, "NEBULAB_WATCH_SECONDS", DEFAULT_WATCH_SECONDS, lowest=0.1),
        clone_seconds=_number(environment, "NEBULAB_CLONE_SECONDS", DEFAULT_CLONE_SECONDS, lowest=1),
        clone_schemes=tuple(environment.get("NEBULAB_CLONE_SCHEMES", "https,ssh").split(",")),
        max_outputs=_whole(environment, "NEBULAB_MAX_OUTPUTS") or DEFAULT_MAX_OUTPUTS,
        path=environment.get("PATH", os.defpath),
        language=environment.get("LC_ALL") or environment.get("LANG") or "C.UTF-8",
    )


def _path(environment: Mapping[str, str], name: str) -> Path | None:
    return Path(environment[name]) if environment.get(name) else None


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    value = environment.get(name)
    if not value:
        return None
    folder = Path(value)
    if not folder.is_dir():
        raise SettingsError(f"{name} is {value!r}, and there is no such folder.", "Set it to the kernels' environment.")
    return folder


def _modules(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    modules = environment.get(name, "").replace(",", " ").split()
    for module in modules:
        if not all(part.isidentifier() for part in module.split(".")):
            raise SettingsError(
                f"{name} has {module!r}, which is no library's name.", "Name modules, as in `torch jax`."
            )
    return tuple(modules)


def _beside(prefix: Path) -> Path | None:
    """Return the kernels' environment that lies beside the Lab's, as it does in the image."""
    folder = prefix.parent / "kernels"
    return folder if prefix.name == "lab" and (folder / "bin" / "python").exists() else None


def _container_memory_mb() -> int | None:
    """Return the limit that the container was started with, in MiB, or None."""
    for path in _MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            limit = int(Path(path).read_text())
            if limit < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
                return limit >> 20
    return None


def _number(environment: Mapping[str, str], name: str, default: float, *, lowest: float) -> float:
    value = environment.get(name, "").strip()
    if not value:
        return default
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not lowest <= number < float("inf"):
        raise SettingsError(f"{name} is {value!r}.", f"Give a number, {lowest:g} or more.")
    return number


def _whole(environment: Mapping[str, str], name: str) -> int | None:
    return int(_number(environment, name, 0, lowest=1)) or None
