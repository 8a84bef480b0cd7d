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
import shutil
import stat
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nebulab.files import replace, uncopyable
from nebulab.session.journal import in_words, shown
from nebulab.session.layout import Layout
from nebulab.session.outputs.elements import SNIFFED_BYTES, Datatypes
from nebulab.session.outputs.scan import ScannedFile

Tell = Callable[[str], None]
Elements = list[dict[str, str]]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_DISK_FULL = "The disk is full. What was saved before is kept for Galaxy; delete what you don't need, and save again."
_NAMED = 3
"""How many files that are not collected for the same reason are named at a time."""
_MOST_NAMED = 30
_TOO_LONG = (
    "a copy in Galaxy has no holes and takes the whole length, which is more {room}. Save what is in it in a "
    "compressed form (numpy.savez_compressed, gzip), or shorten it"
)
_LONGEST_PATH = 3000
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


@dataclass(frozen=True)
class Lost:
    """A dataset or a collection that Galaxy lost track of; `elements` are in the form of `galaxy.json`."""

    name: str
    elements: Sequence[Mapping[str, str]]
    is_collection: bool
    tags: Sequence[str] = ()


@dataclass
class Linked:
    """A file and its hard link, or its own path where no link can be made; both below the job's working folder."""

    file: ScannedFile
    target: str
    """Empty while the file is left out."""
    extension: str | None = None
    """The datatype by the file's content, once it was sniffed."""


def write_lost(lost: Iterable[Lost], layout: Layout) -> None:
    """Write the file for `read_lost`, which runs in the process that recovers."""
    layout.recovery.write_text(json.dumps([dataclasses.asdict(output) for output in lost]), encoding="utf-8")


def read_lost(layout: Layout) -> list[Lost]:
    """Return the outputs that `write_lost` has written."""
    return [Lost(**record) for record in json.loads(layout.recovery.read_text(encoding="utf-8"))]


class Collected(ABC):
    """Keeps `galaxy.json` and the job's datasets up to date; every `update` is one scan."""

    def __init__(
        self, layout: Layout, datatypes: Datatypes, tell: Tell, *, max_outputs: int, disk_bytes: int | None
    ) -> None:
        self.scan_seconds = 0.0
        self._links: dict[PurePosixPath, Linked] = {}
        self._disk_bytes = disk_bytes
        self._layout = layout
        self._datatypes = datatypes
        self._tell = tell
        self._max_outputs = max_outputs
        self._number = 0
        self._written = ""
        self._told: set[str] = set()
        self._numbers: dict[str, int] = {}
        self._named: dict[str, set[PurePosixPath]] = {}
        self._names_told: Counter[str] = Counter()
        self._refused: dict[str, dict[PurePosixPath, str]] = {}
        self._info: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    @abstractmethod
    def begin(self, notebook: bytes) -> None:
        """Prepare the outputs of a session in which nothing is saved: `notebook` as the dataset."""

    def update(self) -> None:
        """Scan, and rewrite the outputs; if the disk is full, say so and keep those of before."""
        with self._lock:
            start = time.monotonic()
            self._refused.clear()
            try:
                self._update()
                self._told.discard(_DISK_FULL)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._say_once(_DISK_FULL)
            finally:
                self._tell_refused()
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
        try:
            return link_file(file, folder, below, self._layout.mirror / str(self._number))
        except FileExistsError:
            # Of an earlier session in this folder: the next scan takes the next number.
            return None
        except OSError as error:
            if error.errno in _FULL:
                raise
            self._refuse(file.path, f"no link to it can be made ({error.strerror})")
            return None

    def _refuse(self, path: PurePosixPath, reason: str, detail: str = "") -> None:
        """Note that a file is not collected; it is told at the end of the scan."""
        self._refused.setdefault(reason, {})[path] = detail

    def _tell_refused(self) -> None:
        """Tell what is not collected: the first of each reason by their names, and how many there are beyond."""
        for reason, paths in self._refused.items():
            named = self._named[reason] = self._named.get(reason, set()) & paths.keys()
            for path, detail in paths.items():
                if len(named) == _NAMED or self._names_told[reason] == _MOST_NAMED:
                    break
                if path not in named:
                    named.add(path)
                    self._names_told[reason] += 1
                    self._tell(f"{shown(path)}{detail} is not collected: {reason}.")
            if len(paths) > _NAMED:
                example = shown(next(iter(paths)))
                message = f"{len(paths):,} files are not collected, {example} among them: {reason}."
                self._say_number(reason, len(paths), message)

    def _leave_out(self) -> bool:
        """Leave out files that Galaxy has no room to copy, and tell which; return whether the outputs changed.

        A file of holes takes little here, and Galaxy, which copies it, would fill the holes with zeros.
        """
        free = shutil.disk_usage(self._layout.root).free
        extents = {path: linked.file.extent for path, linked in self._links.items()}
        left_out = uncopyable(extents, limit=self._disk_bytes, free=free)
        changed = False
        for path, linked in list(self._links.items()):
            if path in left_out and linked.target:
                linked.target = ""
                changed = True
            elif path not in left_out and not linked.target:
                # The next scan makes the link.
                del self._links[path]
        room = "than the disk has left"
        if self._disk_bytes is not None:
            room = f"than the session's {in_words(self._disk_bytes)} of disk space, or {room}"
        for path in sorted(left_out):
            self._refuse(path, _TOO_LONG.format(room=room), f" ({in_words(self._links[path].file.size)})")
        return changed

    def _kept(self) -> list[PurePosixPath]:
        """Return the files that are not left out."""
        return [path for path, linked in self._links.items() if linked.target]

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
                # Without a sandbox anybody may have put anything there.
                with contextlib.suppress(OSError):
                    Path(link.path).unlink()

    def _sniffed(self, target: str) -> str:
        """Return the datatype by the content of a link."""
        try:
            with (self._layout.root / target).open("rb") as file:
                return self._datatypes.sniff(file.read(SNIFFED_BYTES))
        except OSError:
            return self._datatypes.sniff(b"")

    def _say_number(self, subject: str, number: int, message: str) -> None:
        """Tell a message with a number in it, again only when the number has grown tenfold."""
        if number >= 10 * self._numbers.get(subject, 0):
            self._numbers[subject] = number
            self._tell(message)

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
        return _own_path(file, folder, below)
    mode = link.lstat().st_mode
    if not stat.S_ISREG(mode):
        link.unlink()
        return None
    if not mode & stat.S_IRUSR:
        # Its owner, whom Galaxy runs as, could not read it.
        link.chmod(stat.S_IMODE(mode) | stat.S_IRUSR)
    return f"{link.parent.name}/{link.name}"


def _own_path(file: ScannedFile, folder: int, below: Path) -> str | None:
    """Return the path of a file that can't be linked, None if Galaxy could not open it by that."""
    path = str(below.name / file.path)
    with contextlib.suppress(UnicodeEncodeError, OSError):
        is_file = stat.S_ISREG(os.stat(file.name, dir_fd=folder, follow_symlinks=False).st_mode)
        if is_file and len(path.encode("utf-8")) < _LONGEST_PATH:
            return path
    return None
