"""Disk usage of a session's files, measured by one walk through all that it writes; runs in the session.

Blocks are counted, not lengths: a sparse file counts without its holes, unless it is one of the outputs, which Galaxy
copies in full. The walk follows no link, crosses no mount point, and opens every folder relative to the one before it.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nebulab.files import Extent
from nebulab.linux import descendants
from nebulab.session.journal import in_words, shown
from nebulab.session.layout import Layout

_BLOCK = 512
_DEEPEST = 200
"""Each level keeps a file descriptor open."""
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")
_NAMED = 3


@dataclass(slots=True)
class Part:
    """A part of the usage: a file or a folder of the user's by its name, or files that the session keeps for them."""

    name: str
    bytes: int = 0
    largest: str = ""
    """The largest file in it, below the working folder."""
    largest_bytes: int = 0


@dataclass(frozen=True)
class Usage:
    """Disk usage of all of a session's files."""

    bytes: int
    files: int
    parts: tuple[Part, ...] = field(repr=False)
    """The largest first."""
    seconds: float
    """Duration of the walk."""

    def largest(self) -> str:
        """Return the largest parts in words; a folder of which one file is more than half is named by that file."""
        named = []
        for part in self.parts[:_NAMED]:
            is_one_file = part.largest and part.largest_bytes > part.bytes / 2
            name, size = (part.largest, part.largest_bytes) if is_one_file else (part.name, part.bytes)
            named.append(f"{name} ({in_words(size)})")
        return ", ".join(named)


def measure(layout: Layout, processes: int | None = None) -> Usage:
    """Return the disk usage of the user's working folder and the session's own folders together.

    With `processes`, a pid, deleted files count too as long as a process below it has them open.
    """
    began = time.monotonic()
    walk = _Walk(layout)
    # The working folder first: files that the mirror links to then count under the name that their user knows.
    walk.through(layout.work)
    if not layout.root.is_relative_to(layout.work):
        walk.through(layout.root)
    if processes is not None:
        walk.add_deleted(processes)
    parts = sorted((part for part in walk.parts.values() if part.bytes), key=lambda part: -part.bytes)
    return Usage(sum(part.bytes for part in parts), walk.files, tuple(parts), time.monotonic() - began)


class _Walk:
    def __init__(self, layout: Layout) -> None:
        self._work = str(layout.work)
        self._special = {
            str(layout.overlay): "the packages that you installed",
            str(layout.cache): "fetched datasets",
            str(layout.home): "the HOME folder",
            str(layout.results): "results",
            # Hard links to the user's files; the only ones left of a deleted file, until the mirror's next look.
            str(layout.mirror): "what is kept for Galaxy",
        }
        self._excluded = set(_mount_points())
        self._linked: dict[tuple[int, int], tuple[Part, str]] = {}
        """Where each file that has several names was counted."""
        self._copied: set[tuple[int, int]] = set()
        self._open: set[tuple[int, int]] = set()
        self._devices: set[int] = set()
        self.parts: dict[str, Part] = {}
        self.files = 0
        self._mirrored = self._part(self._special[str(layout.mirror)])

    def through(self, top: Path) -> None:
        with contextlib.suppress(OSError):
            self._through(str(top), os.open(top, _OPEN_FOLDER))
        self._excluded.add(str(top))

    def _through(self, top: str, opened: int) -> None:
        self._devices.add(os.fstat(opened).st_dev)
        own = self._part("the session's own files")
        stack = [(opened, top, iter(_listed(opened)), self._part_of(top, own))]
        while stack:
            folder, path, entries, part = stack[-1]
            entry = next(entries, None)
            if entry is None:
                os.close(folder)
                stack.pop()
                continue
            below = f"{path}/{entry.name}"
            try:
                if entry.is_dir(follow_symlinks=False):
                    if below not in self._excluded and len(stack) < _DEEPEST:
                        inner = os.open(entry.name, _OPEN_FOLDER, dir_fd=folder)
                        part_below = self._part_of(below, self._own_part(path, entry.name, part, "/"))
                        stack.append((inner, below, iter(_listed(inner)), part_below))
                else:
                    status = entry.stat(follow_symlinks=False)
                    self._count(self._own_part(path, entry.name, part), below, status)
            except OSError:
                # Deleted since it was listed, or not readable.
                continue

    def _part_of(self, path: str, otherwise: Part) -> Part:
        name = self._special.get(path)
        return self._part(name) if name else otherwise

    def _own_part(self, path: str, name: str, otherwise: Part, mark: str = "") -> Part:
        """Return a part for an entry right in the working folder, which each has one of its own."""
        return self._part(shown(PurePosixPath(name)) + mark) if path == self._work else otherwise

    def _part(self, name: str) -> Part:
        return self.parts.setdefault(name, Part(name))

    def _count(self, part: Part, path: str, status: os.stat_result) -> None:
        if part is self._mirrored:
            self._count_mirrored(part, path, Extent.of(status))
            return
        self.files += 1
        if status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            if identity in self._linked:
                return
            self._linked[identity] = part, path
        size = status.st_blocks * _BLOCK
        self._add(part, path, size, size)

    def _count_mirrored(self, part: Part, path: str, extent: Extent) -> None:
        """Count a file of the outputs, of which Galaxy makes one copy for each name, as long as the file."""
        size = extent.copied
        if extent.identity in self._linked:
            # Its blocks were counted under the user's own name for it.
            part, path = self._linked[extent.identity]
            if extent.identity not in self._copied:
                size = extent.holes
        self._copied.add(extent.identity)
        self._add(part, path, size, extent.copied)

    def _add(self, part: Part, path: str, size: int, whole: int) -> None:
        part.bytes += size
        if whole > part.largest_bytes:
            part.largest_bytes = whole
            at = PurePosixPath(path)
            part.largest = shown(at.relative_to(self._work)) if at.is_relative_to(self._work) else ""

    def add_deleted(self, root: int) -> None:
        part = self._part("deleted files that a program still has open")
        for status in open_files(root):
            identity = (status.st_dev, status.st_ino)
            if status.st_nlink == 0 and status.st_dev in self._devices and identity not in self._open:
                self._open.add(identity)
                part.bytes += status.st_blocks * _BLOCK


def _listed(folder: int) -> list[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _mount_points() -> Iterator[str]:
    """Return the mount points: the file system at each is measured by itself."""
    with contextlib.suppress(OSError):
        for line in _MOUNTS.read_text(errors="surrogateescape").splitlines():
            yield _OCTAL.sub(lambda match: chr(int(match[1], 8)), line.split()[4])


def open_files(root: int) -> Iterator[os.stat_result]:
    """Return the regular files that the processes below `root` have open."""
    for pid in descendants(root):
        yield from _regular(f"/proc/{pid}/fd")


def _regular(folder: str) -> Iterable[os.stat_result]:
    with contextlib.suppress(OSError):
        for descriptor in Path(folder).iterdir():
            with contextlib.suppress(OSError):
                status = descriptor.stat()
                if stat.S_ISREG(status.st_mode):
                    yield status
