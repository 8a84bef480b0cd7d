"""Download of a dataset into a file: streamed, resumed, verified, atomic; runs everywhere."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from nebulab.errors import DiskFull, HashMismatch, TransferIncomplete
from nebulab.files import replacing
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.digest import FUNCTIONS, Digest
from nebulab.galaxy.progress import Progress, Silent, in_bytes
from nebulab.galaxy.reading import Content, ContentChanged

# Interval of write-back, which would else be left for fsync at the end.
_FLUSH_BYTES = 1 << 25
_ATTEMPTS = 3
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def download(
    galaxy: Galaxy, dataset_id: str, target: Path, *, label: str = "", progress: Progress | None = None
) -> Path:
    """Write the content of a dataset to the file `target` and return it.

    The content goes to a hidden file in the same folder, which gets the final name once it is complete, verified and on
    the disk. Memory stays constant. A composite dataset arrives as Galaxy packs it, as a zip archive.

    Raises
    ------
    DiskFull
        The disk has no room for it; the message says how much is needed.
    TransferIncomplete, HashMismatch
        The content that arrived differs from Galaxy's.
    GalaxyAway, GalaxyError
    """
    progress = progress or Silent()
    target.parent.mkdir(parents=True, exist_ok=True)
    attempts = 0
    while True:
        dataset = galaxy.get(f"datasets/{dataset_id}")
        label = label or dataset["name"]
        try:
            return _attempt(galaxy, dataset, target, label, progress)
        except ContentChanged as error:
            attempts += 1
            if attempts == _ATTEMPTS:
                raise TransferIncomplete(
                    f"The content of {label} did not stay the same long enough to be read: {error}.",
                    "Try again once nothing writes to it.",
                ) from error


def _attempt(galaxy: Galaxy, dataset: dict[str, Any], target: Path, label: str, progress: Progress) -> Path:
    digest, expected = _expected_hash(dataset)
    try:
        with replacing(target) as part:
            with part.open("wb", buffering=0) as file, Content(galaxy, dataset["id"]) as content:
                progress.start(label, content.size)
                try:
                    size = _copy(content, file.fileno(), target.parent, digest, progress)
                    _verify(label, dataset, content.size, size, digest, expected)
                    os.fsync(file.fileno())
                except BaseException as error:
                    progress.finish(str(error) or type(error).__name__)
                    raise
            part.chmod(0o644)
        progress.finish()
        return target
    finally:
        if digest is not None:
            digest.close()


def _copy(content: Content, file: int, folder: Path, digest: Digest | None, progress: Progress) -> int:
    """Copy everything and return its length in bytes."""
    check_room(folder, content.size or 0)
    position = 0
    while chunk := content.chunk():
        try:
            _write(file, chunk)
        except OSError as error:
            if error.errno in _FULL:
                raise _disk_full(folder, (content.size or position) - position) from error
            raise
        if digest is not None:
            digest.update(chunk, position)
        if (position + len(chunk)) // _FLUSH_BYTES != position // _FLUSH_BYTES:
            _begin_flush(file, position)
        position += len(chunk)
        progress.update(position)
    return position


def _write(file: int, chunk: bytes) -> None:
    remaining = memoryview(chunk)
    while remaining:
        remaining = remaining[os.write(file, remaining) :]


def _begin_flush(file: int, position: int) -> None:
    """Start write-back of the bytes written, without waiting; a hint that not every system has."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file, max(position - _FLUSH_BYTES, 0), _FLUSH_BYTES, os.POSIX_FADV_DONTNEED)


def _verify(
    label: str, dataset: dict[str, Any], announced: int | None, size: int, digest: Digest | None, expected: str
) -> None:
    # Only an archive that Galaxy packs on the fly is sent without a length.
    if announced is not None and dataset["state"] == "ok" and dataset.get("file_size") not in (None, announced):
        raise TransferIncomplete(
            f"{label} has {dataset['file_size']} bytes in Galaxy, but {announced} were sent.",
            "Does a server between change what it passes on? Try again, and tell Galaxy's administrators.",
        )
    if announced is not None and size != announced:
        raise TransferIncomplete(f"{label} has {announced} bytes, but {size} arrived.", "Try again.")
    if digest is not None and announced is not None and digest.value() != expected:
        raise HashMismatch(
            f"What arrived of {label} is not what Galaxy holds: its {digest.function} differs.", "Try again."
        )


def _expected_hash(dataset: dict[str, Any]) -> tuple[Digest | None, str]:
    """Return a digest for the fastest of the hashes that Galaxy has of the content, and the expected value."""
    hashes = {
        entry["hash_function"]: entry["hash_value"]
        for entry in dataset.get("hashes") or []
        if not entry.get("extra_files_path")
    }
    for function in FUNCTIONS:
        if function in hashes:
            return Digest(function), hashes[function].lower()
    return None, ""


def check_room(folder: Path, needed: int) -> None:
    """Raise DiskFull unless the disk of `folder` has room for `needed` bytes."""
    if needed > shutil.disk_usage(folder).free:
        raise _disk_full(folder, needed)


def _disk_full(folder: Path, needed: int) -> DiskFull:
    free = shutil.disk_usage(folder).free
    return DiskFull(
        f"The disk of {folder} is full: {in_bytes(needed)} are needed, {in_bytes(free)} are free.",
        "Delete files that you no longer need, or read the dataset with .open(), which keeps nothing.",
    )
