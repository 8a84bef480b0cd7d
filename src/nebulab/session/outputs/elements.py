"""Identifiers and datatypes of collection elements, from the names of the user's files; runs in the session.

Any file must arrive: an element's identifier is the file's name without its extension, the whole name where two would
be the same, and never longer than Galaxy takes. The extension is the longest ending of the name that Galaxy knows as a
datatype; where none is known, the content's beginning decides between a few general ones.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

LONGEST_IDENTIFIER = 190
"""Galaxy keeps an output's name and its element's identifier together in 255 characters; more would fail the job."""
SNIFFED_BYTES = 8192

_GENERAL = ("txt", "tabular", "csv", "json", "data")
_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", "h5"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"%PDF-", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"SQLite format 3\0", "sqlite"),
)


class Datatypes:
    """The datatypes' extensions that this Galaxy knows."""

    def __init__(self, extensions: Iterable[str]) -> None:
        self._known = frozenset(extension.lower() for extension in extensions) | set(_GENERAL)

    def split(self, name: str) -> tuple[str, str | None]:
        """Split a file's name into its stem and the datatype's extension, None if no ending is a datatype."""
        dots = [index for index, character in enumerate(name) if character == "." and index > 0]
        for dot in dots:
            if name[dot + 1 :].lower() in self._known:
                return name[:dot], name[dot + 1 :].lower()
        return name, None

    def sniff(self, beginning: bytes) -> str:
        """Return the datatype of a file without a known extension, from its first `SNIFFED_BYTES` bytes."""
        for magic, extension in _MAGIC:
            if beginning.startswith(magic) and extension in self._known:
                return extension
        if not beginning:
            return "txt"
        try:
            # Up to the last whole line: a character may be cut in two at the end.
            text = beginning[: beginning.rfind(b"\n") + 1 or None].decode("utf-8")
        except UnicodeDecodeError:
            return "data"
        if any(character < " " and character not in "\t\n\r\f\x1b" for character in text):
            return "data"
        rows = [line.count("\t") for line in text.splitlines() if line]
        if rows and rows[0] > 0 and len(set(rows)) == 1:
            return "tabular"
        return "txt"


@dataclass(frozen=True)
class Element:
    """One file as an element of a collection."""

    path: PurePosixPath
    identifier: str
    extension: str | None
    """None where the content must decide."""


def name_elements(paths: Sequence[PurePosixPath], datatypes: Datatypes) -> list[Element]:
    """Give every file a unique identifier and an extension, which depend on nothing but the paths."""
    split = {path: datatypes.split(path.name) for path in paths}
    # Not with_name: of a file `..csv` nothing is left but a dot, which is no name.
    short = {
        path: _printable(str(path.parent / (path.name if stem == "." else stem))) for path, (stem, _) in split.items()
    }
    whole = {path: _printable(str(path)) for path in paths}
    chosen = dict(short)
    # A whole name may be another file's short one, hence again until nothing changes.
    while True:
        uses = Counter(chosen.values())
        clashing = [path for path in paths if uses[chosen[path]] > 1 and chosen[path] != whole[path]]
        if not clashing:
            break
        chosen.update((path, whole[path]) for path in clashing)
    uses = Counter(chosen.values())
    return [
        Element(path, _shorten(chosen[path], path, always=uses[chosen[path]] > 1), split[path][1])
        for path in sorted(paths)
    ]


def _printable(name: str) -> str:
    """Return the name with undecodable bytes and unprintable characters replaced: file names are bytes."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "_" for character in text).strip() or "_"


def _shorten(identifier: str, path: PurePosixPath, *, always: bool) -> str:
    if len(identifier) <= LONGEST_IDENTIFIER and not always:
        return identifier
    mark = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"{identifier[: LONGEST_IDENTIFIER - len(mark) - 1]}~{mark}"
