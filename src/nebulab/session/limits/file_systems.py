"""The file systems that a session writes to, and which of them are nearly full; runs in the session."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nebulab.session.layout import Layout
from nebulab.session.limits.usage import in_words

MAKE_ROOM = "Delete what you don't need, or put it into the history and delete it here."

_SHARE = 0.1
_BYTES = 5 * 2**30
"""Nearly full is what has less than a tenth left, and less than this."""
_FILES = 1000
_BACK = 1.2
"""Times so much must be left before it counts as room again."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MOUNTS = Path("/proc/self/mounts")
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, not written to


@dataclass(frozen=True)
class Room:
    """A file system, by a folder of it."""

    place: Path
    is_in_memory: bool = False
    holds_the_work: bool = False

    def used(self) -> int:
        """Return the bytes that everybody together has written to it."""
        with contextlib.suppress(OSError):
            found = os.statvfs(self.place)
            return (found.f_blocks - found.f_bfree) * found.f_frsize
        return 0

    def trouble(self, *, told: bool = False) -> str:
        """Return what to tell where it is nearly full, else nothing; a quota on the folder shows as its size.

        Once `told`, a little more must be left.
        """
        factor = _BACK if told else 1
        try:
            found = os.statvfs(self.place)
        except OSError:
            return ""
        size, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
        if found.f_files and found.f_favail < min(_FILES, found.f_files * _SHARE) * factor:
            left = f"has room for {found.f_favail} more files only"
        elif size and free < min(size * _SHARE, _BYTES) * factor:
            left = f"has {in_words(free)} left of {in_words(size)}"
        else:
            return ""
        if self.holds_the_work:
            return f"The disk that holds your files {left}, and nothing can be saved when it is full. {MAKE_ROOM}"
        counts = " What lies there counts as memory." if self.is_in_memory else ""
        return f"{self.place} {left}.{counts} Delete what you don't need there, or write to your working folder."


def rooms(layout: Layout, isolation: str) -> list[Room]:
    """Return the file systems that a notebook may fill: that of its files, and in a container those in memory."""
    places = [layout.root, layout.work]
    if isolation == "container":
        places += [Path(tempfile.gettempdir()), Path.home(), _SHARED_MEMORY]
    elif isolation == "none":
        places.append(Path(tempfile.gettempdir()))
    kinds = _kinds()
    found: dict[int, Room] = {}
    for place in places:
        with contextlib.suppress(OSError):
            kind = kinds.get(_mount_of(place, kinds), "")
            room = Room(place, kind in _IN_MEMORY, place in {layout.root, layout.work})
            found.setdefault(place.stat().st_dev, room)
    return list(found.values())


def in_memory(found: Iterable[Room]) -> list[Room]:
    """Return those whose content takes the session's memory."""
    return [room for room in found if room.is_in_memory and not room.holds_the_work]


def _kinds() -> dict[Path, str]:
    try:
        lines = _MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return {}
    return {Path(line.split()[1]): line.split()[2] for line in lines}


def _mount_of(place: Path, kinds: Iterable[Path]) -> Path:
    below = [mount for mount in kinds if place.is_relative_to(mount)]
    return max(below, key=lambda mount: len(mount.parts), default=Path("/"))
