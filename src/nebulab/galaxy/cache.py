"""Downloaded datasets on the local disk, fetched again when they change in Galaxy; runs everywhere."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.download import download
from nebulab.galaxy.progress import Progress

_RECORDS = ".nebulab"
_UNSAFE = re.compile(r"[\x00-\x1f/\\]")
# Datatypes that say less than the extension of a file's name.
_GENERIC = frozenset({"tabular", "txt", "data", "binary"})
_LONGEST_NAME_BYTES = 200


class Cache:
    """A folder with one file for a dataset, and one folder for a collection, under names that the caller gives."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, galaxy: Galaxy, item: Item, name: str, progress: Progress | None = None) -> list[Path]:
        """Return the file of a dataset, or the files of a collection's elements, downloaded if need be.

        A file that a user changed or put here is not overwritten: the download gets a name with a number.

        Raises
        ------
        DatasetFailed, DatasetNotReady
            The dataset, or an element of the collection, can't be read.
        TransferError, GalaxyAway, GalaxyError
        """
        if not item.is_collection:
            item.check_ready()
            return [self._file(galaxy, item, safe_name(name), progress)]
        root = Path(safe_name(name)) / safe_name(item.name)
        paths = []
        for parts, element in list(elements(galaxy, item)):
            element.check_ready()
            last = file_name(replace(element, name=parts[-1]))
            relative = root.joinpath(*map(safe_name, parts[:-1]), last)
            paths.append(self._file(galaxy, element, str(relative), progress))
        return paths

    def named(self, galaxy: Galaxy, item: Item, name: str, progress: Progress | None = None) -> Path:
        """Return a path to a dataset's file that ends with the dataset's name and extension, as libraries expect."""
        file = self.fetch(galaxy, item, name, progress)[0]
        link = self.folder / _RECORDS / "named" / safe_name(name) / file_name(item)
        link.parent.mkdir(parents=True, exist_ok=True)
        target = os.path.relpath(file, link.parent)
        if not link.is_symlink() or link.readlink() != Path(target):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        return link

    def _file(self, galaxy: Galaxy, item: Item, relative: str, progress: Progress | None) -> Path:
        for candidate in _candidates(relative):
            path = self.folder / candidate
            record = self.folder / _RECORDS / f"{candidate}.json"
            kept = _read(record)
            if not path.exists():
                break
            if kept.get("file") == _file_state(path):
                if kept.get("dataset") == _version(item):
                    return path
                break
        download(galaxy, item.id, path, label=item.name, progress=progress)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"dataset": _version(item), "file": _file_state(path)}))
        return path


def elements(galaxy: Galaxy, collection: Item) -> Iterator[tuple[tuple[str, ...], Item]]:
    """Yield the datasets of a collection, each with its element identifiers from the outermost in; one request."""
    answer = galaxy.get(f"dataset_collections/{collection.id}", instance_type="history")
    yield from _walk(answer["elements"], ())


def _walk(entries: list[dict[str, Any]], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Item]]:
    for entry in entries:
        parts = (*above, entry["element_identifier"])
        if entry["element_type"] == "dataset_collection":
            yield from _walk(entry["object"]["elements"], parts)
        elif entry["object"] is not None:
            yield parts, Item.from_answer(entry["object"])


def safe_name(name: str) -> str:
    """Return the name as one that a file can have, inside the folder it is put into."""
    cleaned = _UNSAFE.sub("_", name)
    if cleaned.strip(".") == "" or cleaned == _RECORDS:
        cleaned = f"_{cleaned}"
    if len(cleaned.encode()) <= _LONGEST_NAME_BYTES:
        return cleaned
    stem, dot, suffix = cleaned.rpartition(".")
    suffix = dot + suffix if dot and len(suffix) < 20 else ""
    room = _LONGEST_NAME_BYTES - len(suffix.encode())
    return (stem or cleaned).encode()[:room].decode(errors="ignore") + suffix


def file_name(item: Item) -> str:
    """Return the dataset's name, with its extension unless it has one already."""
    name = safe_name(item.name)
    if item.extension and not name.lower().endswith(f".{item.extension.lower()}"):
        says_less = item.extension in _GENERIC and Path(name).suffix
        return name if says_less else f"{name}.{item.extension}"
    return name


def _candidates(relative: str) -> Iterator[str]:
    yield relative
    for number in range(2, 1000):
        yield f"{relative}_{number}"


def _version(item: Item) -> list[str | int | None]:
    return [item.id, item.uuid, item.updated, item.size]


def _file_state(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _read(record: Path) -> dict[str, Any]:
    try:
        kept = json.loads(record.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
