"""Recovery: outputs of a session that Galaxy lost, uploaded into the history through the API; runs as a process of its
own, once.

`python -m nebulab.session.outputs.recovery GALAXY_URL HISTORY_ID FOLDER`, with the user's key on the standard input.
The session has listed the outputs with `nebulab.session.outputs.collected.write_lost`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from pathlib import Path

from nebulab.errors import DatasetFailed, DatasetLost, GalaxyAway, GalaxyError, NebulabError, TransferError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.galaxy.waiting import wait_for_item
from nebulab.session.layout import Layout
from nebulab.session.outputs.collected import Lost, read_lost

_HISTORY = "Recovered from a session that Galaxy lost"
_TAG = "nebulab-recovered"
_ATTEMPTS = 5
_LONGEST_SECONDS = 24 * 3600.0
"""How long Galaxy may take to take in an output; then this process, which has the user's key, ends."""
_LONGEST_STEM = 200
"""In bytes: file systems take names of 255."""
_PATIENCE_SECONDS = 3600.0
"""A Galaxy that has just lost its jobs may well go away again."""

Send = Callable[[Galaxy, str, Lost, Path], Item]


def recover(galaxy: Galaxy, history_id: str, layout: Layout) -> int:
    """Upload all lost outputs into the history, and return the number of files.

    An output that Galaxy refuses, such as a page with scripts where its administrator allows none, is uploaded again in
    a tar file, and one that it loses, since it ends once more, as it is.

    Raises
    ------
    GalaxyAway, GalaxyError, TransferError, DatasetFailed
        An upload failed; the others were brought, and the files stay in the job's folder.
    """
    lost = [output for output in read_lost(layout) if output.elements]
    if not lost:
        return 0
    history_id = _usable(galaxy, history_id)
    failures: list[NebulabError] = []
    sent: list[tuple[Lost, Item]] = []
    for output in lost:
        with _noted(failures):
            sent.append((output, _surely(_send, galaxy, history_id, output, layout.root)))
    for output, item in sent:
        with _noted(failures):
            _bring(galaxy, history_id, output, item, layout.root)
    if failures:
        raise failures[0]
    return sum(len(output.elements) for output in lost)


@contextlib.contextmanager
def _noted(failures: list[NebulabError]) -> Iterator[None]:
    """Note an error, so that the next output is tried; a Galaxy that is away was waited for long enough."""
    try:
        yield
    except GalaxyAway:
        raise
    except NebulabError as error:
        failures.append(error)
    except OSError as error:
        failures.append(TransferError(f"An output can't be read: {error}", "It stays in the job's folder."))


def _surely(send: Send, galaxy: Galaxy, history_id: str, output: Lost, root: Path) -> Item:
    """Send an output; once more if Galaxy ended before it confirmed it: rather twice in the history than never."""
    try:
        return send(galaxy, history_id, output, root)
    except GalaxyAway as away:
        print(f"nebulab: {output.name} is sent again: {away.message}", flush=True)
        return send(galaxy, history_id, output, root)


def _bring(galaxy: Galaxy, history_id: str, output: Lost, item: Item, root: Path) -> None:
    """Wait until Galaxy has taken in what was sent; what it refuses or loses is sent again."""
    send = _send
    for attempt in range(_ATTEMPTS):
        try:
            wait_for_item(galaxy, item, _LONGEST_SECONDS)
            return
        except DatasetFailed as failure:
            again = failure
        if not isinstance(again, DatasetLost):
            if send is _send_packed:
                raise again
            send = _send_packed
        if attempt == _ATTEMPTS - 1:
            raise again
        how = " as a tar file" if send is _send_packed else ""
        print(f"nebulab: {output.name} is sent again{how}: {again.message}", flush=True)
        failed, item = item, _surely(send, galaxy, history_id, output, root)
        galaxy.delete(failed.path)


def _send(galaxy: Galaxy, history_id: str, lost: Lost, root: Path) -> Item:
    if not lost.is_collection:
        (element,) = lost.elements
        file = root / element["filename"]
        return upload(galaxy, history_id, Upload(file, name=lost.name, ext=element["ext"], tags=_tags(lost)))
    with tempfile.TemporaryDirectory(dir=root, prefix="recovered") as name:
        folder = Path(name)
        extensions = _lay_out(lost.elements, root, folder)
        return upload_folder(
            galaxy,
            history_id,
            folder,
            name=lost.name,
            ext=lambda path: extensions[path.name],
            tags=_tags(lost),
        )


def _send_packed(galaxy: Galaxy, history_id: str, lost: Lost, root: Path) -> Item:
    """Send everything as one tar file: of the formats that hold files, the one that Galaxy does not look into."""
    with tempfile.TemporaryDirectory(dir=root, prefix="recovered") as name:
        folder, packed = Path(name) / "files", Path(name) / "files.tar"
        folder.mkdir()
        _lay_out(lost.elements, root, folder)
        with tarfile.open(packed, "w") as archive:
            archive.add(folder, arcname="")
        # Padding: Galaxy takes a tar file that ends with a zip file for a zip file, by a mark in the last 64 KiB.
        os.truncate(packed, packed.stat().st_size + 2**17)
        label = f"{lost.name} (a tar file)"
        return upload(galaxy, history_id, Upload(packed, name=label, ext="tar", tags=_tags(lost)))


def _tags(lost: Lost) -> tuple[str, ...]:
    return (_TAG, *lost.tags)


def _usable(galaxy: Galaxy, history_id: str) -> str:
    """Return the id of the session's history, or of a new one if it was deleted."""
    try:
        history = galaxy.get(f"histories/{history_id}")
        if not history.get("deleted"):
            return history_id
    except GalaxyError:
        pass
    new_id: str = galaxy.post("histories", {"name": _HISTORY})["id"]
    return new_id


def _lay_out(elements: Sequence[Mapping[str, str]], root: Path, folder: Path) -> dict[str, str]:
    """Link the files into one flat folder under their elements' names; return each name's datatype.

    Raises
    ------
    TransferError
        None of them can be read.
    """
    extensions: dict[str, str] = {}
    for element in elements:
        name = _flat_name(element, extensions)
        try:
            _link(root / element["filename"], folder / name)
        except OSError as error:
            print(f"nebulab: {element['name']!r} can't be read and is left out: {error.strerror}", flush=True)
        else:
            extensions[name] = element["ext"]
    if not extensions:
        raise TransferError("None of the files can be read.", f"They were to lie in {root}.")
    return extensions


def _link(file: Path, name: Path) -> None:
    try:
        name.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, name)


def _flat_name(element: Mapping[str, str], taken: Container[str]) -> str:
    """Return a name for the element's file that a folder can have, and that is not `taken`."""
    ending = f".{element['ext']}"
    stem = element["name"].replace("/", "_").lstrip(".") or "file"
    if stem.lower().endswith(ending):
        stem, ending = stem[: -len(ending)], stem[-len(ending) :]
    stem = stem.encode("utf-8")[:_LONGEST_STEM].decode("utf-8", "ignore")
    numbers = ("", *(f"{number}_" for number in range(2, 20_000)))
    return next(name for number in numbers if (name := f"{number}{stem}{ending}") not in taken)


def main() -> int:
    """Recover the session in the folder that the arguments name, and print the result."""
    url, history_id, folder = sys.argv[1:4]
    key = sys.stdin.read().strip()
    try:
        with Galaxy(GalaxySettings(url, key, patience=_PATIENCE_SECONDS)) as galaxy:
            count = recover(galaxy, history_id, Layout(Path(folder)))
    except NebulabError as error:
        print(f"nebulab: the session's work could not be saved to the history: {error}", file=sys.stderr, flush=True)
        return 1
    print(f"nebulab: saved to the history: {count} file{'' if count == 1 else 's'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
