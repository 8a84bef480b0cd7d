"""Outputs ready for Galaxy at any moment: hard links, and the list that names them; runs in the session.

Galaxy collects a second after it stops a job, and after a crash it collects what it finds. So nothing waits for the
end: at every change the list of elements (`galaxy.json`) and the job's datasets are rewritten, atomically.

An element is a hard link in a folder which the sandbox can't write to. It costs no copy. A file that the user deletes
or replaces while Galaxy collects doesn't break the collection, and a symbolic link that a notebook swaps in at the last
moment can't make Galaxy, which runs outside of the sandbox, read a foreign file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.files import replace
from nebulab.session.layout import Layout
from nebulab.session.outputs.elements import SNIFFED_BYTES, Datatypes
from nebulab.session.outputs.scan import ScannedFile

Tell = Callable[[str], None]
Elements = list[dict[str, str]]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FULL = "The disk is full. What was saved before is kept for Galaxy; delete what you don't need, and save again."
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


@dataclass(frozen=True)
class Lost:
    """A dataset or a collection that Galaxy lost track of; `elements` are in the form of `galaxy.json`."""

    name: str
    elements: Sequence[Mapping[str, str]]
    is_collection: bool
    tags: Sequence[str] = ()


def write_lost(lost: Iterable[Lost], layout: Layout) -> None:
    """Write the file for `read_lost`, which runs in the process that recovers."""
    layout.recovery.write_text(json.dumps([dataclasses.asdict(output) for output in lost]), encoding="utf-8")


def read_lost(layout: Layout) -> list[Lost]:
    """Return the outputs that `write_lost` has written."""
    return [Lost(**record) for record in json.loads(layout.recovery.read_text(encoding="utf-8"))]


class Collected(ABC):
    """Keeps `galaxy.json` and the job's datasets up to date; every `update` is one scan."""

    def __init__(self, layout: Layout, datatypes: Datatypes, tell: Tell, max_outputs: int) -> None:
        self.scan_seconds = 0.0
        self._layout = layout
        self._datatypes = datatypes
        self._tell = tell
        self._max_outputs = max_outputs
        self._number = 0
        self._written = ""
        self._told: set[str] = set()
        self._info: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def begin(self, notebook: bytes) -> None:
        """Prepare the outputs of a session in which nothing is saved: `notebook` as the dataset."""

    def update(self) -> None:
        """Scan, and rewrite the outputs; if the disk is full, say so and keep those of before."""
        with self._lock:
            start = time.monotonic()
            try:
                self._update()
                self._told.discard(_DISK_FULL)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._say_once(_DISK_FULL)
            self.scan_seconds = time.monotonic() - start

    @abstractmethod
    def lost(self) -> list[Lost]:
        """Return all outputs, for a session whose job Galaxy has lost."""

    @abstractmethod
    def worth_showing(self) -> list[str]:
        """Return the names of the outputs that the history should show: few, and none that is empty."""

    @abstractmethod
    def empty(self) -> list[str]:
        """Return the names of the outputs that hold nothing."""

    def note(self, dataset: str, info: str) -> None:
        """Have Galaxy show `info` on the output `dataset`, in place of the beginning of the job's log."""
        with self._lock:
            self._info[dataset] = {"info": info, "stdout": "", "stderr": ""}
            self._write_elements()

    @abstractmethod
    def _write_elements(self) -> None:
        """Write the list of elements as it is now."""

    @abstractmethod
    def _update(self) -> None: ...

    def _link(self, file: ScannedFile, folder: int, below: Path) -> str | None:
        self._number += 1
        return link_file(file, folder, below, self._layout.mirror / str(self._number))

    def _write(self, collections: Mapping[str, Elements], used: Iterable[str]) -> None:
        """Write the elements of each collection, and delete the links that are no longer `used`."""
        listed: dict[str, object] = {name: {"elements": elements} for name, elements in collections.items()}
        text = json.dumps(listed | self._info)
        if text != self._written:
            replace(self._layout.metadata, text.encode("utf-8"))
            self._written = text
        names = {Path(target).name for target in used}
        for link in os.scandir(self._layout.mirror):
            if link.name not in names:
                Path(link.path).unlink()

    def _sniffed(self, target: str) -> str:
        """Return the datatype by the content of a link."""
        try:
            with (self._layout.root / target).open("rb") as file:
                return self._datatypes.sniff(file.read(SNIFFED_BYTES))
        except OSError:
            return self._datatypes.sniff(b"")

    def _say_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._tell(message)


def link_file(file: ScannedFile, folder: int, below: Path, link: Path) -> str | None:
    """Make a hard link to a file that a scan of `below` found in the open `folder`.

    Returns
    -------
    str or None
        The link's path below the job's working folder; the file's own path if the file system has no hard links; None
        if the file is gone.
    """
    try:
        os.link(file.name, link, src_dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with contextlib.suppress(UnicodeEncodeError):
            path = str(below.name / file.path)
            path.encode("utf-8")
            return path
        return None
    if not stat.S_ISREG(link.lstat().st_mode):
        link.unlink()
        return None
    return f"{link.parent.name}/{link.name}"
