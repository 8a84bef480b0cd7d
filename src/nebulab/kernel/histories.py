"""`history`: a history of Galaxy as a Python object; runs in the kernel.

This module is imported when a kernel starts, and so it imports what does the work at the first use. It is not called
`history`: that is the object's name in this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nebulab.errors import NebulabError
from nebulab.kernel.settings import KernelSettings

if TYPE_CHECKING:
    from nebulab.galaxy.connection import Galaxy
    from nebulab.galaxy.contents import Contents, Item
    from nebulab.kernel.datasets import Dataset
    from nebulab.kernel.packages import Packages
    from nebulab.kernel.training import Training


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
        items = self._list().find(name=name, hid=hid, tag=tag, ext=ext, regex=regex)
        return [self._dataset(item) for item in items if hidden or item.visible]

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
            arrays, a matplotlib figure, a trained model (as ONNX, if the file is proven to give the same predictions;
            else in its library's own format), bytes, text of more than one line, or what JSON can express.
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
            There is no format for such a thing, or the model is not trained.
        GalaxyAway
        """
        from nebulab.kernel.putting import put_into

        tag_list = [tags] if isinstance(tags, str) else list(tags)
        item = put_into(self._galaxy(), self.id, thing, name=name, ext=ext, tags=tag_list, wait=wait)
        return self._dataset(item)

    def train(  # noqa: PLR0913 - all but the notebook by name
        self,
        notebook: str | Path,
        *,
        inputs: Any = (),
        parameters: Any = None,
        gpus: int | None = None,
        name: str = "",
        time_limit: float | None = None,
        packages: Packages = "session",
    ) -> Training:
        """Send a notebook or a script to the cluster as a job, and return at once.

        The job goes on when this kernel ends; `history.trainings()` finds it again. Its models come back as ONNX files,
        each checked to give the same predictions.

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
        packages
            What the job installs before the first cell: by default what was installed in this session, from package
            indices or repositories; or a list of requirements, or None.

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
            packages=packages,
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
        from nebulab.kernel.datasets import Dataset

        return Dataset(self._galaxy(), item)
