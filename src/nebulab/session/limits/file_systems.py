"""The file systems that a session writes to, and which of them are nearly full; runs in the session."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nebulab.session.journal import in_words
from nebulab.session.layout import Layout

MAKE_ROOM = "Delete what you don't need, or put it into the history and delete it here."

_SHARE = 0.1
_BYTES = 5 * 2**30
"""A file system is nearly full when less than a tenth of it, and less than this, is free."""
_FILES = 1000
_HYSTERESIS = 1.2
"""Free space, as a multiple of these thresholds, at which a warning is taken back."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mounts")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to


@dataclass(frozen=True)
class FileSystem:
    """A file system, known by one folder in it."""

    folder: Path
    is_in_memory: bool = False
    holds_the_work: bool = False

    def used(self) -> int:
        """Return the bytes in use on it, by all users together."""
        with contextlib.suppress(OSError):
            status = os.statvfs(self.folder)
            return (status.f_blocks - status.f_bfree) * status.f_frsize
        return 0

    def trouble(self, *, warned: bool = False) -> str:
        """Return a warning if it is nearly full, else nothing; a quota on the folder shows as its size.

        Once `warned`, a little more must be free before the warning ends.
        """
        factor = _HYSTERESIS if warned else 1
        try:
            status = os.statvfs(self.folder)
        except OSError:
            return ""
        size, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
        if status.f_files and status.f_favail < min(_FILES, status.f_files * _SHARE) * factor:
            shortage = f"has room for {status.f_favail} more files only"
        elif size and free < min(size * _SHARE, _BYTES) * factor:
            shortage = f"has {in_words(free)} left of {in_words(size)}"
        else:
            return ""
        if self.holds_the_work:
            return f"The disk that holds your files {shortage}, and nothing can be saved when it is full. {MAKE_ROOM}"
        counts = " What lies there counts as memory." if self.is_in_memory else ""
        return f"{self.folder} {shortage}.{counts} Delete what you don't need there, or write to your working folder."


def of_session(layout: Layout, isolation: str) -> list[FileSystem]:
    """Return the file systems that a notebook may fill: that of its files, and in a container those in memory."""
    folders = [layout.root, layout.work]
    if isolation == "container":
        folders += [Path(tempfile.gettempdir()), Path.home(), _SHARED_MEMORY]
    elif isolation == "none":
        folders.append(Path(tempfile.gettempdir()))
    types = _types_by_mount()
    by_device: dict[int, FileSystem] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            type_ = types.get(_mount_of(folder, types), "")
            file_system = FileSystem(folder, type_ in _IN_MEMORY, folder in {layout.root, layout.work})
            by_device.setdefault(folder.stat().st_dev, file_system)
    return list(by_device.values())


def in_memory(file_systems: Iterable[FileSystem]) -> list[FileSystem]:
    """Return the file systems whose content takes the session's memory."""
    return [each for each in file_systems if each.is_in_memory and not each.holds_the_work]


def _types_by_mount() -> dict[Path, str]:
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return {}
    return {Path(line.split()[1]): line.split()[2] for line in lines}


def _mount_of(folder: Path, mounts: Iterable[Path]) -> Path:
    above = [mount for mount in mounts if folder.is_relative_to(mount)]
    return max(above, key=lambda mount: len(mount.parts), default=Path("/"))
