"""`history`: the datasets beside a notebook, as Python objects; runs in the kernel.

This module is imported when a kernel starts, and so it imports what does the work at the first use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nebulab.errors import DatasetNotReady, NebulabError
from nebulab.kernel.settings import KernelSettings

if TYPE_CHECKING:
    from nebulab.galaxy.connection import Galaxy
    from nebulab.galaxy.contents import Contents, Item
    from nebulab.kernel.training import Training
    from nebulab.models.predictor import Predictor


class History:
    """A history of Galaxy; without an id that of this session.

    Shown as a table. `history[5]` is the dataset with that number, `history["train.tsv"]` the newest of that name.
    Every listing is one request, however long the history is.
    """

    def __init__(self, history_id: str | None = None) -> None:
        self._history_id = history_id

    @property
    def id(self) -> str:
        """Galaxy's id of the history."""
        return KernelSettings.from_environment().history(self._history_id)

    @property
    def name(self) -> str:
        """The history's name."""
        return str(self._galaxy().get(f"histories/{self.id}", keys="name")["name"])

    def __getitem__(self, key: int | str) -> Dataset:
        return self._dataset(self._list().one(key))

    def __iter__(self) -> Iterator[Dataset]:
        return iter(self.find())

    def __len__(self) -> int:
        return len(self.find())

    def __contains__(self, key: object) -> bool:
        return any(key in (dataset.hid, dataset.name) for dataset in self)

    def find(
        self,
        *,
        name: str | None = None,
        hid: int | None = None,
        tag: str | None = None,
        ext: str | None = None,
        regex: str | None = None,
        hidden: bool = False,
    ) -> list[Dataset]:
        """Return the datasets and collections that meet all conditions, by number.

        Parameters
        ----------
        name
            The whole name.
        tag
            With or without its `#`.
        ext
            Galaxy's datatype, such as `tabular`.
        regex
            A regular expression to be found anywhere in the name, upper and lower case alike.
        hidden
            Whether hidden datasets count, such as the elements of collections.
        """
        found = self._list().find(name=name, hid=hid, tag=tag, ext=ext, regex=regex)
        return [self._dataset(item) for item in found if hidden or item.visible]

    def put(
        self,
        thing: Any,
        name: str | None = None,
        ext: str | None = None,
        tags: Sequence[str] | str = (),
        wait: bool = True,
    ) -> Dataset:
        """Put a file, a folder or a Python object into the history, and return its dataset.

        Parameters
        ----------
        thing
            A path of a file, or of a folder, which becomes a collection; a data frame, an array or a dictionary of
            arrays, a matplotlib figure, bytes, text of more than one line, or what JSON can express.
        name
            Name in the history; its extension chooses the format of an object (`.csv`, `.tsv`, `.parquet`, `.npy`,
            `.npz`, `.png`, `.svg`, `.pdf`, `.json` …).
        ext
            Galaxy's datatype; otherwise it follows from the format, or Galaxy finds it out.
        tags
            One tag or several; a leading `#` makes one that Galaxy passes on to results.
        wait
            Whether to wait until Galaxy has taken it in, and to verify its size there.

        Raises
        ------
        QuotaExceeded
            The user's storage in Galaxy is full.
        TransferError
            The file can't be read, or something else arrived.
        DatasetFailed
            Galaxy could not take it in.
        SettingsError
            There is no format for such a thing.
        GalaxyAway
        """
        from nebulab.kernel.putting import put_into

        tag_list = [tags] if isinstance(tags, str) else list(tags)
        return self._dataset(put_into(self._galaxy(), self.id, thing, name, ext, tag_list, wait))

    def train(
        self,
        notebook: str | Path,
        *,
        inputs: Any = (),
        parameters: Any = None,
        gpus: int | None = None,
        name: str = "",
        time_limit: float | None = None,
    ) -> Training:
        """Send a notebook or a script to the cluster as a job, and return at once.

        The job goes on when this kernel ends; `history.trainings()` finds it again. Its models come back as ONNX files,
        each proven to compute the same.

        Parameters
        ----------
        notebook
            Path of the notebook or script, as it was saved.
        inputs
            Paths of the files that it reads; or datasets, files, numbers and texts by name. A name of letters and
            digits becomes a key of `GALAXY_INPUTS`; any other is a path, and the file is there when the job reads it.
        parameters
            Values by name, set after the notebook's cell that is tagged `parameters`.
        gpus
            How many GPUs to ask for; the server's rules decide.
        name
            What the training is called in the history.
        time_limit
            Seconds that it may take; what there is by then is kept.

        Raises
        ------
        TransferError
            A file is not there.
        QuotaExceeded, GalaxyError, GalaxyAway
        """
        from nebulab.kernel.training import train

        return train(
            self._galaxy(),
            self.id,
            notebook,
            inputs=inputs,
            parameters=parameters,
            gpus=gpus,
            name=name,
            time_limit=time_limit,
        )

    def trainings(self) -> list[Training]:
        """Return the trainings of this history, the newest first; also those of sessions that are gone."""
        from nebulab.kernel.training import trainings

        return trainings(self._galaxy(), self.id)

    def __repr__(self) -> str:
        from nebulab.kernel.display import history_text

        try:
            return history_text(self.name, self._visible())
        except NebulabError as error:
            return f"<history: {error}>"

    def _repr_html_(self) -> str | None:
        from nebulab.kernel.display import history_html

        try:
            return history_html(self.name, self._visible())
        except NebulabError:
            return None

    def _ipython_key_completions_(self) -> list[str]:
        return [item.name for item in self._visible()]

    def _visible(self) -> list[Item]:
        return [item for item in self._list() if item.visible]

    def _galaxy(self) -> Galaxy:
        from nebulab.kernel.connecting import connect

        return connect()

    def _list(self) -> Contents:
        from nebulab.galaxy.contents import list_contents

        return list_contents(self._galaxy(), self.id)

    def _dataset(self, item: Item) -> Dataset:
        return Dataset(self._galaxy(), item)


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
        """Raise if its content can't be read, and never will be; one that is still being made is fine.

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

        self._item = wait_for_item(self._galaxy, self._item, timeout)
        return self

    def __repr__(self) -> str:
        kind = self._item.collection_type or self.ext
        return f"<{self.hid}: {self.name} [{kind}, {self._item.state}]>"

    def _refresh(self) -> Item:
        from nebulab.galaxy.contents import show_item

        self._item = show_item(self._galaxy, self._item)
        return self._item

    def _settled(self) -> Item:
        """Return the item, asked for again if it was not ready when it was listed; raise unless it is ready now."""
        from nebulab.galaxy.contents import READY_STATES

        if self._item.state not in READY_STATES:
            self._refresh()
        self._item.check_ready()
        return self._item
