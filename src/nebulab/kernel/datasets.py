"""The datasets beside a notebook, as Python objects; runs in the kernel.

What does the work is imported at the first use: a notebook may have a use for little of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nebulab.errors import DatasetNotReady
from nebulab.kernel.settings import KernelSettings

if TYPE_CHECKING:
    from nebulab.galaxy.connection import Galaxy
    from nebulab.galaxy.contents import Item
    from nebulab.models.predictor import Predictor


class Dataset:
    """A dataset or a collection of a history."""

    def __init__(self, galaxy: Galaxy, item: Item, *, within: str = "") -> None:
        self._galaxy = galaxy
        self._item = item
        self._within = within

    @property
    def id(self) -> str:
        """Galaxy's id."""
        return self._item.id

    @property
    def hid(self) -> int:
        """The number in the history."""
        return self._item.hid

    @property
    def name(self) -> str:
        """The name in the history, or that of the element in a collection."""
        return self._within or self._item.name

    @property
    def ext(self) -> str:
        """Galaxy's datatype."""
        return self._item.extension

    @property
    def size(self) -> int | None:
        """The size in bytes; None for a collection."""
        return self._item.size

    @property
    def tags(self) -> list[str]:
        """The tags, hash tags with their `#`."""
        return [f"#{tag.removeprefix('name:')}" if tag.startswith("name:") else tag for tag in self._item.tags]

    @property
    def is_collection(self) -> bool:
        """Whether this is a collection of datasets."""
        return self._item.is_collection

    @property
    def state(self) -> str:
        """The state now: `ok`, `queued`, `running`, `error` …"""
        return self._refresh().state

    def check_not_failed(self) -> None:
        """Raise if the dataset is in error or purged; one that is still being computed is fine.

        Raises
        ------
        DatasetFailed
            It is in error, or purged.
        """
        self._refresh().check_not_failed()

    @property
    def path(self) -> Path:
        """A local copy with the dataset's name and extension, downloaded once; a folder for a collection.

        Raises
        ------
        DatasetNotReady, DatasetFailed, TransferError, GalaxyAway
        """
        from nebulab.galaxy.cache import safe_name
        from nebulab.kernel.connecting import cache_of
        from nebulab.kernel.display import Bar

        item = self._settled()
        cache = cache_of(KernelSettings.from_environment(), item.history_id)
        if not item.is_collection:
            return cache.named(self._galaxy, item, str(item.hid), Bar()).absolute()
        cache.fetch(self._galaxy, item, str(item.hid), Bar())
        return (cache.folder / str(item.hid) / safe_name(item.name)).absolute()

    @property
    def elements(self) -> list[Dataset]:
        """The datasets of a collection; the name of one that lies deeper is joined by `/`."""
        from nebulab.galaxy.cache import elements

        if not self.is_collection:
            return []
        return [
            Dataset(self._galaxy, item, within="/".join(parts)) for parts, item in elements(self._galaxy, self._item)
        ]

    def __getitem__(self, name: str) -> Dataset:
        """Return an element of a collection by its name."""
        from nebulab.errors import DatasetNotFound

        listed = {element.name: element for element in self.elements}
        if name not in listed:
            hint = f"It has: {', '.join(list(listed)[:10])}." if listed else "Is it a collection?"
            raise DatasetNotFound(f"{self.hid}: {self.name} has no element {name!r}.", hint)
        return listed[name]

    def read(self, *, wait: bool = False, **options: Any) -> Any:
        """Return the content as a Python object.

        A data frame for tables, arrays for `npy`, `npz` and HDF5 (a dictionary by name for the last two), parsed JSON,
        text, or bytes for what is none of these; a dictionary by element name for a collection. `options` go to
        the function of pandas that reads tables.

        Raises
        ------
        DatasetNotReady
            It is still running, and `wait` is false.
        DatasetFailed, TransferError, GalaxyAway
        """
        from nebulab.kernel.reading import read_file

        if wait:
            self.wait()
        if self.is_collection:
            self._settled()
            return {element.name: element.read(**options) for element in self.elements}
        return read_file(self.path, self.ext, options)

    def model(self) -> Predictor:
        """Return a predictor for an ONNX model: `.predict(X)` takes data frames and arrays.

        Raises
        ------
        SettingsError
            The dataset is no ONNX model.
        DatasetNotReady, DatasetFailed, TransferError, GalaxyAway
        """
        from nebulab.models import load

        return load(self.path)

    def open(self) -> IO[bytes]:
        """Return the content as a binary file object that reads from Galaxy and keeps nothing on the disk.

        Raises
        ------
        DatasetNotReady, DatasetFailed, GalaxyAway
        """
        import io

        from nebulab.galaxy.reading import CHUNK_BYTES, Content

        if self.is_collection:
            raise DatasetNotReady(f"{self.name} is a collection.", "Open one of its elements: dataset[name].open()")
        return io.BufferedReader(Content(self._galaxy, self._settled().id), CHUNK_BYTES)

    def wait(self, timeout: float | None = None) -> Dataset:
        """Wait until the content can be read, at most `timeout` seconds, and return the dataset.

        Raises
        ------
        DatasetFailed, QuotaExceeded
            It will not become ready.
        DatasetNotReady
            The time is over.
        """
        from nebulab.galaxy.waiting import wait_for_item
        from nebulab.kernel.display import COMPUTING, Wait

        self._item = wait_for_item(self._galaxy, self._item, timeout, seen=Wait(self.name, COMPUTING).look)
        return self

    def __repr__(self) -> str:
        kind = self._item.collection_type or self.ext
        return f"<{self.hid}: {self.name} [{kind}, {self._item.state}]>"

    def _refresh(self) -> Item:
        from nebulab.galaxy.contents import show_item

        self._item = show_item(self._galaxy, self._item)
        return self._item

    def _settled(self) -> Item:
        """Return the item, refreshed if it was not ready when listed; raise unless it is ready now."""
        from nebulab.galaxy.contents import READY_STATES

        if self._item.state not in READY_STATES:
            self._refresh()
        self._item.check_ready()
        return self._item
