"""Files and folders into a history, byte for byte, with a hash that Galaxy verifies; runs everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nebulab.errors import QuotaExceeded, TransferError
from nebulab.galaxy.connection import QUOTA_HINT, Galaxy
from nebulab.galaxy.contents import Item
from nebulab.galaxy.digest import Digest
from nebulab.galaxy.progress import Progress, Silent, in_bytes
from nebulab.galaxy.tus import send

# Datatypes that Galaxy sorts or indexes after it checked the hash, which is then not that of the dataset.
_REWRITTEN = re.compile(r"(^|\.)(bam|cram|isa-tab|isa-json)$")
_NOT_IN_AN_IDENTIFIER = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Upload:
    """The file `path` to upload, and the name, datatype and tags of its dataset.

    `ext` is Galaxy's datatype, with `auto` Galaxy sniffs it; in `tags` a leading `#` becomes `name:`.
    """

    path: Path
    name: str = ""
    ext: str = "auto"
    tags: Sequence[str] = field(default=())

    @property
    def label(self) -> str:
        """The name in the history."""
        return self.name or self.path.name


def upload(galaxy: Galaxy, history_id: str, source: Upload, *, progress: Progress | None = None) -> Item:
    """Send a file into a history, byte for byte, and return the dataset, which Galaxy is still taking in.

    Raises
    ------
    QuotaExceeded
        The user's storage has no room for it; nothing was sent.
    TransferError
        The file can't be read, or changes meanwhile.
    GalaxyAway, GalaxyError
    """
    _check_file(source.path)
    _check_quota(galaxy, source.path.stat().st_size)
    payload, element = _sent(galaxy, source, 0, progress or Silent())
    element |= {"name": source.label, "tags": [_galaxy_tag(tag) for tag in source.tags]}
    targets = [{"destination": {"type": "hdas"}, "elements": [element]}]
    answer = galaxy.post("tools/fetch", {"history_id": history_id, "targets": targets} | _AS_IT_IS | payload)
    return Item.from_answer(answer["outputs"][0])


def upload_folder(  # noqa: PLR0913 - what Galaxy asks about a collection, by name
    galaxy: Galaxy,
    history_id: str,
    folder: Path,
    *,
    name: str = "",
    ext: str | Callable[[Path], str] = "auto",
    tags: Sequence[str] = (),
    progress: Progress | None = None,
) -> Item:
    """Upload a folder's files as a collection of datasets of the datatype `ext`, or of the one it returns for each.

    A flat folder becomes a list, a folder of flat folders a list of lists. Hidden files are left out. Elements have the
    files' names with the extension, by which Galaxy sniffs the datatype.

    Raises
    ------
    TransferError
        The folder holds no file, or files and folders side by side.
    QuotaExceeded, GalaxyAway, GalaxyError
        As for `upload`.
    """
    groups = _layout(folder)
    files = [file for group in groups.values() for file in group]
    for file in files:
        _check_file(file)
    _check_quota(galaxy, sum(file.stat().st_size for file in files))
    payload: dict[str, Any] = {}
    elements: list[dict[str, Any]] = []
    number = 0
    for group, members in groups.items():
        entries = []
        for file in members:
            sent, element = _sent(
                galaxy, Upload(file, ext=ext if isinstance(ext, str) else ext(file)), number, progress or Silent()
            )
            payload |= sent
            entries.append(element | {"name": _NOT_IN_AN_IDENTIFIER.sub("_", file.name)})
            number += 1
        elements += [{"name": group, "elements": entries}] if group else entries
    target = {
        "destination": {"type": "hdca"},
        "collection_type": "list" if "" in groups else "list:list",
        "name": name or folder.resolve().name,
        "tags": [_galaxy_tag(tag) for tag in tags],
        "elements": elements,
    }
    answer = galaxy.post("tools/fetch", {"history_id": history_id, "targets": [target]} | _AS_IT_IS | payload)
    return Item.from_answer(answer["output_collections"][0])


# Keeps Galaxy from changing line ends and unpacking archives.
_AS_IT_IS = {"auto_decompress": False}


def _sent(galaxy: Galaxy, source: Upload, number: int, progress: Progress) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send one file; return the fields of the request for file `number`, and its element."""
    rewritten = _REWRITTEN.search(source.ext if source.ext != "auto" else source.path.name.lower())
    # SHA-1 suffices against broken transfers; on two cores SHA-256 costs a tenth of the speed more (bench).
    digest = None if rewritten else Digest("SHA-1")
    progress.start(source.label, source.path.stat().st_size)
    try:
        session = send(galaxy, source.path, digest, progress)
    except BaseException as error:
        progress.finish(str(error) or type(error).__name__)
        raise
    finally:
        if digest is not None:
            digest.close()
    progress.finish()
    element: dict[str, Any] = {
        "src": "files",
        "ext": source.ext,
        "dbkey": "?",
        "to_posix_lines": False,
        "space_to_tab": False,
    }
    if digest is not None:
        element["hashes"] = [{"hash_function": digest.function, "hash_value": digest.value()}]
    return {f"files_{number}|file_data": {"session_id": session, "name": source.path.name}}, element


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise TransferError(f"There is no file {path}.", "Paths are relative to the notebook's working folder.")


def _check_quota(galaxy: Galaxy, size: int) -> None:
    """Check before the upload: Galaxy takes the file, and then pauses the job that makes the dataset."""
    user = galaxy.get("users/current")
    limit, used = user.get("quota_bytes"), user.get("total_disk_usage") or 0
    if limit is not None and used + size > limit:
        raise QuotaExceeded(
            f"Your storage in Galaxy has {in_bytes(max(limit - used, 0))} left of {in_bytes(limit)}; "
            f"this needs {in_bytes(size)}.",
            QUOTA_HINT,
        )


def _layout(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each sub-folder by its name, or all files under the name ``""``."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.is_file()]
    folders = [entry for entry in entries if entry.is_dir()]
    if files and folders:
        raise TransferError(
            f"{folder} holds files beside folders; a collection has either.",
            "Put the files into a folder of their own.",
        )
    groups = {"": files} if files else {}
    for inner in folders:
        members = sorted(entry for entry in inner.iterdir() if not entry.name.startswith("."))
        if any(member.is_dir() for member in members):
            raise TransferError(f"{inner} holds folders; a collection has two levels at most.", "Put them separately.")
        if members:
            groups[inner.name] = members
    if not groups:
        raise TransferError(f"{folder} holds no files.", "A collection needs at least one.")
    return groups


def _galaxy_tag(tag: str) -> str:
    return f"name:{tag[1:]}" if tag.startswith("#") else tag
