"""Files as Git wrote them, by the status that it keeps of each in `.git/index`; runs in the session.

A user who clones a repository in a terminal has not edited its notebooks. Git itself is not asked: it would run what
the repository's configuration names. The index is written by the user's programs and trusted with nothing: it can only
hide its own repository's notebooks from the collection of edited ones.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nebulab.session.outputs.scan import ScannedFile

_HEADER = struct.Struct(">4sLL")
_STATUS = struct.Struct(">10L")
_HASHES = (20, 32)
"""Bytes of an object's name, by SHA-1 or SHA-256."""
_FLAGS = struct.Struct(">H")
_EXTENDED, _NAME_LENGTH = 0x4000, 0x0FFF
_LARGEST_INDEX = 64 * 2**20
_LONGEST_NANOSECONDS = 60 * 10**9
"""A lock that stays longer is one that a killed Git has left behind."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Status = tuple[int, int, int]
"""Seconds and nanoseconds of the modification, and the size modulo 2^32."""


class Repositories:
    """The repositories below a working folder; each index is read again when it has changed."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._read: dict[PurePosixPath, tuple[tuple[int, int, int], dict[bytes, Status]]] = {}

    def wrote(self, file: ScannedFile) -> bool:
        """Whether the file is as Git has written it, or as it was when Git looked at it last."""
        for folder in file.path.parents:
            statuses = self._statuses(folder)
            if statuses is not None:
                status = statuses.get(os.fsencode(str(file.path.relative_to(folder))))
                seconds, nanoseconds = divmod(file.modified, 10**9)
                # Some builds of Git keep no parts of a second.
                known = {(seconds, nanoseconds, file.size % 2**32), (seconds, 0, file.size % 2**32)}
                return status in known
        return False

    def are_at_work_on(self, file: ScannedFile) -> bool:
        """Whether Git is writing the file's repository: files come first, their index last."""
        if time.time_ns() - file.modified > _LONGEST_NANOSECONDS:
            return False
        for folder in file.path.parents:
            with contextlib.suppress(OSError), self._git_folder(folder) as git:
                names = set(os.listdir(git))  # noqa: PTH208 - of a descriptor
                return "index.lock" in names or "index" not in names
        return False

    def _statuses(self, folder: PurePosixPath) -> dict[bytes, Status] | None:
        """Return the statuses of a repository's files by their paths, or None if the folder is no repository's."""
        try:
            with self._git_folder(folder) as git:
                descriptor = os.open("index", _OPEN, dir_fd=git)
        except OSError:
            return None
        try:
            state = os.fstat(descriptor)
            version = (state.st_ino, state.st_mtime_ns, state.st_size)
            if folder not in self._read or self._read[folder][0] != version:
                is_index = stat.S_ISREG(state.st_mode) and state.st_size <= _LARGEST_INDEX
                with os.fdopen(os.dup(descriptor), "rb") as file:
                    self._read[folder] = version, statuses(file.read(_LARGEST_INDEX)) if is_index else {}
        finally:
            os.close(descriptor)
        return self._read[folder][1]

    @contextlib.contextmanager
    def _git_folder(self, folder: PurePosixPath) -> Iterator[int]:
        """Open the folder's `.git`, following no link on the way."""
        with contextlib.ExitStack() as stack:
            beneath = os.open(self._work, _OPEN | os.O_DIRECTORY)
            stack.callback(os.close, beneath)
            for part in (*folder.parts, ".git"):
                beneath = os.open(part, _OPEN | os.O_DIRECTORY, dir_fd=beneath)
                stack.callback(os.close, beneath)
            yield beneath


def statuses(index: bytes) -> dict[bytes, Status]:
    """Return the statuses in an index of Git's (versions 2 to 4) by path; nothing for one that can't be read."""
    for size in _HASHES:
        with contextlib.suppress(struct.error, ValueError, IndexError):
            return _parsed(index, size)
    return {}


def _parsed(index: bytes, hash_size: int) -> dict[bytes, Status]:
    magic, version, count = _HEADER.unpack_from(index)
    if magic != b"DIRC" or version not in {2, 3, 4}:
        raise ValueError("no index")
    found: dict[bytes, Status] = {}
    place, path = _HEADER.size, b""
    for _ in range(count):
        begin = place
        fields = _STATUS.unpack_from(index, place)
        place += _STATUS.size + hash_size
        (flags,) = _FLAGS.unpack_from(index, place)
        place += _FLAGS.size * (2 if flags & _EXTENDED else 1)
        if version == 4:
            cut, place = _varint(index, place)
            path = path[: len(path) - cut]
        else:
            path = b""
        end = index.index(b"\0", place)
        path += index[place:end]
        if flags & _NAME_LENGTH not in {_NAME_LENGTH, len(path)}:
            raise ValueError("another hash")
        # Up to version 3 an entry is padded to a multiple of eight bytes.
        place = end + 1 if version == 4 else begin + (end - begin + 8) // 8 * 8
        found[path] = (fields[2], fields[3], fields[9])
    return found


def _varint(index: bytes, place: int) -> tuple[int, int]:
    value = index[place] & 0x7F
    while index[place] & 0x80:
        place += 1
        value = ((value + 1) << 7) | (index[place] & 0x7F)
    return value, place + 1
