"""Files and folders; runs everywhere.

Atomic replacement (a reader sees the old content or the new one, never a part), folders for their owner alone, JSON
that may be broken, lock files, files that patterns match, and what a copy of a file would take.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import fnmatch
import getpass
import json
import os
import posixpath
import shutil
import stat
import tempfile
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

_CACHES = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})
_BLOCK = 512
_ROUNDING = 2**16
"""Bytes that a small file's blocks may lack: some file systems keep its content elsewhere."""


@contextlib.contextmanager
def replacing(path: Path, beside: str = "") -> Iterator[Path]:
    """Yield a temporary file beside `path`; it is renamed to `path` when the block ends, or deleted if that raises.

    Its name is `beside`, or by default a new unique one, readable by its owner alone, which neither another thread nor
    an existing link can collide with.
    """
    if beside:
        part = path.with_name(beside)
    else:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=".part", dir=path.parent)
        os.close(descriptor)
        part = Path(name)
    try:
        yield part
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def write_private(path: Path, content: str | bytes, mode: int = 0o600) -> None:
    """Replace `path` by a file with `content`, readable by its owner alone unless `mode` allows more."""
    with replacing(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        part.chmod(mode)


def replace(path: Path, content: bytes | Path) -> None:
    """Replace the content of `path`, which keeps its mode; `content` may be a file's path.

    Raises
    ------
    OSError
        It failed. The old content stays, unless the file is a mount point, which can only be overwritten.
    """
    try:
        with replacing(path, f".{path.name}.{os.getpid()}") as part:
            _fill(part, content)
            with contextlib.suppress(FileNotFoundError):
                part.chmod(stat.S_IMODE(path.stat().st_mode))
    except OSError as error:
        if error.errno not in {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EROFS}:
            raise
        _fill(path, content)


def _fill(path: Path, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        shutil.copyfile(content, path)


def this_user() -> str:
    """Return the name of the system user, or its number where the machine has no name for it, as in a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # Python 3.13 made it an OSError
        return f"uid {os.getuid()}"


def private_folder(path: Path) -> Path:
    """Make the folder `path` for its owner alone, and return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in `path`; an absent or broken file gives an empty one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock file `path`, which frees itself when this process dies; yield whether it was obtained.

    With `wait` the call blocks until another holder lets go.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def hold(path: Path) -> int | None:
    """Hold the lock file `path` together with others until this process ends; return its descriptor.

    None where there is no such file. While somebody holds it, nobody else obtains it by `locked`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def matches(path: str, pattern: str) -> bool:
    """Return whether a pattern matches: `*` stands for any characters, `?` for one, a bracket for itself."""
    return fnmatch.fnmatchcase(path, _literal(pattern))


def matching(folder: Path, pattern: str, *, deep: bool = True) -> Iterator[str]:
    """Yield the files below `folder` that a pattern matches, as relative paths.

    Of a folder that it matches all files, those in folders below only with `deep`; hidden files and caches are none.
    """
    for path in sorted(folder.glob(_literal(pattern))) if "*" in pattern or "?" in pattern else [folder / pattern]:
        if path.is_dir():
            for inner, folders, names in os.walk(path):
                folders[:] = sorted(name for name in folders if name not in _CACHES) if deep else []
                yield from (below(Path(inner) / name, folder) for name in sorted(names) if not name.startswith("."))
        elif path.is_file():
            yield below(path, folder)


def below(path: Path, folder: Path) -> str:
    """Return a file's path from a folder, with slashes."""
    return posixpath.normpath(os.path.relpath(path, folder))


def _literal(pattern: str) -> str:
    """Return a pattern in which a bracket is a bracket."""
    return pattern.replace("[", "[[]")


def create_empty(path: Path) -> None:
    """Make an empty file at `path` itself, in a folder where others write too: a link that lies there is not followed.

    A folder of that name, or one that somebody puts there at this moment, stays.
    """
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


@dataclass(frozen=True, slots=True)
class Extent:
    """A file's length and its blocks on the disk, in bytes; `identity` is its device and inode.

    A file of holes (sparse) is longer than its blocks; a copy that knows no holes takes the length.
    """

    identity: tuple[int, int]
    length: int
    blocks: int

    @classmethod
    def of(cls, status: os.stat_result) -> Extent:
        """Return the extent of a file that was looked at."""
        return cls((status.st_dev, status.st_ino), status.st_size, status.st_blocks * _BLOCK)

    @property
    def copied(self) -> int:
        """The bytes of a copy without holes."""
        return max(self.length, self.blocks)

    @property
    def holes(self) -> int:
        """The bytes that a copy takes beyond the file itself."""
        return self.copied - self.blocks


Key = TypeVar("Key", bound=Hashable)


def uncopyable(files: Mapping[Key, Extent], *, limit: int | None, free: int) -> set[Key]:
    """Return the files of which there is no room for copies without holes.

    Files without holes always have room: whoever wrote them has kept the limit. Of the others, the shortest first, as
    many as fit: all copies together within `limit` bytes, what they take beyond the files themselves within `free`. A
    further name of the same file is copied once more, and counts as a hole.
    """
    total, beyond = 0, 0
    seen: set[tuple[int, int]] = set()
    doubtful: list[tuple[int, int, Key]] = []
    for key, extent in files.items():
        holes = extent.copied if extent.identity in seen else extent.holes
        seen.add(extent.identity)
        if holes > _ROUNDING:
            doubtful.append((extent.copied, holes, key))
        else:
            total += extent.copied
    left = set()
    for copied, holes, key in sorted(doubtful, key=lambda one: one[0]):
        if beyond + holes > free or (limit is not None and total + copied > limit):
            left.add(key)
        else:
            total, beyond = total + copied, beyond + holes
    return left
