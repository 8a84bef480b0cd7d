"""What an install takes, told before it begins: megabytes, minutes, and whether the disk has room; in a terminal."""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nebulab.errors import InstallError

_MB = 10**6
_NETWORK_MB_A_SECOND = 12.5
"""100 Mbit/s."""
_DISK_MB_A_SECOND = 60.0
"""Unpacking, copying and compiling to bytecode, together."""
_UNPACKED = 0.9
"""What uv's cache keeps of an environment: all but its bytecode."""
_PLAN = re.compile(r"^Would (download|install) (\d+) package", re.MULTILINE)


@dataclass(frozen=True)
class Needs:
    """Megabytes to download at most, and on the disk."""

    download_mb: int
    disk_mb: int

    @property
    def minutes(self) -> int:
        """Minutes on a line of 100 Mbit/s, when nothing was downloaded before."""
        return math.ceil((self.download_mb / _NETWORK_MB_A_SECOND + self.disk_mb / _DISK_MB_A_SECOND) / 60)

    def __str__(self) -> str:
        minutes = "a minute" if self.minutes == 1 else f"{self.minutes} minutes"
        return (
            f"up to {_in_words(self.download_mb)} to download, {_in_words(self.disk_mb)} on the disk; about "
            f"{minutes} at 100 Mbit/s"
        )

    def __add__(self, other: Needs) -> Needs:
        return Needs(self.download_mb + other.download_mb, self.disk_mb + other.disk_mb)


NOTHING = Needs(0, 0)


def _in_words(megabytes: int) -> str:
    return f"{megabytes / 1000:.1f} GB" if megabytes >= 100 else f"{megabytes} MB"


def require_room(needs: Needs, folder: Path, cache: Path, missing: Callable[[], float]) -> None:
    """Refuse an install that the disk has no room for, in `folder` and in uv's `cache`, which may be another disk.

    `missing` tells which share of the packages is not in the cache yet; it is asked only where space is short.

    Raises
    ------
    InstallError
        There is no room; the message has the bytes that are wanted and those that are free.
    """
    short = _short(needs, folder, cache, 1.0) and _short(needs, folder, cache, missing())
    if short is None:
        return
    place, wanted, free = short
    raise InstallError(
        f"The disk of {place} has {free:,} bytes free, and the install needs about {wanted:,}. Nothing was changed.",
        "Make room, or name another folder: NEBULAB_ENVIRONMENTS for the environments, UV_CACHE_DIR for the downloads.",
    )


def share_to_download(plan: str) -> float:
    """Return which share of the packages uv would download, from what it prints for `--dry-run`."""
    counts = {word: int(number) for word, number in _PLAN.findall(plan)}
    return min(1.0, counts.get("download", 0) / counts["install"]) if counts.get("install") else 0.0


def _short(needs: Needs, folder: Path, cache: Path, share: float) -> tuple[Path, int, int] | None:
    """Return the place that lacks room, with the bytes that are wanted and free there."""
    wanted = {_existing(folder): needs.disk_mb * _MB}
    kept = int(needs.disk_mb * _UNPACKED * share) * _MB
    place = _existing(cache)
    same = place.stat().st_dev == _existing(folder).stat().st_dev
    beside = _existing(folder) if same else place
    wanted[beside] = wanted.get(beside, 0) + kept
    for where, amount in wanted.items():
        free = shutil.disk_usage(where).free
        if free < amount:
            return where, amount, free
    return None


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())
