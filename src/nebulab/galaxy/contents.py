"""The contents of a history: listed with one request, searched by name, hid, tag and the like; runs everywhere."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from nebulab.errors import DatasetFailed, DatasetLost, DatasetNotFound, DatasetNotReady, QuotaExceeded

if TYPE_CHECKING:
    from nebulab.galaxy.connection import Galaxy

KEYS = "file_size,uuid,misc_info,element_count,elements_datatypes,elements_states"
"""Fields beside the summary of each item; datasets and collections each have some of them."""

# With `failed_metadata` Galaxy's description of the content is missing, the content itself is there.
READY_STATES = frozenset({"ok", "empty", "failed_metadata"})
FAILED_STATES = frozenset({"error", "discarded"})
# States that only a person ends.
PAUSED_STATES = frozenset({"paused", "deferred"})
# Of datasets and of jobs: something goes on, and ends by itself.
WAITING_STATES = frozenset({"new", "upload", "queued", "waiting", "running", "setting_metadata", "resubmitted"})

# Galaxy's messages on a refused file, and on one in a compressed file.
_SCRIPTS = re.compile("contains invalid (HTML )?content")
LOST = "killed when Galaxy was restarted"
"""A part of Galaxy's message on a job that it lost."""
LOST_HINT = "A training may still run, and then brings its results by itself. Else make or upload it again."
_SCRIPTS_HINT = (
    "This Galaxy takes in no page or notebook with scripts, such as an interactive plot. Put it into a .tar file, or "
    "ask the administrator to set check_upload_content: false."
)


@dataclass(frozen=True)
class Item:
    """A dataset or a collection of a history, as it was when it was listed.

    `size` is in bytes and None for a collection; `extension` is Galaxy's name of the datatype, and that of all elements
    (or "") for a collection; `tags` are as Galaxy writes them, with `name:` before a hash tag.
    """

    id: str
    hid: int
    name: str
    state: str
    extension: str
    size: int | None
    tags: tuple[str, ...]
    visible: bool
    deleted: bool
    purged: bool
    created: str
    updated: str
    history_id: str
    uuid: str = ""
    info: str = ""
    collection_type: str = ""
    elements: int = 0
    job_id: str = ""
    """The job that makes it, where the answer tells."""

    @property
    def is_collection(self) -> bool:
        """Whether this is a collection of datasets."""
        return bool(self.collection_type)

    @property
    def path(self) -> str:
        """Its path in Galaxy's API, below `/api/`."""
        kind = "dataset_collections" if self.is_collection else "datasets"
        return f"histories/{self.history_id}/contents/{kind}/{self.id}"

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> Item:
        """Read one element of Galaxy's answer."""
        is_collection = answer["history_content_type"] == "dataset_collection"
        extensions = answer.get("elements_datatypes") or []
        return cls(
            id=answer["id"],
            hid=answer["hid"],
            name=answer["name"],
            state=_collection_state(answer) if is_collection else answer["state"],
            extension=(extensions[0] if len(extensions) == 1 else "")
            if is_collection
            else answer.get("extension") or answer.get("file_ext") or "",
            size=None if is_collection else answer.get("file_size") or 0,
            tags=tuple(answer.get("tags") or ()),
            visible=answer["visible"],
            deleted=answer["deleted"],
            purged=bool(answer.get("purged")),
            created=answer.get("create_time") or "",
            updated=answer.get("update_time") or "",
            history_id=answer["history_id"],
            uuid=answer.get("uuid") or "",
            info=(answer.get("misc_info") or answer.get("populated_state_message") or "").strip(),
            collection_type=answer["collection_type"] if is_collection else "",
            elements=answer.get("element_count") or 0,
            job_id=_job(answer),
        )

    def check_not_failed(self) -> None:
        """Raise if the content can't be read, and never will be.

        Raises
        ------
        DatasetFailed
            It is in error, or purged.
        DatasetLost
            It is in error since Galaxy was restarted or killed.
        """
        label = f"{self.hid}: {self.name}"
        if LOST in self.info and self.state in FAILED_STATES:
            raise DatasetLost(f"{label} is lost: Galaxy ended while its job ran.", LOST_HINT)
        if self.purged:
            raise DatasetFailed(f"{label} was purged: Galaxy no longer has its content.", "Make or upload it again.")
        if self.state in FAILED_STATES:
            message = f" Galaxy says: {self.info}" if self.info else ""
            hint = _SCRIPTS_HINT if _SCRIPTS.search(self.info) else "Its job's details in Galaxy tell more."
            raise DatasetFailed(f"{label} is in state {self.state}.{message}", hint)

    def check_ready(self) -> None:
        """Raise unless the content can be read.

        Raises
        ------
        DatasetFailed
            It is in error, or purged.
        QuotaExceeded
            Galaxy paused the job that makes it, since the user's storage is full.
        DatasetNotReady
            It is still queued, running or uploading.
        """
        self.check_not_failed()
        label = f"{self.hid}: {self.name}"
        if self.state == "paused" and "quota" in self.info:
            # Not above: JupyterLab's process reads items too, and has no use for a client.
            from nebulab.galaxy.connection import QUOTA_HINT

            raise QuotaExceeded(f"{label} is paused: {self.info}", QUOTA_HINT)
        if self.state in PAUSED_STATES:
            message = f": {self.info}" if self.info else ""
            raise DatasetNotReady(f"{label} is {self.state}{message}.", "Resume its job in Galaxy, then try again.")
        if self.state not in READY_STATES:
            raise DatasetNotReady(
                f"{label} is not ready yet, its state is {self.state}.", "Wait for it: use wait=True, or .wait()."
            )


def _job(answer: dict[str, Any]) -> str:
    if answer.get("job_source_type") == "Job":
        return answer.get("job_source_id") or ""
    return answer.get("creating_job") or ""


def _collection_state(answer: dict[str, Any]) -> str:
    """Return one state for a collection: the worst of its elements'."""
    if answer.get("populated_state") != "ok":
        return "error" if answer.get("populated_state") == "failed" else "new"
    states = answer.get("elements_states") or {}
    if isinstance(states, list):
        states = dict.fromkeys(states, 1)
    for state in (*FAILED_STATES, *PAUSED_STATES):
        if states.get(state):
            return state
    return next((state for state in states if state not in READY_STATES), "ok")


class Contents(Sequence[Item]):
    """The items of a history, by hid.

    `contents[5]` is the item with hid 5 and `contents["train.tsv"]` the newest item of that name.
    """

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @overload
    def __getitem__(self, key: int | str) -> Item: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Item]: ...
    def __getitem__(self, key: int | str | slice) -> Item | Sequence[Item]:
        if isinstance(key, slice):
            return self._items[key]
        return self.one(key)

    def one(self, key: int | str) -> Item:
        """Return the item with this hid (a number) or name (the newest, if several have it).

        Raises
        ------
        DatasetNotFound
            There is none; the nearest names stand in the hint.
        """
        if isinstance(key, int):
            matches = [item for item in self._items if item.hid == key]
        else:
            matches = [item for item in self._items if item.name == key]
        if not matches:
            raise self._missing(key)
        # Copies and converted files share a hid; what the user sees goes first.
        return max(matches, key=lambda item: (item.visible, item.hid, item.created))

    def find(
        self,
        *,
        name: str | None = None,
        hid: int | None = None,
        tag: str | None = None,
        ext: str | None = None,
        regex: str | None = None,
    ) -> Contents:
        """Return the items that meet all of the given conditions.

        Parameters
        ----------
        name
            The whole name.
        tag
            With or without its `#` or `name:`.
        ext
            Galaxy's datatype, such as `tabular`.
        regex
            A regular expression to be found anywhere in the name, upper and lower case alike.
        """
        pattern = re.compile(regex, re.IGNORECASE) if regex is not None else None
        wanted = None if tag is None else _plain_tag(tag)
        return Contents(
            [
                item
                for item in self._items
                if (name is None or item.name == name)
                and (hid is None or item.hid == hid)
                and (wanted is None or wanted in map(_plain_tag, item.tags))
                and (ext is None or item.extension == ext.removeprefix("."))
                and (pattern is None or pattern.search(item.name))
            ]
        )

    def _missing(self, key: int | str) -> DatasetNotFound:
        if isinstance(key, int):
            near: list[str] = []
            if self._items:
                closest = sorted(self._items, key=lambda item: abs(item.hid - key))[:3]
                near = [f"{item.hid}: {item.name}" for item in sorted(closest, key=lambda item: item.hid)]
            message = f"The history has no dataset with number {key}."
        else:
            by_case: dict[str, str] = {item.name.lower(): item.name for item in self._items}
            near = [by_case[name] for name in difflib.get_close_matches(key.lower(), by_case, n=3, cutoff=0.5)]
            message = f"The history has no dataset named {key!r}."
        if near:
            return DatasetNotFound(message, "Did you mean: " + ", ".join(near) + "?")
        if not self._items:
            return DatasetNotFound(message, "The history is empty.")
        return DatasetNotFound(message, "`history` lists what there is.")


def _plain_tag(tag: str) -> str:
    return tag.removeprefix("#").removeprefix("name:").lower()


def list_contents(galaxy: Galaxy, history_id: str, *, deleted: bool | None = False) -> Contents:
    """List a history with one request; `deleted=None` lists deleted items too.

    Raises
    ------
    DatasetNotFound
        Galaxy knows no such history.
    """
    filters = {} if deleted is None else {"q": "deleted", "qv": str(deleted)}
    # `v=dev` is Galaxy's name for the listing whose fields can be chosen, and which has no limit unless one is given.
    answer = galaxy.get(f"histories/{history_id}/contents", v="dev", view="summary", keys=KEYS, **filters)
    return Contents([Item.from_answer(item) for item in answer])


def show_item(galaxy: Galaxy, item: Item) -> Item:
    """Return the item as it is now, with one request."""
    return Item.from_answer(galaxy.get(item.path))
