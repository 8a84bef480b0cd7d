"""Settings of a session, from the command's options and the job's environment, read once; runs in the session."""

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

from nebulab import contract, variables
from nebulab.session import page
from nebulab.session.layout import Layout
from nebulab.variables import PLACE, PLACES, Kind, Unusable, setting

THEN = ("tell", "end")
"""What may follow an idle GPU, or used-up hours."""
MODES = ("scratch", "pull_repo", "previous")

DEFAULT_MAX_OUTPUTS = 10_000
"""Galaxy's own limit for one job (`max_discovered_files`); a job with one file more fails as a whole."""
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files with the limit of a container's control group: v2, then v1."""


class _Address(Kind):
    allowed = "an address as https://…"

    def read(self, value: str) -> str:
        url = value.rstrip("/")
        if url and urlsplit(url).scheme not in {"http", "https"}:
            raise Unusable("which is no web address")
        return url


class _Environment(Kind):
    allowed = "the folder of a Python environment"

    def read(self, value: str) -> Path:
        folder = Path(value)
        if not folder.is_dir():
            raise Unusable("and there is no such folder")
        return folder


class _Modules(Kind):
    allowed = "the names of modules, as in `torch jax`"

    def read(self, value: str) -> tuple[str, ...]:
        modules = tuple(value.replace(",", " ").split())
        for module in modules:
            if not all(part.isidentifier() for part in module.split(".")):
                raise Unusable(f"and {module!r} is no library's name")
        return modules


class _Words(Kind):
    allowed = "words, with commas between them"

    def read(self, value: str) -> tuple[str, ...]:
        return tuple(value.split(","))


# eq=False: making the comparison would delay the session's start, and a process has one instance only.
@dataclass(frozen=True, eq=False)
class SessionSettings:
    """The settings of a session; its `repr` hides secrets.

    A field made by `setting` is an environment variable; PATH and the language, which are nobody's settings, are taken
    by `read` as they are.
    """

    layout: Layout
    inputs: Path | None = None
    notebook_output: Path | None = None
    datatypes: Path | None = None
    mode: str | None = None
    outputs: Mapping[str, Path] = field(default_factory=dict)
    """The datasets of a notebook that runs as a job, by the name of what goes into each."""

    galaxy_url: str = setting(
        "GALAXY_URL", "", kind=_Address(), help="Galaxy's address. Notebooks find the session's broker under this name."
    )
    portal: str = setting(
        contract.PORTAL,
        "",
        kind=_Address(),
        help="Address of the access portal; the page Welcome shows what it has of free GPUs.",
    )
    history_id: str = setting("HISTORY_ID", "", help="The history that notebooks work in.")
    job_id: str = setting(contract.JOB_ID, "", help="The job that this session is; the tool sets it.")
    dataset_hid: str = setting("DATASET_HID", "", help="Passed on to notebooks: the number of a dataset.")
    additional_ids: str = setting("ADDITIONAL_IDS", "", help="Passed on to notebooks: the numbers of further datasets.")
    key: str = field(default="", repr=False)
    token: str = setting(
        "JUPYTER_TOKEN", "", secret=True, unset="a new one", help="The secret token of JupyterLab's page."
    )
    runtime_report: Path | None = setting(
        contract.RUNTIME_REPORT,
        kind=PLACE,
        unset="where Galaxy looks",
        help="Where to write the session's port; a relative path is below the job's working folder.",
    )
    galaxy_socket: Path | None = setting(
        contract.GALAXY_SOCKET, kind=PLACE, help="A socket that leads to Galaxy where `GALAXY_URL` does not."
    )
    """A socket that leads to Galaxy, in a container in which its address does not."""
    door: Path | None = setting(
        contract.DOOR,
        kind=PLACE,
        help="The socket through which people come in, where the container has no network; see `nebulab door --help`.",
    )
    """The door's socket for visitors, in a container without network; `egress` leads out."""
    ticket: str = field(default="", repr=False)
    egress: Path | None = setting(
        contract.EGRESS, kind=PLACE, help="The socket of the HTTP proxy to the internet, where there is no network."
    )

    page: page.Page = field(default_factory=page.Page)
    held: bool = False
    """Whether the session ends at EOF on its standard input: the process that started it is gone."""
    kernels: Path | None = setting(
        contract.KERNELS,
        kind=_Environment(),
        unset="beside the Lab's, else the Lab's own",
        help="The folder of the kernels' environment.",
    )
    preload: tuple[str, ...] = setting(
        contract.PRELOAD,
        (),
        kind=_Modules(),
        help="Libraries that every kernel has imported already, as `torch tensorflow jax`: seconds for a gigabyte.",
    )
    """Libraries that kernels have imported before they start."""
    isolation: str = setting(
        contract.ISOLATION,
        "auto",
        choices=contract.ISOLATIONS,
        help="What notebooks run in; `auto` takes bubblewrap where it works.",
    )
    hide: tuple[Path, ...] = setting(contract.HIDE, (), kind=PLACES, help="Folders that notebooks must not see.")
    show: tuple[Path, ...] = setting(
        contract.SHOW,
        (),
        kind=PLACES,
        help="Folders that notebooks in bubblewrap may read although they lie in a hidden one, as `/data` is.",
    )
    memory_mb: int | None = setting(
        "GALAXY_MEMORY_MB",
        at_least=1,
        whole=True,
        unset="no limit; without Galaxy the container's",
        help="MiB. The largest kernel is killed before the session needs more.",
    )
    disk_mb: int | None = setting(
        contract.DISK_MB,
        at_least=1,
        whole=True,
        unset="no limit",
        help="MiB. What writes is stopped while all of the session's files together take more.",
    )
    """Disk space for all of the session's files together; no limit but the file system's if None."""
    gpu_memory_mb: int | None = setting(
        contract.GPU_MEMORY_MB,
        at_least=1,
        whole=True,
        unset="no limit",
        help="MiB that one process may take of each GPU.",
    )
    """Memory that one process may take of each GPU."""
    gpu_idle_minutes: float = setting(
        contract.GPU_IDLE_MINUTES,
        30.0,
        at_least=0,
        help="Tell the user that the GPU has computed nothing for so many minutes, or end the session; 0: never.",
    )
    gpu_idle_then: str = setting(
        contract.GPU_IDLE_THEN,
        "tell",
        choices=THEN,
        help=f"Whether a session whose GPU was idle for `{contract.GPU_IDLE_MINUTES}` is told so, or ended after a "
        "warning, also while a cell runs that does not use the GPU.",
    )
    gpu_keep_minutes: float = setting(
        contract.GPU_KEEP_MINUTES,
        60.0,
        at_least=1,
        help="Minutes more that a session with an idle GPU gets, once, when its user asks for them after the warning.",
    )
    hours_then: str = setting(
        contract.HOURS_THEN,
        "tell",
        choices=THEN,
        help="Whether a session with a GPU is told that its user's GPU hours are used up, or ended half an hour later.",
    )
    hours_ticket: str = field(default="", repr=False)
    slots: int | None = setting("GALAXY_SLOTS", at_least=1, whole=True, help="The session's processors.")
    idle_minutes: float = setting(
        contract.IDLE_MINUTES,
        120.0,
        at_least=0,
        unset="120; without Galaxy 0",
        help="End after so many minutes without computing; 0: never.",
    )
    watch_seconds: float = setting(
        contract.WATCH_SECONDS, 10.0, at_least=0.1, help="Seconds between two questions to Galaxy for the job's state."
    )
    clone_seconds: float = setting(
        contract.CLONE_SECONDS, 300.0, at_least=1, help="Seconds that cloning a repository may take."
    )
    clone_schemes: tuple[str, ...] = setting(
        contract.CLONE_SCHEMES,
        ("https", "ssh"),
        kind=_Words(),
        empty_counts=True,
        help="Kinds of repository addresses that may be cloned; empty: none.",
    )
    max_outputs: int = setting(
        contract.MAX_OUTPUTS,
        DEFAULT_MAX_OUTPUTS,
        at_least=1,
        whole=True,
        help="Files that Galaxy takes from one job (its `max_discovered_files`).",
    )
    path: str = os.defpath
    language: str = "C.UTF-8"

    @property
    def disk_bytes(self) -> int | None:
        """`disk_mb` in bytes."""
        return None if self.disk_mb is None else self.disk_mb * 2**20

    @property
    def standalone(self) -> bool:
        """Whether this session serves a person's own folder, and no job."""
        return self.layout.folder is not None

    @property
    def in_galaxy(self) -> bool:
        """Whether a Galaxy job started this session."""
        return bool(self.galaxy_url and self.job_id and self.key)


def read(  # noqa: PLR0913 - the command's options, by name
    environment: Mapping[str, str],
    *,
    root: Path,
    key: str | None,
    ticket: str = "",
    hours_ticket: str = "",
    layout: Layout | None = None,
    inputs: Path | None = None,
    notebook_output: Path | None = None,
    datatypes: Path | None = None,
    mode: str | None = None,
    outputs: Mapping[str, Path] | None = None,
    held: bool = False,
) -> SessionSettings:
    """Read the settings from the options and from `environment`, which no longer holds the user's `key`
    and the tickets.

    With a `layout` of its own the session is standalone: it has the page's settings, takes the container's memory
    limit, and ends for idleness only if asked to.

    Raises
    ------
    SettingsError
        A value can't be used; the message names its variable.
    """
    values = variables.read(SessionSettings, environment, **({"idle_minutes": 0.0} if layout else {}))
    root = root.resolve()
    home_folder = environment.get("_GALAXY_JOB_HOME_DIR")
    job_folder = Path(home_folder).parent if home_folder else root.parent
    report = root / (values["runtime_report"] or job_folder / contract.RUNTIME_REPORT_FILE)
    kernels = values["kernels"] or _beside(Path(sys.prefix))
    values |= {
        "token": values["token"] or secrets.token_hex(16),
        "runtime_report": report if values["job_id"] else None,
        # Resolved: `nebulab up` may lead the name to another environment while this session runs.
        "kernels": kernels.resolve() if kernels else None,
        "memory_mb": values["memory_mb"] or (_container_memory_mb() if layout else None),
        "idle_minutes": values["idle_minutes"] or math.inf,
    }
    return SessionSettings(
        layout=layout or Layout(root),
        inputs=inputs,
        notebook_output=notebook_output,
        datatypes=datatypes,
        mode=mode,
        outputs=outputs or {},
        key=(key or "").strip(),
        ticket=ticket,
        hours_ticket=hours_ticket,
        page=page.read(environment) if layout else page.Page(),
        held=held,
        path=environment.get("PATH", os.defpath),
        language=environment.get("LC_ALL") or environment.get("LANG") or "C.UTF-8",
        **values,
    )


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
