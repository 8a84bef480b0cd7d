"""One download or upload of the Galaxy panel, as a process that JupyterLab starts and ends; runs in the kernels'
environment."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nebulab.errors import GalaxyAway, SettingsError
from nebulab.galaxy.cache import elements, file_name, safe_name
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.download import check_room, download
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.kernel.acting import Say, main
from nebulab.kernel.putting import datatype
from nebulab.kernel.settings import KernelSettings

_PATIENCE_SECONDS = 600.0
"""A transfer goes on where it was when Galaxy is back within this time."""
_SAY_SECONDS = 0.25
_MOST_NAMES = 10_000


class Reporter:
    """Says how far a transfer of one or several files is; see `nebulab.galaxy.progress.Progress`."""

    def __init__(self, say: Say, total: int | None = None) -> None:
        self._say = say
        self._whole = total
        self._before = 0
        self._done = 0
        self._total: int | None = None
        self._next = 0.0

    def start(self, label: str, total: int | None) -> None:
        """Begin a file."""
        self._done, self._total = 0, total
        self._tell()

    def update(self, done: int) -> None:
        """Say the new position, if the last one was said long enough ago."""
        self._done = done
        if time.monotonic() >= self._next:
            self._tell()

    def finish(self, error: str = "") -> None:
        """End a file."""
        self._tell()
        self._before += self._done
        self._done = 0

    def _tell(self) -> None:
        self._next = time.monotonic() + _SAY_SECONDS
        self._say({"done": self._before + self._done, "total": self._whole if self._whole is not None else self._total})


def move(wish: dict[str, Any], say: Say) -> dict[str, Any]:
    """Do what the wish says.

    Raises
    ------
    DatasetNotReady, DatasetFailed, TransferError, QuotaExceeded, GalaxyAway, GalaxyError
    """
    settings = KernelSettings.from_environment()
    try:
        with Galaxy(GalaxySettings(settings.url, settings.key, _PATIENCE_SECONDS)) as galaxy:
            return take(galaxy, wish, say) if wish["do"] == "download" else bring(galaxy, wish, say)
    except GalaxyAway as error:
        raise GalaxyAway("Galaxy does not answer.", "Nothing was lost here. Try again once Galaxy is back.") from error
    except OSError as error:
        raise SettingsError(f"It can't be read or written: {error.strerror or error}.", "Choose another folder.") from (
            error
        )


def take(galaxy: Galaxy, wish: dict[str, Any], say: Say) -> dict[str, Any]:
    """Download a dataset to a file of the folder, or a collection to a folder of it; nothing there is replaced."""
    folder, root = Path(wish["folder"]), Path(wish["root"])
    if wish["kind"] == "collection":
        answer = galaxy.get(f"histories/{wish['history']}/contents/dataset_collections/{wish['id']}")
        path = _collection(galaxy, Item.from_answer(answer), folder, say)
    else:
        item = Item.from_answer(galaxy.get(f"datasets/{wish['id']}"))
        item.check_ready()
        path = _file(galaxy, item, folder, Reporter(say))
    return {"path": os.path.relpath(path, root)}


def _file(galaxy: Galaxy, item: Item, folder: Path, progress: Reporter) -> Path:
    path = _reserved_file(folder, file_name(item))
    try:
        return download(galaxy, item.id, path, label=item.name, progress=progress)
    except BaseException:
        # What was reserved and not written.
        if path.stat().st_size == 0:
            path.unlink()
        raise


def _collection(galaxy: Galaxy, collection: Item, folder: Path, say: Say) -> Path:
    found = list(elements(galaxy, collection))
    for _, item in found:
        item.check_ready()
    total = sum(item.size or 0 for _, item in found)
    check_room(folder, total)
    top = _reserved_folder(folder, safe_name(collection.name))
    progress = Reporter(say, total)
    for parts, item in found:
        below = top.joinpath(*map(safe_name, parts[:-1]))
        below.mkdir(parents=True, exist_ok=True)
        _file(galaxy, replace(item, name=parts[-1]), below, progress)
    return top


def _reserved_file(folder: Path, name: str) -> Path:
    """Make an empty file with this name, or with the first number after it that is free, and return its path."""
    for path in _candidates(folder, name):
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            continue
        return path
    raise SettingsError(f"The folder has too many files named {name}.", "Choose another folder.")


def _reserved_folder(folder: Path, name: str) -> Path:
    for path in _candidates(folder, name):
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise SettingsError(f"The folder has too many folders named {name}.", "Choose another folder.")


def _candidates(folder: Path, name: str) -> Iterator[Path]:
    yield folder / name
    for number in range(2, _MOST_NAMES):
        yield folder / f"{Path(name).stem}-{number}{Path(name).suffix}"


def bring(galaxy: Galaxy, wish: dict[str, Any], say: Say) -> dict[str, Any]:
    """Upload a file as a dataset, or a folder as a collection."""
    path, progress = Path(wish["path"]), Reporter(say)
    if path.is_dir():
        sizes = sum(each.stat().st_size for each in path.rglob("*") if each.is_file() and not each.name.startswith("."))
        item = upload_folder(galaxy, wish["history"], path, ext=datatype, progress=Reporter(say, sizes))
    else:
        item = upload(galaxy, wish["history"], Upload(path, "", datatype(path)), progress=progress)
    return {"id": item.id, "hid": item.hid}


def _end(*_: object) -> None:
    # Not the default, which would leave the part of a file behind.
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main(move))
