"""The bubblewrap command line around JupyterLab and its kernels, and the choice of isolation; runs in the session.

With bubblewrap a notebook sees its own job folder, its inputs, the GPUs, the network, and of the machine, read-only,
what every user of it may read outside of the homes, temporary folders, places for data (`/srv`, `/mnt`, `/media`,
`/opt`, `/data`) and logs. Folders that the administrator names, programs on PATH and Python environments are shown
even there. Other processes and Galaxy's own folders are not there. In a container the container is the isolation.
Without either (one user's own laptop) a notebook may do what its user may.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nebulab
from nebulab import seccomp
from nebulab.contract import ISOLATION, ISOLATIONS
from nebulab.errors import SettingsError

# Root without capabilities may still write the kernel's settings below /proc, which would lead out of the sandbox.
_KERNEL_SETTINGS = (
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
    "/proc/acpi",
    "/proc/scsi",
)
_MACHINE = (
    *("--ro-bind", "/", "/", "--proc", "/proc"),
    *(argument for place in _KERNEL_SETTINGS for argument in ("--ro-bind-try", place, place)),
    *("--dev", "/dev"),
)
_NAMESPACES = ("--unshare-pid", "--unshare-ipc", "--unshare-uts")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the sandbox's own
_PRIVATE = ("/tmp", "/var/tmp", "/run", "/home", "/root")  # noqa: S108 - replaced by empty folders, not used
_DATA = ("/srv", "/mnt", "/media", "/opt", "/data")
_LOGS = ("/var/log", "/var/mail", "/var/spool", "/var/backups", "/var/crash")
# Docker's masked paths (moby/moby, oci/defaults.go); /proc/keys lists the keys of all of this user's processes.
_MASKED = (
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
)
# Where to look for what only root may read, if Galaxy runs as root: its sessions own such files, whatever their rights.
_ROOTS_TREE = "/etc"
_ROOTS_PLACES = ("/", "/sys/kernel", "/var", "/var/cache", "/var/lib")
_BESIDE_PROGRAMS = ("include", "lib", "lib32", "lib64", "libexec", "pyvenv.cfg", "share")
_FILES_IN_VARIABLES = (
    "ALPHAFOLD_DB",  # weights that a server has for all; usegalaxy's AlphaFold tool reads the same name
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
_DEVICES = ("nvidia*", "dri", "kfd", "infiniband")
_TRIAL_SECONDS = 10
_SHARES = {_SHARED_MEMORY: 2, Path("/tmp"): 4}  # noqa: S108 - the sandbox's own
_SMALL_SHARE = 64
"""Of the memory, what each of the sandbox's folders in memory may take: all together leave room for a kernel."""
_FILTER = 9
"""The descriptor of the seccomp filter."""


@dataclass(frozen=True)
class _Mount:
    """One mount of the sandbox: of two at the same target the one with the higher `kind` is made later, and wins."""

    target: Path
    kind: int
    source: Path

    @property
    def arguments(self) -> list[str]:
        return ["--ro-bind" if self.kind == _READ else "--bind", str(self.source), str(self.target)]


_EMPTY, _READ, _WRITE = range(3)


def available(choice: str) -> str:
    """Return the isolation to use for `choice` (`auto`, `bubblewrap`, `container` or `none`), after a trial.

    In Apptainer `apptainer` is returned in place of `container`: its network is the machine's. Takes some 20 ms.

    Raises
    ------
    SettingsError
        There is no such choice, or it does not work on this machine.
    """
    if choice not in ISOLATIONS:
        raise SettingsError(f"There is no isolation {choice!r}.", f"Choose one of {', '.join(ISOLATIONS)}.")
    if choice == "none":
        return choice
    if choice == "container":
        return _kind_of_container() or choice
    trouble = _try_bubblewrap()
    if not trouble:
        return "bubblewrap"
    if choice == "bubblewrap":
        raise SettingsError(
            f"bubblewrap does not work on this machine: {trouble}",
            f"Install bubblewrap and allow user namespaces, or set {ISOLATION} to container or none.",
        )
    return _kind_of_container() or "none"


def command(  # noqa: PLR0913 - each is given by name
    argv: Sequence[str],
    *,
    isolation: str,
    writable: Sequence[Path],
    readable: Sequence[Path],
    hidden: Sequence[Path],
    environment: Mapping[str, str],
    cwd: Path,
    memory_mb: int | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment that run `argv` isolated.

    The environment is never passed in arguments, which anybody may read.

    Parameters
    ----------
    isolation
        As `available` returned it; with `container` and `none` the command is `argv` itself.
    writable, readable
        Files and folders that are bound at their own paths, also below a hidden folder.
    hidden
        Folders (or files) that are empty inside, beside `/tmp`, `/run`, the homes.
    cwd
        The working folder; start the command there without isolation too.
    memory_mb
        The session's memory limit, the machine's if it has none: each empty folder and /dev/shm is a tmpfs, whose size
        is a part of it.
    """
    if isolation == "apptainer":
        # Docker and podman bring a filter along. Keyrings, for one, are shared by all sessions of Galaxy's user.
        return [sys.executable, "-P", "-m", seccomp.__name__, *argv], dict(environment)
    if isolation != "bubblewrap":
        return list(argv), dict(environment)
    program = _bubblewrap() or "bwrap"
    memory = (memory_mb or _machine_mb()) * 2**20 if _knows_sizes(program) else None
    filtered = seccomp.filter_file()
    # bubblewrap takes the filter by a descriptor, which the shell opens.
    opened = ["/bin/sh", "-c", f'exec "$@" {_FILTER}<"$0"', str(filtered)] if filtered else []
    wrapped = [
        *opened,
        program,
        *(("--seccomp", str(_FILTER)) if filtered else ()),
        *_MACHINE,
        *_devices(),
        *_in_memory(_SHARED_MEMORY, memory),
        # A tmpfs too, of half the machine's memory; what is mounted in it stays as it is.
        *("--remount-ro", "/dev"),
        *_mounts(
            writable,
            [*readable, *_own_folders(), *_named(environment), Path("/etc/resolv.conf")],
            [*map(Path, (*_DATA, *_LOGS)), *_for_root_only(), *hidden],
            memory,
        ),
        *(argument for path in _MASKED if Path(path).exists() for argument in ("--ro-bind", os.devnull, path)),
        *_NAMESPACES,
        *("--cap-drop", "ALL", "--new-session", "--die-with-parent", "--chdir", str(cwd), "--"),
    ]
    return [*wrapped, *argv], dict(environment)


def interpreter_folders(environment: Path) -> list[Path]:
    """Return a virtual environment's folder and that of its interpreter, which may lie in a home."""
    folders = [environment]
    try:
        lines = (environment / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return folders
    for line in lines:
        name, _, value = line.partition("=")
        if name.strip() == "home" and value.strip():
            folders.append(Path(os.path.realpath(value.strip())).parent)
    interpreter = Path(os.path.realpath(environment / "bin" / "python"))
    folders.append(interpreter.parent.parent)
    return [folder for folder in dict.fromkeys(folders) if folder != Path("/usr")]


def _bubblewrap() -> str | None:
    """Return bubblewrap's path: the environment's own (the wheel) before the system's."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("bwrap", path=os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]))


def _knows_sizes(program: str) -> bool:
    """Whether this bubblewrap has `--size`, which limits a tmpfs; older versions lack it."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return (
            "--size"
            in subprocess.run([program, "--help"], capture_output=True, text=True, timeout=_TRIAL_SECONDS).stdout
        )
    return False


def _try_bubblewrap() -> str:
    """Return the reason for which bubblewrap does not work, or nothing."""
    program = _bubblewrap()
    if program is None:
        return "bwrap is not on PATH"
    trial = [program, *_MACHINE, "--tmpfs", "/run", *_NAMESPACES]
    try:
        finished = subprocess.run(
            [*trial, "--cap-drop", "ALL", "--new-session", "--", "/bin/true"],
            capture_output=True,
            text=True,
            timeout=_TRIAL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if finished.returncode == 0 else finished.stderr.strip() or f"it ended with {finished.returncode}"


def _kind_of_container() -> str:
    """Return `apptainer`, `container` (Docker's, podman's), or nothing."""
    # Apptainer first: its images come from Docker's, whose marks and variables they keep.
    if Path("/.singularity.d").exists() or {"APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"} & set(os.environ):
        return "apptainer"
    return "container" if any(Path(mark).exists() for mark in ("/.dockerenv", "/run/.containerenv")) else ""


def _devices() -> list[str]:
    devices = [device for pattern in _DEVICES for device in sorted(Path("/dev").glob(pattern))]
    return [argument for device in devices for argument in ("--dev-bind", str(device), str(device))]


def _own_folders() -> list[Path]:
    """Return the folders of Nebulab and its environment, which may lie in a home or a hidden folder."""
    package = Path(nebulab.__file__).parent
    folders = [package.parent, *interpreter_folders(Path(sys.prefix))]
    if package.parent.name == "src":  # a checkout: these folders are in the package of a wheel only
        folders += [package.parents[1] / name for name in ("lab-extension/built", "lab-extension/settings", "examples")]
    return [folder for folder in folders if folder.exists()]


def _named(environment: Mapping[str, str]) -> list[Path]:
    """Return the programs on PATH, their libraries and the certificates that variables name, if they may be shown.

    In a home nothing is shown by its being on PATH.
    """
    programs = [Path(folder) for folder in environment.get("PATH", "").split(":") if folder.startswith(_DATA)]
    beside = [folder.parent / name for folder in programs if folder.name == "bin" for name in _BESIDE_PROGRAMS]
    libraries = [Path(each) for each in environment.get("LD_LIBRARY_PATH", "").split(":") if each.startswith(_DATA)]
    files = [Path(environment[name]) for name in _FILES_IN_VARIABLES if environment.get(name)]
    return [*programs, *beside, *libraries, *files]


def _for_root_only() -> list[Path]:
    """Return what other users of this machine may not read, if this user is root: `/etc/shadow`, keys, databases."""
    if os.geteuid() != 0:
        return []
    tree = [entry for folder, _, _ in os.walk(_ROOTS_TREE) for entry in _entries(folder)]
    return [
        Path(entry.path)
        for entry in (*tree, *(entry for folder in _ROOTS_PLACES for entry in _entries(folder)))
        if not entry.stat(follow_symlinks=False).st_mode & stat.S_IROTH
    ]


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the folders and plain files in `folder`, none if it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return [
                each for each in entries if each.is_dir(follow_symlinks=False) or each.is_file(follow_symlinks=False)
            ]
    except OSError:
        return []


def _home() -> list[Path]:
    try:
        return [Path(pwd.getpwuid(os.getuid()).pw_dir)]
    except KeyError:  # a container's arbitrary user has no entry, and no home
        return []


def _mounts(
    writable: Iterable[Path], readable: Iterable[Path], hidden: Iterable[Path], memory: int | None
) -> list[str]:
    """Return bubblewrap's arguments, outer folders first: bubblewrap works through them in order."""
    mounts: dict[Path, _Mount] = {}
    for folder in [*map(Path, _PRIVATE), *_home(), *hidden]:
        real = Path(os.path.realpath(folder))
        if real.is_dir() and real != Path("/"):
            mounts[real] = _Mount(real, _EMPTY, real)
        elif real.exists() and real != Path("/"):
            mounts[real] = _Mount(real, _READ, Path(os.devnull))
    empty = set(mounts)
    for kind, paths in ((_READ, readable), (_WRITE, writable)):
        for path in paths:
            real = Path(os.path.realpath(path))
            if not real.exists():
                continue
            # A path that no empty folder covers is readable already: / is bound read-only.
            if kind == _WRITE or _is_below(real, empty):
                mounts[real] = _Mount(real, kind, real)
            # A link in a hidden folder: its destination is bound at the link's path.
            if (
                path.is_absolute()
                and path != real
                and _is_below(path, empty)
                and not _is_below(path, set(mounts) - empty)
            ):
                mounts[path] = _Mount(path, kind, real)
    ordered = sorted(mounts.values(), key=lambda mount: (len(mount.target.parts), mount.kind))
    return [
        argument
        for mount in ordered
        for argument in (_in_memory(mount.target, memory) if mount.kind == _EMPTY else mount.arguments)
    ]


def _in_memory(folder: Path, memory: int | None) -> list[str]:
    """Return the arguments for a tmpfs, whose size is a share of `memory` in bytes if that is given."""
    size = [] if memory is None else ["--size", str(memory // _SHARES.get(folder, _SMALL_SHARE))]
    return [*size, "--tmpfs", str(folder)]


def _machine_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def _is_below(path: Path, folders: set[Path]) -> bool:
    return any(parent in folders for parent in (path, *path.parents))
