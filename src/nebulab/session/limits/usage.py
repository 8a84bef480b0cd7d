"""Disk usage of a session's files, measured by one walk through all that it writes; runs in the session.

Blocks are counted, not lengths: a sparse file counts without its holes, unless it is one of the outputs, which Galaxy
copies in full. The walk follows no link, crosses no mount point, and opens every folder relative to the one before it.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from nebulab.files import Extent
from nebulab.linux import descendants, unescaped
from nebulab.session.journal import in_words, shown
from nebulab.session.layout import Layout

_BLOCK = 512
_OPEN = 64
_DEEP_OPEN = 32
"""Of a path with more folders than `_OPEN`, the last of these are open at a time: descriptors are few."""
_LONGEST_PATH = 4000
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MOUNTS = Path("/proc/self/mountinfo")
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


def measure(layout: Layout, processes: int | None = None, deleted: dict[tuple[int, int], int] | None = None) -> Usage:
    """Return the disk usage of the user's working folder and the session's own folders together.

    With `processes`, a pid, deleted files count too as long as a process below it has them open or mapped; `deleted`
    keeps what is known of them from one walk to the next.
    """
    began = time.monotonic()
    walk = _Walk(layout)
    # The working folder first: files that the mirror links to then count under the name that their user knows.
    walk.through(layout.work)
    if not layout.root.is_relative_to(layout.work):
        walk.through(layout.root)
    if processes is not None:
        walk.add_deleted(processes, {} if deleted is None else deleted)
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
        stack = [self._listed(opened, top, self._part_of(top, self._part("the session's own files")))]
        while stack:
            level = stack[-1]
            if level.folders:
                name = level.folders.pop()
                # A folder that was moved, deleted or replaced since it was listed counts at the next walk.
                with contextlib.suppress(OSError):
                    inner = os.open(name, _OPEN_FOLDER, dir_fd=level.opened)
                    below = _below(level.path, name)
                    part = self._part_of(below, self._own_part(level.path, name, level.part, "/"))
                    stack.append(self._listed(inner, below, part))
                    if len(stack) > _OPEN:
                        stack[-_DEEP_OPEN].close()
                continue
            stack.pop()
            if stack:
                stack[-1].reopen(level.opened)
            level.close()

    def _listed(self, opened: int, path: str, part: Part) -> _Level:
        """List an open folder: count its files, and return it with the names of its folders."""
        level = _Level(opened, path, part)
        with contextlib.suppress(OSError), os.scandir(opened) as entries:
            for entry in entries:
                # Deleted since it was listed, or not readable.
                with contextlib.suppress(OSError):
                    below = _below(path, entry.name)
                    if not entry.is_dir(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        self._count(self._own_part(path, entry.name, part), below, status)
                    elif below not in self._excluded:
                        level.folders.append(entry.name)
        return level

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

    def add_deleted(self, root: int, estimates: dict[tuple[int, int], int]) -> None:
        part = self._part("deleted files that a program still has open")
        before = dict(estimates)
        estimates.clear()
        sizes: dict[tuple[int, int], int] = {}
        for file in deleted_files(root, self._devices):
            size = file.bytes
            if file.is_estimate:
                # What is mapped now may be a part of it: it takes at least what was mapped before.
                size = estimates[file.identity] = max(size, before.get(file.identity, 0))
            sizes[file.identity] = max(size, sizes.get(file.identity, 0))
        part.bytes += sum(sizes.values())


class _Level:
    """A folder on the way down, with the folders in it that are left; a deep one is closed while those are walked."""

    __slots__ = ("_identity", "folders", "opened", "part", "path")

    def __init__(self, opened: int, path: str, part: Part) -> None:
        status = os.fstat(opened)
        self.opened = opened
        self.path = path
        self.part = part
        self.folders: list[str] = []
        self._identity = (status.st_dev, status.st_ino)

    def close(self) -> None:
        if self.opened >= 0:
            os.close(self.opened)
            self.opened = -1

    def reopen(self, inner: int) -> None:
        """Open the folder again from one in it; if that was moved meanwhile, leave out the rest."""
        if self.opened >= 0:
            return
        with contextlib.suppress(OSError):
            opened = os.open("..", _OPEN_FOLDER, dir_fd=inner)
            status = os.fstat(opened)
            if (status.st_dev, status.st_ino) == self._identity:
                self.opened = opened
                return
            os.close(opened)
        self.folders.clear()


def _below(path: str, name: str) -> str:
    """Return an entry's path; one that is too long to be opened by its path keeps that of a folder above."""
    return f"{path}/{name}" if len(path) < _LONGEST_PATH else path


def _mount_points() -> Iterator[str]:
    """Return the mount points: the file system at each is measured by itself."""
    with contextlib.suppress(OSError):
        for line in _MOUNTS.read_text(errors="surrogateescape").splitlines():
            yield unescaped(line.split()[4])


@dataclass(frozen=True, slots=True)
class Deleted:
    """A deleted file that still takes room; `identity` is its device and inode."""

    identity: tuple[int, int]
    bytes: int
    is_estimate: bool = False
    """Whether this is how much of it a process has mapped: the kernel shows more to root alone."""


def deleted_files(root: int, devices: Collection[int]) -> Iterator[Deleted]:
    """Return the deleted files on `devices` that the processes below `root` have open or mapped."""
    for pid in descendants(root):
        yield from _opened(pid, devices)
        yield from _mapped(pid, devices)


def _opened(pid: int, devices: Collection[int]) -> Iterator[Deleted]:
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield from _if_deleted(descriptor.stat(), devices)


def _mapped(pid: int, devices: Collection[int]) -> Iterator[Deleted]:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").split("\n"):
            if not line.endswith(" (deleted)"):
                continue
            addresses, _, offset, numbers, inode, _ = line.split(maxsplit=5)
            start, end = (int(address, 16) for address in addresses.split("-"))
            try:
                yield from _if_deleted(Path(f"/proc/{pid}/map_files/{start:x}-{end:x}").stat(), devices)
            except OSError:
                device = os.makedev(*(int(number, 16) for number in numbers.split(":")))
                if device in devices:
                    yield Deleted((device, int(inode)), int(offset, 16) + end - start, is_estimate=True)


def _if_deleted(status: os.stat_result, devices: Collection[int]) -> Iterator[Deleted]:
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0 and status.st_dev in devices:
        yield Deleted((status.st_dev, status.st_ino), status.st_blocks * _BLOCK)
