"""Recovery: outputs of a session that Galaxy lost, uploaded into the history through the API; runs as a process of its
own, once.

`python -m nebulab.session.outputs.recovery GALAXY_URL HISTORY_ID FOLDER`, with the user's key on the standard input.
The session has listed the outputs with `nebulab.session.outputs.collected.write_lost`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nebulab.errors import DatasetFailed, GalaxyError, NebulabError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.galaxy.waiting import wait_for_item
from nebulab.session.layout import Layout
from nebulab.session.outputs.collected import Lost, read_lost

_HISTORY = "Recovered from a session that Galaxy lost"
_TAG = "nebulab-recovered"
_PATIENCE_SECONDS = 3600.0
"""A Galaxy that has just lost its jobs may well go away again."""


def recover(galaxy: Galaxy, history_id: str, layout: Layout) -> int:
    """Upload all lost outputs into the history, and return the number of files.

    An output that Galaxy refuses, such as a page with scripts where its administrator allows none, is uploaded again in
    a tar file.

    Raises
    ------
    GalaxyAway, GalaxyError, TransferError, DatasetFailed
        An upload failed; the files stay in the job's folder.
    """
    lost = [output for output in read_lost(layout) if output.elements]
    if not lost:
        return 0
    history_id = _usable(galaxy, history_id)
    sent = [(output, _send(galaxy, history_id, output, layout.root)) for output in lost]
    for output, item in sent:
        try:
            wait_for_item(galaxy, item)
        except DatasetFailed as refused:
            print(f"nebulab: {output.name} is sent again as a tar file: {refused.message}", flush=True)
            wait_for_item(galaxy, _send_packed(galaxy, history_id, output, layout.root))
            galaxy.delete(item.path)
    return sum(len(output.elements) for output in lost)


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
    """Link the files into one flat folder under their elements' names; return each name's datatype."""
    extensions: dict[str, str] = {}
    uses: Counter[str] = Counter()
    for element in elements:
        name = element["name"].replace("/", "_").lstrip(".") or "file"
        if not name.lower().endswith(f".{element['ext']}"):
            name = f"{name}.{element['ext']}"
        uses[name] += 1
        if uses[name] > 1:
            name = f"{uses[name]}_{name}"
        extensions[name] = element["ext"]
        try:
            (folder / name).hardlink_to(root / element["filename"])
        except OSError:
            shutil.copyfile(root / element["filename"], folder / name)
    return extensions


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
