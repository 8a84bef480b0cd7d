"""The system user that a stack runs as: an ordinary one where root starts it and can; runs in a terminal.

Root takes on the user's numbers and groups before anything is written into the data folder, and for good: all parts,
sessions and jobs are that user's processes, and what they write is that user's. Commands of root's on the data folder
of an ordinary user do the same. It is told, in a line, why root stays root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import nebulab
from nebulab.errors import SettingsError
from nebulab.stack import isolation
from nebulab.stack.settings import StackSettings

ROOT = "root"
_NOBODY = 65534
"""Whose files are another machine's, or outside of this container's numbers; no user to run anything as."""
_LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_DEVICES = Path("/dev")
_GPUS = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm", "kfd")
# Places and connections of who called.
_NOT_KEPT = ("XDG_", "DBUS_", "SUDO_", "MAIL")
_TEMPORARY = ("TMPDIR", "TEMP", "TMP")


@dataclass(frozen=True)
class SystemUser:
    """An ordinary user of this machine, by the system's own list."""

    name: str
    uid: int
    gid: int
    home: Path

    @property
    def groups(self) -> list[int]:
        """The numbers of all groups that the user is in."""
        return os.getgrouplist(self.name, self.gid)


@dataclass(frozen=True)
class Choice:
    """The user that root is to become, None where nothing changes, and why; `explanation` follows "run as"."""

    user: SystemUser | None
    explanation: str = ""
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """Both in a line."""
        return "; ".join(filter(None, (self.explanation, self.remedy)))


@dataclass(frozen=True)
class Obstacle:
    """Why a stack can't run as a user, or would lose something by it, and what to do."""

    reason: str
    remedy: str


def choose(settings: StackSettings, environ: Mapping[str, str] | None = None) -> Choice:
    """Return the user that a stack which is started now is to run as.

    Root becomes the user `settings.user`, or else the one to whom the data folder belongs; where there is none yet, the
    one to whom the folder above belongs, or, if that is root's, who called `sudo`.

    Raises
    ------
    SettingsError
        The stack can't run as the user that was asked for, or it is an ordinary user's already and can't run as that.
    """
    if os.geteuid() != 0:
        return _not_by_root(settings.user)
    if settings.user == ROOT:
        return Choice(None, "root, as asked")
    user = named(settings.user) if settings.user else owner(settings.data_dir, environ)
    if user is None:
        return Choice(
            None,
            f"root: {_existing(settings.data_dir)} belongs to no ordinary user",
            "--user NAME makes Galaxy and sessions an ordinary user's, with a --data-dir that this user can reach",
        )
    is_theirs = holds_stack_of(user, settings.data_dir)
    obstacle = next(obstacles(user, settings, may_lose=is_theirs or settings.user is not None), None)
    if obstacle is None:
        return Choice(user, f"{user.name}, an ordinary user: root's rights end here")
    if settings.user or is_theirs:
        raise SettingsError(
            f"The stack can't run as {user.name}: {obstacle.reason}.",
            f"{obstacle.remedy[:1].upper()}{obstacle.remedy[1:]}. `--user root` runs it as root.",
        )
    return Choice(None, f"root, not as {user.name}: {obstacle.reason}", obstacle.remedy)


def step_down(settings: StackSettings) -> StackSettings:
    """Become the user to whom all of the data folder belongs, if root calls; return the settings with that user.

    A command of root's then leaves no file of root's there, and what stands there about processes can't turn root's
    rights on others.
    """
    user = owner(settings.data_dir, {}) if os.geteuid() == 0 else None
    if user is None or not holds_stack_of(user, settings.data_dir) or _rights(user, settings):
        return settings
    if _closed(user, _needed(settings)):
        return settings
    become(user, settings.data_dir)
    return replace(settings, user=user.name)


def become(user: SystemUser, data_dir: Path) -> None:
    """Take on the numbers, groups and home of `user`, for good; only root can.

    A user without a home, as services have, gets the data folder for one: programs keep caches there.
    """
    os.initgroups(user.name, user.gid)
    os.setgid(user.gid)
    os.setuid(user.uid)
    for name in [name for name in os.environ if name.startswith(_NOT_KEPT)]:
        del os.environ[name]
    home = user.home if os.access(user.home, os.W_OK | os.X_OK) else data_dir
    os.environ.update(HOME=str(home), USER=user.name, LOGNAME=user.name)
    for name in _TEMPORARY:
        if name in os.environ and not os.access(os.environ[name], os.W_OK | os.X_OK):
            del os.environ[name]
    tempfile.tempdir = None
    if not os.access(".", os.X_OK):
        os.chdir("/")


def make_room(user: SystemUser, data_dir: Path) -> None:
    """Make the data folder where `user` may not do so, or hand an empty one of root's over."""
    if may_write(user, data_dir):
        return
    with readable_by_others():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # By its descriptor: where others may write beside it, the name may lead elsewhere by now.
    descriptor = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with os.scandir(descriptor) as entries:
            if os.fstat(descriptor).st_uid == 0 and not any(entries):
                os.fchown(descriptor, user.uid, user.gid)
    finally:
        os.close(descriptor)


def give(user: SystemUser, folder: Path) -> None:
    """Give a folder of root's, into which nobody else can look yet, to `user`, with all that is in it."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place, name), user.uid, user.gid, follow_symlinks=False)
    os.chown(folder, user.uid, user.gid)


def may_write(user: SystemUser, folder: Path) -> bool:
    """Tell whether `user` may make files in a folder, or the folder itself."""
    return _closed(user, {_existing(folder): os.W_OK | os.X_OK}) is None


@contextlib.contextmanager
def readable_by_others() -> Iterator[None]:
    """Have what root makes in this block readable by the stack's user, whatever root's umask."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def named(name: str) -> SystemUser:
    """Return the user `name`.

    Raises
    ------
    SettingsError
        There is none.
    """
    try:
        return _user(pwd.getpwnam(name))
    except KeyError:
        raise SettingsError(f"This machine has no user {name}.", "`useradd --create-home NAME` makes one.") from None


def owner(data_dir: Path, environ: Mapping[str, str] | None = None) -> SystemUser | None:
    """Return the ordinary user to whom the data folder belongs, or would if it were made now; None: it is root's."""
    environ = os.environ if environ is None else environ
    folder = _existing(data_dir)
    number = folder.stat().st_uid
    if number == 0 and folder != data_dir and environ.get("SUDO_UID", "").isdecimal():
        number = int(environ["SUDO_UID"])
    if number in {0, _NOBODY}:
        return None
    try:
        return _user(pwd.getpwuid(number))
    except KeyError:
        return None


def holds_stack_of(user: SystemUser, data_dir: Path) -> bool:
    """Tell whether the data folder holds something, and all of it belongs to `user`."""
    owners = _owners(data_dir)
    return len(owners) > 1 and set(owners.values()) == {user.uid}


def obstacles(user: SystemUser, settings: StackSettings, *, may_lose: bool) -> Iterator[Obstacle]:
    """Yield why a stack can't run as `user`, the gravest first.

    Unless it `may_lose` something by it, also what works for root alone: containers' images, GPUs.
    """
    checks: list[Callable[[SystemUser, StackSettings], Obstacle | None]] = [
        _rights,
        _strangers,
        _folder,
        _paths,
        _ports,
    ]
    # A stack of this user's had no better walls before.
    if not holds_stack_of(user, settings.data_dir):
        checks.append(_walls)
    if not may_lose:
        checks += [_gpus, _containers]
    yield from filter(None, (check(user, settings) for check in checks))


def _not_by_root(wanted: str | None) -> Choice:
    if wanted is None or (wanted != ROOT and named(wanted).uid == os.geteuid()):
        return Choice(None)
    raise SettingsError(f"Only root can run a stack as {wanted}.", "Without --user it runs as you.")


def _rights(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    try:
        with _acting_as(user):
            return None
    except OSError as error:
        # A container without these capabilities, or whose numbers end before this one.
        return Obstacle(f"this process may not become {user.name} ({error.strerror})", "start it as that user")


def _strangers(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    owners = _owners(settings.data_dir)
    stranger = next((path for path, uid in owners.items() if uid != user.uid), None)
    # An empty folder of root's is handed over.
    if stranger is None or list(owners.values()) == [0]:
        return None
    return Obstacle(
        f"{stranger} does not belong to {user.name}",
        f"after `nebulab down`: chown -R {user.name}: {settings.data_dir}",
    )


def _folder(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    closed = _closed(user, {_existing(settings.data_dir): os.X_OK})
    # An empty folder of root's is handed over.
    if closed in {None, settings.data_dir}:
        return None
    return Obstacle(f"{closed} is closed to {user.name}", f"choose a --data-dir elsewhere, as below {user.home}")


def _paths(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    needed = _needed(settings) | {_existing(settings.environments_dir): os.X_OK}
    environments = (settings.environment(name) / "bin" / "python" for name in ("galaxy", "lab", "kernels", "portal"))
    needed |= {python: os.X_OK for python in environments if os.path.lexists(python)}
    needed |= dict.fromkeys(settings.show, os.R_OK | os.X_OK) | dict.fromkeys(settings.tool_confs, os.R_OK)
    closed = _closed(user, needed)
    if closed is None:
        return None
    remedy = "keep elsewhere what a stack needs of it, or open it to others (chmod o+x)"
    if Path(sys.executable).resolve().is_relative_to(closed):
        remedy += "; a new .venv takes the Python that NEBULAB_PYTHON names"
    return Obstacle(f"{closed} is closed to {user.name}", remedy)


def _ports(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    try:
        lowest = int(_LOWEST_PORT.read_text())
    except (OSError, ValueError):
        return None
    for port in (settings.galaxy_port, settings.proxy_port, settings.portal_port):
        if port is not None and port < lowest:
            return Obstacle(f"port {port} is for root alone", f"choose one from {lowest} on")
    return None


def _walls(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    if settings.isolation not in {"auto", "bubblewrap"}:
        return None
    reasons = []
    for program in isolation.candidates():
        reason = isolation.why_not(program, as_user=(user.uid, user.gid, user.groups))
        if reason is None:
            return None
        if isolation.why_not(program) is None:
            reasons.append(reason)
    if not reasons:
        return None
    return Obstacle(
        f"bubblewrap works for root alone ({reasons[0]})",
        "allow ordinary users to make user namespaces, or take --isolation container",
    )


def _gpus(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    files = [path for pattern in _GPUS for path in sorted(_DEVICES.glob(pattern)) if not path.is_dir()]
    closed = _closed(user, dict.fromkeys(files, os.R_OK | os.W_OK))
    if closed is None:
        return None
    return Obstacle(f"{user.name} may not use the GPU ({closed})", f"put {user.name} into the group of that file")


def _containers(user: SystemUser, settings: StackSettings) -> Obstacle | None:
    if isolation.choose(settings.isolation, settings.image, settings.data_dir).kind != "container":
        return None
    return Obstacle(
        f"sessions run in containers, whose engine and image {settings.image} are root's",
        f"with --isolation bubblewrap they are {user.name}'s too",
    )


def _needed(settings: StackSettings) -> dict[Path, int]:
    """Return what every stack of this checkout reads, each with what must be allowed."""
    package = Path(nebulab.__file__).parent
    code = [
        package,
        *package.rglob("*.py"),
        *(settings.checkout / name for name in ("deploy/galaxy", "deploy/tpv", "requirements")),
    ]
    libraries = Path(sys.prefix, "lib")
    return dict.fromkeys(code, os.R_OK) | {Path(sys.executable): os.X_OK, libraries: os.R_OK | os.X_OK}


def _closed(user: SystemUser, needed: Mapping[Path, int]) -> Path | None:
    """Return the first path, or the first folder above it or above what it links to, that is closed to `user`."""
    with _acting_as(user):
        for path, mode in needed.items():
            if os.access(path, mode, effective_ids=True):
                continue
            above = chain(reversed(path.parents), reversed(Path(os.path.realpath(path)).parents))
            return next((each for each in above if not os.access(each, os.X_OK, effective_ids=True)), path)
    return None


@contextlib.contextmanager
def _acting_as(user: SystemUser) -> Iterator[None]:
    """Have the effective numbers of `user` for a moment."""
    groups, group = os.getgroups(), os.getegid()
    with contextlib.ExitStack() as undo:
        os.setgroups(user.groups)
        undo.callback(os.setgroups, groups)
        os.setegid(user.gid)
        undo.callback(os.setegid, group)
        os.seteuid(user.uid)
        undo.callback(os.seteuid, 0)
        yield


def _owners(data_dir: Path) -> dict[Path, int]:
    """Return whose the data folder is, what is in it, and what is in its folders; what lies deeper is theirs too."""
    inside = _inside(data_dir)
    owners = {}
    for path in (data_dir, *inside, *chain.from_iterable(map(_inside, inside))):
        # It need not be there; and a stack that runs replaces files.
        with contextlib.suppress(FileNotFoundError):
            owners[path] = path.stat().st_uid if path == data_dir else path.lstat().st_uid
    return owners


def _inside(folder: Path) -> list[Path]:
    """Return what is in a folder; nothing where there is none."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _user(entry: pwd.struct_passwd) -> SystemUser:
    return SystemUser(entry.pw_name, entry.pw_uid, entry.pw_gid, Path(entry.pw_dir))
