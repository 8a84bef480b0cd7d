"""The settings of a stack: options of `nebulab up`, read once, and the paths of its files; runs in a terminal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from nebulab import checkout
from nebulab.contract import ISOLATIONS
from nebulab.door.policy import Allowed
from nebulab.errors import SettingsError
from nebulab.stack import frameworks
from nebulab.stack.places import ENVIRONMENTS, absolute, data_folder
from nebulab.stack.sizes import megabytes

DEFAULT_IMAGE = "nebulab:cpu"
NETWORKS = ("sealed", "open")
PROXIES = ("builtin", "gx-it-proxy")
DEFAULT_IDLE_MINUTES = 120
DEFAULT_MAX_SESSIONS = 32
DEFAULT_CLONE_SCHEMES = "https,ssh"
DEFAULT_STUCK_MINUTES = 15.0
DEFAULT_CORES = 7
DEFAULT_MEMORY_MB = 20 * 1024
DEFAULT_DISK_MB = 250 * 1024
DEFAULT_PROCESSES = 512
"""Threads count."""

_SIZES = {"session_memory_mb": "--session-memory", "session_disk_mb": "--session-disk"}
_SMALLEST_MB = 256


@dataclass(frozen=True)
class StackSettings:
    """One stack: its folders and the user's options.

    Attributes
    ----------
    data_dir
        All that the stack writes, the environments aside if `environments_dir` lies elsewhere.
    environments_dir
        The Python environments; several stacks may share them.
    checkout
        The folder with `requirements/`, `galaxy-tools/` and the package's sources.
    galaxy_port, proxy_port, portal_port
        None: the ports of the last start if they are still free, else any free ones.
    isolation
        What sessions run in: `auto` takes the strongest that works here, a container where the image is there.
    image
        The image of sessions that run in a container.
    network
        The network of sessions in containers: `sealed`, none but the door's ways, or `open`, the engine's bridge.
    allow
        Hosts and networks that sealed sessions may reach beside the internet.
    proxy
        `builtin`, or `gx-it-proxy`, which servers use.
    show
        Folders below hidden ones, as `/data`, that sessions in bubblewrap may read.
    idle_minutes
        A session without kernel activity ends after so many minutes; 0 means never.
    max_sessions
        How many sessions run at once; a further one waits in Galaxy's queue.
    require_access
        Whether our tools run only for people who were given access; None: as at the last start, at first not.
    tool_confs
        Further lists of tools in Galaxy's `tool_conf.xml` format.
    worker
        Whether the worker runs, which costs memory and saves seconds in every job.
    stuck_minutes
        Minutes without processor time or I/O after which a program in the worker is killed.
    clone_schemes
        Kinds of repository addresses that sessions may clone, with commas.
    frameworks
        The deep learning frameworks of the kernels' environment; None: as the last start that named some.
    user
        The system user that the stack is to run as, where root starts it; None: the one to whom its folder belongs.
    session_cores, session_memory_mb, session_disk_mb, session_processes
        What one session may take; a smaller machine gives what it has. Processes are limited in containers only.
    """

    data_dir: Path
    environments_dir: Path
    checkout: Path
    galaxy_port: int | None = None
    proxy_port: int | None = None
    portal_port: int | None = None
    isolation: str = "auto"
    image: str = DEFAULT_IMAGE
    network: str = NETWORKS[0]
    allow: tuple[str, ...] = ()
    proxy: str = "builtin"
    show: tuple[Path, ...] = ()
    idle_minutes: int = DEFAULT_IDLE_MINUTES
    max_sessions: int = DEFAULT_MAX_SESSIONS
    require_access: bool | None = None
    tool_confs: tuple[Path, ...] = ()
    worker: bool = True
    stuck_minutes: float = DEFAULT_STUCK_MINUTES
    clone_schemes: str = DEFAULT_CLONE_SCHEMES
    frameworks: tuple[str, ...] | None = None
    session_cores: int = DEFAULT_CORES
    session_memory_mb: int = DEFAULT_MEMORY_MB
    session_disk_mb: int = DEFAULT_DISK_MB
    session_processes: int = DEFAULT_PROCESSES
    user: str | None = None

    def __post_init__(self) -> None:
        if self.isolation not in ISOLATIONS:
            raise SettingsError(f"Unknown isolation {self.isolation!r}.", f"Choose one of: {', '.join(ISOLATIONS)}.")
        if self.network not in NETWORKS:
            raise SettingsError(f"Unknown network {self.network!r}.", f"Choose one of: {', '.join(NETWORKS)}.")
        for text in self.allow:
            Allowed.read(text)
        if self.proxy not in PROXIES:
            raise SettingsError(f"Unknown proxy {self.proxy!r}.", f"Choose one of: {', '.join(PROXIES)}.")
        if self.idle_minutes < 0:
            raise SettingsError("The idle time can't be negative.", "0 means: sessions never end by themselves.")
        if not self.stuck_minutes > 0:  # nor is NaN
            raise SettingsError("The time until a program counts as stuck can't be 0.", "--stuck-minutes wants more.")
        if self.max_sessions < 1:
            raise SettingsError("There must be room for a session.", "--max-sessions wants a number, 1 or more.")
        self._check_paths()

    def _check_paths(self) -> None:
        for folder in self.show:
            if not folder.is_dir() or ":" in str(folder):
                raise SettingsError(
                    f"There is no folder {folder} to show.", "--show wants a folder, without a colon in its name."
                )
        for path in self.tool_confs:
            if not path.is_file():
                raise SettingsError(
                    f"There is no tool list {path}.", "--tool-conf wants a file in tool_conf.xml format."
                )

    @property
    def config_dir(self) -> Path:
        """The files that configure Galaxy."""
        return self.data_dir / "config"

    @property
    def galaxy_dir(self) -> Path:
        """What Galaxy writes: database, datasets, jobs."""
        return self.data_dir / "galaxy"

    @property
    def logs_dir(self) -> Path:
        """One log file for each part."""
        return self.data_dir / "logs"

    @property
    def run_dir(self) -> Path:
        """The state of the running stack: state file, lock, settings."""
        return self.data_dir / "run"

    @property
    def bin_dir(self) -> Path:
        """The programs that jobs find first on their PATH."""
        return self.data_dir / "bin"

    @property
    def secrets_file(self) -> Path:
        """Keys and passwords, readable by the owner alone."""
        return self.data_dir / "secrets.json"

    @property
    def door_dir(self) -> Path:
        """The door's sockets, for sessions in containers, which reach nothing else of this machine."""
        return self.data_dir / "door"

    @property
    def tickets_dir(self) -> Path:
        """The tickets of sessions in containers, by which the door knows whose job each is."""
        return self.data_dir / "tickets"

    @property
    def portal_dir(self) -> Path:
        """What the access portal keeps: who applied, and what became of it."""
        return self.data_dir / "portal"

    @property
    def ticket_key_file(self) -> Path:
        """The secret that the gate and the portal share, for sessions' tickets; kept, as sessions outlive both."""
        return self.portal_dir / "ticket-key"

    @property
    def portal_key_file(self) -> Path:
        """The administrator's key, for the portal, which Galaxy's groups follow."""
        return self.run_dir / "portal-key"

    @property
    def worker_dir(self) -> Path:
        """The worker's sockets, and the `python` by which Galaxy's jobs find it."""
        return self.data_dir / "worker"

    @property
    def database(self) -> Path:
        """Galaxy's database."""
        return self.galaxy_dir / "universe.sqlite"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of Galaxy's database."""
        # On a busy disk a lock is held for seconds; after five, SQLite's own patience, a job's end would be lost.
        return f"sqlite:///{self.database}?isolation_level=IMMEDIATE&timeout=60"

    @property
    def sessions_map(self) -> Path:
        """The database that tells the proxy where each session listens."""
        return self.galaxy_dir / "interactivetools_map.sqlite"

    def log(self, part: str) -> Path:
        """Return the log file of `part`."""
        return self.logs_dir / f"{part}.log"

    def environment(self, name: str) -> Path:
        """Return the folder of the environment `galaxy`, `lab`, `kernels` or `portal`."""
        return self.environments_dir / name

    def typed(self, command: str) -> str:
        """Return what to type in a checkout for a command on this stack."""
        # Root, whose home is another one, may have become the stack's user.
        given = "" if self.data_dir == data_folder({}) and self.user is None else f" --data-dir {self.data_dir}"
        return f"./nebulab {command}{given}"

    def to_json(self) -> str:
        """Return the settings for another process, which reads them with `from_json`."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> StackSettings:
        """Read what `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        for name in ("data_dir", "environments_dir", "checkout"):
            values[name] = Path(values[name])
        values["tool_confs"] = tuple(Path(path) for path in values["tool_confs"])
        values["allow"] = tuple(values["allow"])
        if values["frameworks"] is not None:
            values["frameworks"] = tuple(values["frameworks"])
        values["show"] = tuple(Path(path) for path in values["show"])
        return cls(**values)


def read_settings(options: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> StackSettings:
    """Combine the command line's options with the environment's and the defaults; an option that is None is not given.

    Sizes may be such as `8g` or `900m`.

    Raises
    ------
    SettingsError
        An option has no usable value.
    """
    environ = os.environ if environ is None else environ
    given = {name: value for name, value in (options or {}).items() if value is not None}
    unknown = given.keys() - {field.name for field in fields(StackSettings)}
    if unknown:
        raise SettingsError(f"Unknown settings: {', '.join(sorted(unknown))}.")
    data_dir = absolute(given.pop("data_dir", None) or data_folder(environ))
    given.setdefault("environments_dir", ENVIRONMENTS.read(environ) or data_dir / "environments")
    for name, option in _SIZES.items():
        if isinstance(given.get(name), str):
            given[name] = megabytes(given[name], option, _SMALLEST_MB)
    if "frameworks" in given:
        given["frameworks"] = frameworks.parse(given["frameworks"])
    given["environments_dir"] = absolute(given["environments_dir"])
    given["allow"] = tuple(given.get("allow", ()))
    given["show"] = tuple(absolute(path) for path in given.get("show", ()))
    given["tool_confs"] = tuple(absolute(path) for path in given.get("tool_confs", ()))
    return StackSettings(data_dir=data_dir, checkout=checkout.root(), **given)
