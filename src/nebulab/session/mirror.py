"""The user's files made ready for Galaxy at every moment: what Galaxy would collect if the job ended now; runs in the
session.

Galaxy collects a second after it stops a job, and after a crash it collects what it finds. So nothing waits for the
end: at every change the list of elements (`galaxy.json`) and the notebook's dataset are rewritten, atomically.

An element is a hard link in a folder which the sandbox can't write to. It costs no copy. What the user deletes or
replaces while Galaxy collects doesn't break the collection, and a link that a notebook swaps for another at the last
moment can't make Galaxy, which runs outside of the sandbox, read a foreign file.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nebulab.session.outputs import SNIFFED_BYTES, Datatypes, Element, name_elements
from nebulab.session.scan import OUTPUTS_FOLDER, Found, is_notebook, is_output, scan
from nebulab.session.settings import DEFAULT_MAX_OUTPUTS, Layout

OUTPUTS = "output_collection"
NOTEBOOKS = "notebook_collection"
_PARSED_BYTES = 50 * 1024 * 1024
_WRITING_TRIES = 5
_WRITING_SECONDS = 0.05
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})

Tell = Callable[[str], None]


@dataclass
class _Linked:
    """A file and its hard link, or its own path where no link can be made; both below the job's working folder."""

    file: Found
    target: str
    extension: str | None = None
    """What the content told."""


class Mirror:
    """Keeps `galaxy.json` and the notebook's dataset up to date; every `update` is one scan."""

    def __init__(
        self,
        layout: Layout,
        datatypes: Datatypes,
        tell: Tell,
        *,
        notebook_output: Path | None = None,
        max_outputs: int = DEFAULT_MAX_OUTPUTS,
    ) -> None:
        self.scan_seconds = 0.0
        self._layout = layout
        self._datatypes = datatypes
        self._tell = tell
        self._notebook_output = notebook_output
        self._max_outputs = max_outputs
        self._untouched: dict[PurePosixPath, tuple[int, int]] = {}
        self._links: dict[PurePosixPath, _Linked] = {}
        self._number = 0
        self._written = ""
        self._stale = False
        self._copied: tuple[int, int, int] | None = None
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, notebook: bytes) -> None:
        """Remember the notebooks as they are before the user's first edit, and make `notebook` the dataset."""
        self._layout.outputs.mkdir(parents=True, exist_ok=True)
        self._layout.mirror.mkdir(exist_ok=True)
        for file, _ in scan(self._layout.work, self._say_once):
            if is_notebook(file.path):
                self._untouched[file.path] = file.version
        if self._notebook_output is not None:
            replace(self._notebook_output, notebook)
        self._write_elements()

    def update(self) -> None:
        """Bring everything up to date; a full disk is told, and what was there before stays."""
        with self._lock:
            start = time.monotonic()
            try:
                self._link_files()
                # The list first: it names every notebook, and the copy is what a full disk has no room for.
                if self._stale:
                    self._write_elements()
                    self._stale = False
                self._copy_notebook()
                self._told.discard(_DISK_FULL)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._say_once(_DISK_FULL)
            self.scan_seconds = time.monotonic() - start

    def _link_files(self) -> None:
        """Link what is new or was replaced, and mark the list as stale if the elements changed."""
        seen: set[PurePosixPath] = set()
        for file, folder in scan(self._layout.work, self._say_once):
            if not is_output(file.path) and (
                not is_notebook(file.path) or self._untouched.get(file.path) == file.version
            ):
                continue
            seen.add(file.path)
            linked = self._links.get(file.path)
            if linked is not None and linked.file.identity == file.identity:
                resized = linked.file.size != file.size
                linked.file = file
                if resized and linked.extension is not None:
                    linked.extension = None
                    self._stale = True
                continue
            target = self._link(file, folder)
            if target is not None:
                self._links[file.path] = _Linked(file, target)
                self._stale = True
        for path in self._links.keys() - seen:
            del self._links[path]
            self._stale = True

    def _link(self, file: Found, folder: int) -> str | None:
        self._number += 1
        return link_file(file, folder, self._layout.work, self._layout.mirror / str(self._number))

    def _write_elements(self) -> None:
        outputs = [path for path in self._links if is_output(path)]
        notebooks = [path for path in self._links if not is_output(path)]
        room = max(self._max_outputs - len(notebooks), 0)
        if len(outputs) > room:
            self._say_once(
                f"outputs/ holds {len(outputs)} files, and Galaxy takes {self._max_outputs} from one job: only the "
                f"first {room} will arrive. Pack them into one file, for example with shutil.make_archive."
            )
        below = {path.relative_to(OUTPUTS_FOLDER): path for path in outputs}
        content = {
            OUTPUTS: {
                "elements": [
                    self._element(one, below[one.path]) for one in name_elements(list(below), self._datatypes)[:room]
                ]
            },
            NOTEBOOKS: {
                "elements": [self._element(one, one.path) for one in name_elements(notebooks, self._datatypes)]
            },
        }
        text = json.dumps(content)
        if text != self._written:
            replace(self._layout.metadata, text.encode("utf-8"))
            self._written = text
        used = {Path(linked.target).name for linked in self._links.values()}
        for link in os.scandir(self._layout.mirror):
            if link.name not in used:
                Path(link.path).unlink()

    def _element(self, element: Element, path: PurePosixPath) -> dict[str, str]:
        linked = self._links[path]
        extension = element.extension
        if extension is None:
            if linked.extension is None:
                linked.extension = self._datatypes.sniff(self._beginning(linked))
            extension = linked.extension
        return {"name": element.identifier, "ext": extension, "filename": linked.target}

    def _beginning(self, linked: _Linked) -> bytes:
        try:
            with (self._layout.root / linked.target).open("rb") as file:
                return file.read(SNIFFED_BYTES)
        except OSError:
            return b""

    def _copy_notebook(self) -> None:
        """Make the notebook that was saved last the job's first dataset."""
        edited = [linked for path, linked in self._links.items() if is_notebook(path)]
        if self._notebook_output is None or not edited:
            return
        last = max(edited, key=lambda linked: linked.file.modified)
        version = (*last.file.identity, last.file.modified)
        if version == self._copied:
            return
        content = (self._layout.root / last.target).read_bytes()
        for _ in range(_WRITING_TRIES):
            if is_whole_notebook(content):
                break
            # JupyterLab is writing it at this moment.
            time.sleep(_WRITING_SECONDS)
            content = (self._layout.root / last.target).read_bytes()
        else:
            return
        replace(self._notebook_output, content)
        self._copied = version

    def _say_once(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            self._tell(message)


def link_file(file: Found, folder: int, below: Path, link: Path) -> str | None:
    """Make a hard link to a file that a scan of `below` found in the open `folder`.

    Returns
    -------
    str or None
        The link's path below the job's working folder; the file's own where no link can be made; None if it is gone.
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


_DISK_FULL = "The disk is full. What was saved before is kept for Galaxy; delete what you don't need, and save again."


def is_whole_notebook(content: bytes) -> bool:
    """Whether `content` is a notebook to its end, not one that is just being written."""
    if len(content) > _PARSED_BYTES:
        return content.lstrip()[:1] == b"{" and content.rstrip()[-1:] == b"}"
    try:
        notebook = json.loads(content)
    except ValueError:
        return False
    return isinstance(notebook, dict) and "cells" in notebook


def replace(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new one, never a part.

    Raises
    ------
    OSError
        The old content stays, unless the file is a mount of its own, which can only be overwritten.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        with contextlib.suppress(FileNotFoundError):
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        if error.errno not in {errno.EBUSY, errno.EXDEV, errno.EACCES, errno.EROFS}:
            raise
        path.write_bytes(content)
