"""A data folder's backup, made while its stack runs, and its way back; runs in a terminal.

A backup is a tar archive of what can't be made anew: databases, datasets, secrets. Its last member counts the others
and holds a hash of them: an archive that ends before it is none. Databases are copied first, by SQLite's own backup,
each as it is at one moment; a dataset that is made after that is in the archive, and in no history.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from nebulab import __version__
from nebulab.errors import BackupError
from nebulab.files import locked, replacing
from nebulab.stack import system_user
from nebulab.stack.settings import StackSettings

END = "nebulab-backup.json"
"""The archive's last member."""

_FORMAT = 1
_CHUNK = 1024 * 1024
_KEPT = ("secrets.json", "ports.json", "access.json", "galaxy", "portal")
# Made anew at a start, or of jobs that run; a job does not outlive its Galaxy.
_LEFT_OUT = frozenset({"cache", "jobs_directory", "object_store_cache", "tmp", "tool_search_index"})
_DATABASES = "*.sqlite"
_JOURNALS = ("-journal", "-wal", "-shm")
_BUSY_SECONDS = 60

Moved = Callable[[int], None]
"""Called with the number of bytes that were copied."""


def back_up(settings: StackSettings, file: Path, console: Console) -> None:
    """Write a backup of the data folder to `file`, for its owner alone; one that is there is replaced once it is whole.

    Raises
    ------
    BackupError
        There is no data folder, `file` lies in it, or the disk is full.
    """
    data = settings.data_dir
    if not settings.secrets_file.is_file() or not settings.database.is_file():
        raise BackupError(f"{data} is no data folder of a stack.", "--data-dir names another one.")
    if file.absolute().is_relative_to(data):
        raise BackupError(f"{file} lies in the data folder itself.", "Name a file elsewhere, best on another disk.")
    with _failing(f"{file} could not be written"), replacing(file, f"{file.name}.part") as part:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as archive, tempfile.TemporaryDirectory(dir=file.parent) as copies:
            os.fchmod(descriptor, 0o600)
            databases = _copy_databases((settings.galaxy_dir, settings.portal_dir), Path(copies))
            with _progress(console, "Backing up", _size(data)) as moved:
                missed = _write(archive, data, databases, moved)
            archive.flush()
            os.fsync(descriptor)
        size = part.stat().st_size
    console.print(f"{file}: {size / 1e6:,.0f} MB. It holds the stack's keys and passwords: keep it as you keep those.")
    if missed:
        console.print(f"{len(missed)} files went away or changed meanwhile, {missed[0]} among them.", soft_wrap=True)


def restore(settings: StackSettings, file: Path, console: Console) -> None:
    """Make the data folder, which must not be there or be empty, out of the backup `file`.

    It is made beside its place, and put there once it is whole. If root calls, it is the user's as whom `up` would run.

    Raises
    ------
    BackupError
        The data folder has something in it, `file` is no whole backup, or the disk is full.
    """
    data = settings.data_dir
    if os.path.lexists(data) and not (data.is_dir() and not data.is_symlink() and not any(data.iterdir())):
        raise BackupError(
            f"{data} is not empty: nothing was restored.", "--data-dir names another folder, which need not be there."
        )
    beside = data.with_name(f".{data.name}.restoring")
    with _failing(f"{file} could not be restored"), contextlib.ExitStack() as opened:
        # Before root becomes another, who need not be allowed to read it.
        archive = opened.enter_context(file.open("rb"))
        user = _become_owner(settings)
        if not opened.enter_context(locked(data.with_name(f".{data.name}.lock"), wait=False)):
            raise BackupError(f"Another restore into {data} is under way.", "Wait for its end.")
        try:
            # Of a restore that was killed.
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(mode=0o700, parents=True)
            with _progress(console, "Restoring", os.fstat(archive.fileno()).st_size) as moved:
                _read(archive, beside, moved)
            if user is not None:
                system_user.give(user, beside)
            beside.rename(data)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
            data.with_name(f".{data.name}.lock").unlink(missing_ok=True)
    console.print(f"Restored into {data}. `nebulab up --data-dir {data}` starts it.", soft_wrap=True)


def _become_owner(settings: StackSettings) -> system_user.SystemUser | None:
    """Become the data folder's user, if root calls; return that user where only root may write beside the folder."""
    user = system_user.choose(settings).user
    if user is None or not system_user.may_write(user, settings.data_dir.parent):
        return user
    system_user.become(user, settings.data_dir)
    return None


class _Digest:
    """A hash over names and contents, and their number."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.members = 0

    def begin(self, member: tarfile.TarInfo) -> None:
        self.members += 1
        told = [member.name, member.type.decode(), member.size, member.mode & 0o777, member.linkname]
        self._hash.update(json.dumps(told).encode())

    def update(self, content: bytes) -> None:
        self._hash.update(content)

    def end(self) -> dict[str, Any]:
        return {"format": _FORMAT, "members": self.members, "sha256": self._hash.hexdigest()}


class _Source(io.RawIOBase):
    """A file as tarfile wants it: of the announced length, whatever becomes of it meanwhile."""

    def __init__(self, file: IO[bytes], size: int, digest: _Digest, moved: Moved) -> None:
        self._file, self._left, self._digest, self._moved = file, size, digest, moved
        self.was_short = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._file.read(wanted)
        self.was_short = self.was_short or len(piece) < wanted
        piece = piece.ljust(wanted, b"\0")
        self._left -= wanted
        self._digest.update(piece)
        self._moved(wanted)
        return piece


def _write(archive: IO[bytes], data: Path, databases: dict[Path, Path], moved: Moved) -> list[str]:
    """Write the archive, and return the names of files that it lacks or holds in part."""
    missed: list[str] = []
    digest = _Digest()
    with tarfile.open(fileobj=archive, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_CHUNK) as tar:
        for path in _kept(data):
            name = path.relative_to(data).as_posix()
            try:
                with contextlib.ExitStack() as opened:
                    member, content = _member(tar, databases.get(path, path), name, opened)
                    digest.begin(member)
                    source = _Source(content, member.size, digest, moved) if content else None
                    tar.addfile(member, source)
                    if source is not None and source.was_short:
                        missed.append(name)
            except FileNotFoundError:
                missed.append(name)
        end = json.dumps(digest.end() | {"nebulab": __version__, "made": time.strftime("%Y-%m-%dT%H:%M:%S%z")}).encode()
        last = tarfile.TarInfo(END)
        last.size, last.mode = len(end), 0o600
        tar.addfile(last, io.BytesIO(end))
    return missed


def _member(
    tar: tarfile.TarFile, path: Path, name: str, opened: contextlib.ExitStack
) -> tuple[tarfile.TarInfo, IO[bytes] | None]:
    """Return what the archive says of a file, and the open file; a folder or a link has none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return tar.gettarinfo(path, name), None
    file = opened.enter_context(path.open("rb"))
    member = tar.gettarinfo(arcname=name, fileobj=file)
    # Not as a link to the same file under another name in this archive.
    member.type, member.linkname, member.size = tarfile.REGTYPE, "", os.fstat(file.fileno()).st_size
    return member, file


def _kept(data: Path) -> Iterator[Path]:
    """Yield the folders, files and links that are kept, folders before what is in them."""
    for name in _KEPT:
        top = data / name
        if not top.is_dir():
            yield from [top] if top.is_file() else []
            continue
        yield top
        for folder, below, names in os.walk(top):
            here = Path(folder)
            if here == top:
                below[:] = [each for each in below if each not in _LEFT_OUT]
            for each in (*below, *names):
                path = here / each
                if not each.endswith(_JOURNALS) and _is_kind_that_is_kept(path):
                    yield path


def _is_kind_that_is_kept(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _size(data: Path) -> int:
    total = 0
    for path in _kept(data):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() and not path.is_symlink() else 0
    return total


def _copy_databases(folders: Iterable[Path], into: Path) -> dict[Path, Path]:
    """Copy each database as it is at one moment, and return the copies."""
    copies = {}
    for path in (path for folder in folders for path in folder.glob(_DATABASES)):
        copies[path] = into / path.name
        try:
            with (
                contextlib.closing(
                    sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
                ) as source,
                contextlib.closing(sqlite3.connect(copies[path])) as copy,
            ):
                # In one step: a copy in steps begins anew whenever Galaxy writes between two of them, without an end.
                source.backup(copy)
        except sqlite3.Error as error:
            raise BackupError(f"{path} can't be copied: {error}.", "`nebulab logs galaxy` may tell why.") from error
        copies[path].chmod(stat.S_IMODE(path.stat().st_mode))
    return copies


def _read(archive: IO[bytes], into: Path, moved: Moved) -> None:
    """Unpack the archive; links are made at the end, so that nothing is written through one."""
    digest = _Digest()
    links: list[tuple[Path, str]] = []
    folders: list[tuple[Path, int]] = []
    end: dict[str, Any] = {}
    try:
        with tarfile.open(fileobj=archive, mode="r|", bufsize=_CHUNK) as tar:
            for member in tar:
                if member.name == END:
                    end = json.loads((tar.extractfile(member) or io.BytesIO()).read())
                    break
                path = _place(into, member)
                digest.begin(member)
                if member.isdir():
                    path.mkdir(mode=0o700)
                    folders.append((path, member.mode))
                elif member.issym():
                    links.append((path, member.linkname))
                else:
                    _unpack(tar.extractfile(member), path, member, digest, moved)
    except (tarfile.TarError, EOFError, ValueError, UnicodeError, FileExistsError, FileNotFoundError) as error:
        raise _not_whole(error) from error
    if {name: end.get(name) for name in ("format", "members", "sha256")} != digest.end():
        raise _not_whole("its end is missing, or what is before it has changed")
    for path, target in links:
        path.symlink_to(target)
    for path, mode in reversed(folders):
        path.chmod(mode & 0o777 | stat.S_IRWXU)


def _place(into: Path, member: tarfile.TarInfo) -> Path:
    parts = PurePosixPath(member.name).parts
    if not parts or parts[0] not in _KEPT or ".." in parts or not (member.isreg() or member.isdir() or member.issym()):
        raise ValueError(f"it holds {member.name!r}")
    return into.joinpath(*parts)


def _unpack(content: IO[bytes] | None, path: Path, member: tarfile.TarInfo, digest: _Digest, moved: Moved) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while content is not None and (piece := content.read(_CHUNK)):
            file.write(piece)
            digest.update(piece)
            moved(len(piece))
        file.flush()
        os.fchmod(descriptor, member.mode & 0o777)
        os.fsync(descriptor)
    os.utime(path, (member.mtime, member.mtime))


def _not_whole(reason: object) -> BackupError:
    return BackupError(f"This is no whole backup: {reason}.", "Nothing was restored. Take another one.")


@contextlib.contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror or error}.", "Is there room, and may you write there?") from error


@contextlib.contextmanager
def _progress(console: Console, what: str, total: int) -> Iterator[Moved]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda size: shown.advance(task, size)
