"""Files and folders; runs everywhere.

Atomic replacement (a reader sees the old content or the new one, never a part), folders for their owner alone, JSON
that may be broken, lock files.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


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


def create_empty(path: Path) -> None:
    """Make an empty file at `path` itself, in a folder where others write too: a link that lies there is not followed.

    A folder of that name, or one that somebody puts there at this moment, stays.
    """
    with contextlib.suppress(OSError):
        path.unlink()
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
