"""The work of a session that Galaxy lost, brought into the history through the API; a process of its own, once.

`python -m nebulab.session.recovery GALAXY_URL HISTORY_ID FOLDER`, with the user's key on the standard input. It reads
what the session has left for it (`nebulab.session.collected.write_lost`).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nebulab.errors import GalaxyError, NebulabError
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.session.collected import Lost, read_lost
from nebulab.session.settings import Layout

_HISTORY = "Recovered from a session that Galaxy lost"
_TAG = "nebulab-recovered"
_PATIENCE_SECONDS = 3600.0
"""A Galaxy that has just lost its jobs may well go away again."""


def recover(galaxy: Galaxy, history_id: str, layout: Layout) -> int:
    """Bring everything into the history, and return how many files that was.

    Raises
    ------
    GalaxyAway, GalaxyError, TransferError
        Something did not arrive; the files stay in the job's folder.
    """
    lost = [one for one in read_lost(layout) if one.elements]
    if not lost:
        return 0
    history_id = _usable(galaxy, history_id)
    for one in lost:
        tags = (_TAG, *one.tags)
        if not one.is_collection:
            for element in one.elements:
                file = layout.root / element["filename"]
                upload(galaxy, history_id, Upload(file, name=one.name, ext=element["ext"], tags=tags))
            continue
        with tempfile.TemporaryDirectory(dir=layout.root, prefix="recovered") as folder:
            _upload_collection(galaxy, history_id, one, tags, layout.root, Path(folder))
    return sum(len(one.elements) for one in lost)


def _upload_collection(
    galaxy: Galaxy, history_id: str, lost: Lost, tags: Sequence[str], root: Path, folder: Path
) -> None:
    extensions = _lay_out(lost.elements, root, folder)
    upload_folder(galaxy, history_id, folder, name=lost.name, ext=lambda path: extensions[path.name], tags=tags)


def _usable(galaxy: Galaxy, history_id: str) -> str:
    """The session's history, or a new one where it was deleted."""
    try:
        history = galaxy.get(f"histories/{history_id}")
        if not history.get("deleted"):
            return history_id
    except GalaxyError:
        pass
    made: str = galaxy.post("histories", {"name": _HISTORY})["id"]
    return made


def _lay_out(elements: Sequence[Mapping[str, str]], root: Path, folder: Path) -> dict[str, str]:
    """Link the files into one flat folder under names that a person knows; return each name's datatype."""
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
    """Recover what the arguments name, and say how it went."""
    url, history_id, folder = sys.argv[1:4]
    key = sys.stdin.read().strip()
    try:
        with Galaxy(GalaxySettings(url, key, patience=_PATIENCE_SECONDS)) as galaxy:
            count = recover(galaxy, history_id, Layout(Path(folder)))
    except NebulabError as error:
        print(f"nebulab: the session's work could not be saved to the history: {error}", file=sys.stderr, flush=True)
        return 1
    print(f"nebulab: {count} files of the session were saved to the history", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
