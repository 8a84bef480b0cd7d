"""The folders of an environment that sessions use while it is replaced; runs on one machine.

Its name is a link. A new version is built in a folder beside, the link is led there when all is in it, and the old
folder goes when no session holds it any more.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from nebulab import files
from nebulab.contract import ENVIRONMENT_IN_USE
from nebulab.files import locked

_KEY_LENGTH = 10
_BEFORE = "before"


def free(link: Path, key: str) -> Iterator[Path]:
    """Yield folders for a version of the environment `link` with the hash `key`, beside those that are in use."""
    current = link.resolve()
    name = f"{link.name}-{key[:_KEY_LENGTH]}"
    for number in itertools.count(1):
        folder = link.with_name(name if number == 1 else f"{name}-{number}")
        if folder != current and not _used(folder):
            yield folder


def content(folder: Path) -> Iterator[str]:
    """Yield the names of the packages in the environment at `folder`, and of what belongs to them."""
    for packages in folder.glob("lib/python*/site-packages"):
        yield from (entry.name for entry in os.scandir(packages))


def hold(folder: Path) -> int:
    """Have a folder count as used while the returned descriptor, or a copy of it in another process, is open."""
    path = folder / ENVIRONMENT_IN_USE
    path.touch()
    held = files.hold(path)
    assert held is not None  # noqa: S101 - it was made just now
    return held


def put_in_place(link: Path, folder: Path) -> None:
    """Lead the name `link` to `folder`; whoever opens it finds the old version or the new one."""
    (folder / ENVIRONMENT_IN_USE).touch()
    if link.is_dir() and not link.is_symlink():
        # An environment of a Nebulab that had no links.
        link.rename(next(free(link, _BEFORE)))
    new = link.with_name(f".{link.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(folder.name)
    new.replace(link)


def unused(link: Path) -> list[Path]:
    """Return the folders of old and of unfinished versions that no session holds."""
    current = link.resolve()
    pattern = re.compile(rf"{re.escape(link.name)}-(?:[0-9a-f]{{{_KEY_LENGTH}}}|{_BEFORE})(?:-\d+)?")
    return [
        folder
        for folder in sorted(link.parent.glob(f"{link.name}-*"))
        if pattern.fullmatch(folder.name) and folder != current and not _used(folder)
    ]


def remove(folder: Path) -> None:
    """Delete a folder of an old version, unless a session holds it by now."""
    with locked(folder / ENVIRONMENT_IN_USE, wait=False) as obtained:
        if obtained:
            shutil.rmtree(folder, ignore_errors=True)


def _used(folder: Path) -> bool:
    if not (folder / ENVIRONMENT_IN_USE).exists():
        return False
    with locked(folder / ENVIRONMENT_IN_USE, wait=False) as obtained:
        return not obtained
