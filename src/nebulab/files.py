"""Atomic replacement of files: a reader sees the old content or the new one, never a part; runs everywhere."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path


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
