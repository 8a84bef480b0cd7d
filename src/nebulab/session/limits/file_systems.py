"""The file systems that a session writes to, and which of them are nearly full; runs in the session."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nebulab.linux import descendants, unescaped
from nebulab.session.journal import in_words
from nebulab.session.layout import Layout

MAKE_ROOM = "Delete what you don't need, or put it into the history and delete it here."

_SHARE = 0.1
_BYTES = 5 * 2**30
"""A file system is nearly full when less than a tenth of it, and less than this, is free."""
_FILES = 1000
_MOUNTED_SECONDS = 5.0
"""Between two searches for what is mounted in a sandbox, which go through all processes."""
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
    at: Path | None = field(default=None, compare=False)
    """Where to look, if it is mounted in another namespace than this process's."""

    def used(self) -> int:
        """Return the bytes in use on it, by all users together."""
        with contextlib.suppress(OSError):
            status = os.statvfs(self.at or self.folder)
            return (status.f_blocks - status.f_bfree) * status.f_frsize
        return 0

    def free(self) -> int | None:
        """Return the bytes that this user may still write to it, or None if it can't be asked."""
        with contextlib.suppress(OSError):
            status = os.statvfs(self.at or self.folder)
            return status.f_bavail * status.f_frsize
        return None

    def trouble(self, *, warned: bool = False) -> str:
        """Return a warning if it is nearly full, else nothing; a quota on the folder shows as its size.

        Once `warned`, a little more must be free before the warning ends.
        """
        factor = _HYSTERESIS if warned else 1
        try:
            status = os.statvfs(self.at or self.folder)
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


class Writable:
    """The file systems that a notebook may fill, as they are when it is iterated over, seconds ago at most.

    With `process`, a pid, those in memory that only processes below it see, such as a sandbox's, are among them.
    """

    def __init__(self, lasting: Sequence[FileSystem], process: int | None = None) -> None:
        self._lasting = tuple(lasting)
        self._process = process
        self._mounted: list[FileSystem] = []
        self._looked = -math.inf

    def __iter__(self) -> Iterator[FileSystem]:
        yield from self._lasting
        if self._process is not None:
            if time.monotonic() - self._looked > _MOUNTED_SECONDS:
                self._mounted, self._looked = _mounted_below(self._process), time.monotonic()
            yield from self._mounted


def of_session(layout: Layout, isolation: str, process: int) -> Writable:
    """Return the file systems that the programs below `process` may fill: that of their files, and those in memory."""
    return Writable(_lasting(layout, isolation), process if isolation == "bubblewrap" else None)


def _lasting(layout: Layout, isolation: str) -> list[FileSystem]:
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


def _mounted_below(process: int) -> list[FileSystem]:
    """Return the file systems in memory in the mount namespaces of the processes below `process` alone."""
    own = Path("/proc/self/ns/mnt").readlink()
    by_namespace: dict[Path, int] = {}
    for pid in descendants(process):
        with contextlib.suppress(OSError):
            by_namespace.setdefault(Path(f"/proc/{pid}/ns/mnt").readlink(), pid)
    here = {device for device, _ in _tmpfs("self")}
    found: dict[int, FileSystem] = {}
    for namespace, pid in by_namespace.items():
        if namespace == own:
            continue
        for device, folder in _tmpfs(str(pid)):
            at = Path(f"/proc/{pid}/root{folder}")
            with contextlib.suppress(OSError):
                # Another one may be mounted over it.
                if device not in here and at.stat().st_dev == device:
                    found.setdefault(device, FileSystem(folder, is_in_memory=True, at=at))
    return list(found.values())


def _tmpfs(process: str) -> Iterator[tuple[int, Path]]:
    """Return the device and the mount point of each file system in memory that a process sees."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/mountinfo").read_text(errors="surrogateescape").splitlines():
            mount, _, file_system = line.partition(" - ")
            if file_system.split()[0] in _IN_MEMORY:
                _, _, device, _, folder = mount.split()[:5]
                yield os.makedev(*map(int, device.split(":"))), Path(unescaped(folder))


def _types_by_mount() -> dict[Path, str]:
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return {}
    return {Path(line.split()[1]): line.split()[2] for line in lines}


def _mount_of(folder: Path, mounts: Iterable[Path]) -> Path:
    above = [mount for mount in mounts if folder.is_relative_to(mount)]
    return max(above, key=lambda mount: len(mount.parts), default=Path("/"))
