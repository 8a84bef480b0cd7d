"""Local files as datasets of a history, each sent once; runs in the kernel, and in what sends trainings and
pipelines."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nebulab.errors import GalaxyAway, GalaxyError, TransferError
from nebulab.galaxy.cache import file_name
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import READY_STATES, Item, list_contents
from nebulab.galaxy.digest import FUNCTIONS
from nebulab.galaxy.progress import Progress
from nebulab.galaxy.reading import Content, ContentChanged
from nebulab.galaxy.upload import Upload, upload
from nebulab.kernel.datasets import Dataset
from nebulab.kernel.display import Bar

_NUMBER = re.compile(r"(-\d+| \(\d+\))$")
"""What a download has at the end of its name where the name was taken."""


class HistoryFiles:
    """Local files as datasets of the history; a file that it holds already is not uploaded again."""

    def __init__(self, galaxy: Galaxy, history_id: str, progress: Callable[[], Progress] = Bar) -> None:
        self._galaxy = galaxy
        self._history_id = history_id
        self._progress = progress
        self._items: list[Item] | None = None

    def reference(self, thing: Any, *, label: str = "", ext: str = "auto") -> dict[str, str]:
        """Return how the tool's form names a dataset of the history, or a local file that becomes one.

        With a `label` only a dataset of that very name will do.
        """
        if isinstance(thing, Dataset):
            thing.check_not_failed()
            return {"src": "hdca" if thing.is_collection else "hda", "id": thing.id}
        path = Path(thing).expanduser()
        if not path.is_file():
            raise TransferError(f"There is no file {str(thing)!r}.", "Paths are relative to the notebook's folder.")
        item = next((item for item in self._fitting(path, label) if self._holds(item, path)), None)
        if item is None:
            item = upload(self._galaxy, self._history_id, Upload(path, label, ext), progress=self._progress())
        return {"src": "hda", "id": item.id}

    def _fitting(self, path: Path, label: str) -> Iterator[Item]:
        """Yield the datasets that this file may be, by size and name, the newest first."""
        if self._items is None:
            self._items = list(list_contents(self._galaxy, self._history_id))
        size = path.stat().st_size
        names = {label} if label else {path.name, _NUMBER.sub("", path.stem) + path.suffix}
        for item in reversed(self._items):
            if item.is_collection or item.size != size or item.state not in READY_STATES:
                continue
            # Nobody can tell a file that came from the history from one that was put into it.
            if item.name in names or (not label and file_name(item) in names):
                yield item

    def _holds(self, item: Item, path: Path) -> bool:
        """Whether the dataset is this file: by a hash of Galaxy's, and where it has none, by the content."""
        hashes = {
            entry["hash_function"]: str(entry["hash_value"]).lower()
            for entry in self._galaxy.get(f"datasets/{item.id}").get("hashes") or []
            if not entry.get("extra_files_path")
        }
        for function, name in FUNCTIONS.items():
            if function in hashes:
                with path.open("rb") as file:
                    return hashlib.file_digest(file, name).hexdigest() == hashes[function]
        return self._is_equal(item, path)

    def _is_equal(self, item: Item, path: Path) -> bool:
        """Compare the contents up to the first difference, which takes no longer than to send the file."""
        progress = self._progress()
        progress.start(path.name, item.size)
        try:
            with path.open("rb") as file, Content(self._galaxy, item.id) as content:
                while chunk := content.chunk():
                    if file.read(len(chunk)) != chunk:
                        return False
                    progress.update(content.tell())
                return not file.read(1)
        except GalaxyAway:
            raise
        except (GalaxyError, ContentChanged):
            return False
        finally:
            progress.finish()


__all__ = ["HistoryFiles"]
