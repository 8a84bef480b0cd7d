"""The scan: one walk through the user's working folder for files that Galaxy may get; runs in the session.

No path is trusted: every folder is opened relative to the one before it (openat) without following links, so that a
folder swapped for a link during the walk leads nowhere.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nebulab.files import Extent

OUTPUTS_FOLDER = PurePosixPath("outputs")
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "galaxy_inputs"})
_SKIPPED_IN_OUTPUTS = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})
# JupyterLab's own half-written files.
_BEING_WRITTEN = ".~"
_ENVIRONMENT_MARK = "pyvenv.cfg"
_DEEPEST = 64
_MOST = 200_000
"""Files of one scan, many times what Galaxy takes: links to folders multiply them without end."""
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Refuse = Callable[[PurePosixPath, str], None]
"""Takes the path of what can't be a dataset, and the reason."""

_NO_FILE = "it is no ordinary file (a pipe, a socket or a device)"
_LEAVES = "it is a link out of the working folder. Copy the file instead"
_NOWHERE = "it is a link that leads nowhere"
_AROUND = "it is a link to a folder that holds it"
_TOO_DEEP = "it lies in too many folders for Galaxy. Move it up"
_TOO_MANY = f"a scan ends after {_MOST:,} files. Pack them into one, for example with shutil.make_archive"
_NO_FOLDER = "it must be a folder for what is in it to be collected"


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A regular file; `path` is below the working folder, `name` within the folder that holds the content."""

    path: PurePosixPath
    name: str
    extent: Extent
    modified: int
    """Nanoseconds since the epoch."""

    @property
    def size(self) -> int:
        """The length in bytes, holes included."""
        return self.extent.length

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode: the same as long as the file is edited in place."""
        return self.extent.identity

    @property
    def version(self) -> tuple[int, int]:
        """Size and time of modification: others when the content changes."""
        return self.size, self.modified


def is_output(path: PurePosixPath) -> bool:
    """Whether the file belongs to the output collection."""
    return path.parts[0] == OUTPUTS_FOLDER.name and len(path.parts) > 1


def is_notebook(path: PurePosixPath) -> bool:
    """Whether the file is a notebook by its name."""
    return path.suffix == ".ipynb"


def scan(work: Path, refuse: Refuse, *, everything: bool = False) -> Iterator[tuple[ScannedFile, int]]:
    """Yield every file of `outputs/` and every notebook elsewhere, each with the file descriptor of its folder.

    With `everything` all files are yielded, as in `outputs/`.

    The descriptor is valid until the next step. `refuse` gets each entry that can't be a dataset: a link that leaves
    the working folder, a pipe, a socket, a device.
    """
    with _opened(work) as root:
        walk = _walk(root, PurePosixPath(), _Walk(work, root, refuse, everything), followed=False)
        for number, found in enumerate(walk):
            if number == _MOST:
                refuse(found[0].path, _TOO_MANY)
                return
            yield found


@dataclass(frozen=True)
class _Walk:
    work: Path
    root: int
    refuse: Refuse
    everything: bool

    def in_outputs(self, folder: PurePosixPath) -> bool:
        return self.everything or folder.parts[:1] == OUTPUTS_FOLDER.parts


@contextlib.contextmanager
def _opened(path: str | Path, beneath: int | None = None) -> Iterator[int]:
    folder = os.open(path, _OPEN_FOLDER, dir_fd=beneath)
    try:
        yield folder
    finally:
        os.close(folder)


@contextlib.contextmanager
def _opened_below(root: int, parts: tuple[str, ...]) -> Iterator[int]:
    with contextlib.ExitStack() as stack:
        folder = root
        for part in parts:
            folder = stack.enter_context(_opened(part, folder))
        yield folder


def _walk(folder: int, path: PurePosixPath, walk: _Walk, *, followed: bool) -> Iterator[tuple[ScannedFile, int]]:
    try:
        with os.scandir(folder) as entries:
            listing = list(entries)
    except OSError:
        return
    if not walk.in_outputs(path) and any(entry.name == _ENVIRONMENT_MARK for entry in listing):
        return
    for entry in listing:
        try:
            yield from _visit(entry, folder, path, walk, followed=followed)
        except FileNotFoundError:
            # Deleted since it was listed.
            continue
        except OSError as error:
            walk.refuse(path / entry.name, f"it can't be read ({error.strerror})")


def _visit(
    entry: os.DirEntry[str], folder: int, parent: PurePosixPath, walk: _Walk, *, followed: bool
) -> Iterator[tuple[ScannedFile, int]]:
    path = parent / entry.name
    in_outputs = walk.in_outputs(parent)
    if path == OUTPUTS_FOLDER and not walk.everything and not entry.is_dir(follow_symlinks=False):
        walk.refuse(path, _NO_FOLDER)
    elif entry.is_symlink():
        if in_outputs and not followed:
            yield from _follow(path, walk)
    elif entry.is_dir(follow_symlinks=False):
        if _skipped(entry.name, in_outputs):
            return
        if len(path.parts) > _DEEPEST:
            walk.refuse(path, _TOO_DEEP)
            return
        with _opened(entry.name, folder) as inner:
            yield from _walk(inner, path, walk, followed=followed)
    elif in_outputs or is_notebook(path):
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            walk.refuse(path, _NO_FILE)
        elif not entry.name.startswith(_BEING_WRITTEN):
            yield _scanned(path, entry.name, status), folder


def _skipped(name: str, in_outputs: bool) -> bool:
    if in_outputs:
        return name in _SKIPPED_IN_OUTPUTS
    return name.startswith(".") or name in _SKIPPED


def _follow(path: PurePosixPath, walk: _Walk) -> Iterator[tuple[ScannedFile, int]]:
    """Walk the destination of a symbolic link in the working folder; any other link is refused."""
    real = Path(os.path.realpath(walk.work / path))
    home = Path(os.path.realpath(walk.work))
    if not real.is_relative_to(home) or real == home:
        walk.refuse(path, _LEAVES)
        return
    parts = real.relative_to(home).parts
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(_opened_below(walk.root, parts[:-1]))
            status = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            walk.refuse(path, _NOWHERE)
            return
        if stat.S_ISREG(status.st_mode):
            yield _scanned(path, parts[-1], status), folder
        elif stat.S_ISDIR(status.st_mode):
            if path.parent.is_relative_to(real.relative_to(home)):
                walk.refuse(path, _AROUND)
                return
            with _opened(parts[-1], folder) as inner:
                yield from _walk(inner, path, walk, followed=True)
        else:
            walk.refuse(path, _NOWHERE if stat.S_ISLNK(status.st_mode) else _NO_FILE)


def _scanned(path: PurePosixPath, name: str, status: os.stat_result) -> ScannedFile:
    return ScannedFile(path, name, Extent.of(status), status.st_mtime_ns)
