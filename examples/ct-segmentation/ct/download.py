"""A large file from the network: goes on where it broke off, and is only there once its checksum is right.

None of the libraries in the kernels' environment does both (pooch, which many examples use, verifies but begins
anew), so
this is httpx and the `Range` of HTTP.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

RECORD = "https://zenodo.org/api/records/6091361"
"""The published record: `combined_CT_datasets.h5` (296 MB) and a trained model (138 MB). It tells sizes and
checksums."""

_TRIES = 5
_PAUSE_SECONDS = 2.0
_TIMEOUT = httpx.Timeout(30, connect=15)

Told = Callable[[int, int | None], None]


class DownloadError(Exception):
    """The file could not be fetched; the text says why and what to do."""


@dataclass(frozen=True)
class Wanted:
    """A file of a record: its address, its size in bytes, and its checksum as `md5:…` or `sha256:…`."""

    address: str
    size: int
    checksum: str


def of_record(name: str, record: str = RECORD) -> Wanted:
    """Ask a Zenodo record for one of its files.

    Raises
    ------
    DownloadError
        The record can't be read, or has no such file.
    """
    try:
        answer = httpx.get(record, timeout=_TIMEOUT, follow_redirects=True).raise_for_status().json()
        files = {
            file["key"]: Wanted(file["links"]["self"], int(file["size"]), file["checksum"]) for file in answer["files"]
        }
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise DownloadError(
            f"The record {record} can't be read ({type(error).__name__}: {error}). Is there a network here? "
            f"Else download "
            f"{name} elsewhere, upload it to your history, and take it with history[{name!r}].path."
        ) from error
    if name not in files:
        raise DownloadError(f"The record {record} has no {name!r}; it has {', '.join(sorted(files))}.")
    return files[name]


def fetch(wanted: Wanted, target: str | Path, told: Told = lambda _done, _of: None) -> Path:
    """Fetch a file, and return its path. What is there already, and right, is not fetched again.

    Until it is whole and verified it is called `<name>.part`. If the connection breaks it is tried again, and goes on
    with
    what there is; so does the next call, also in another session. `told` is called with the bytes so far and their
    total.

    Raises
    ------
    DownloadError
        The server can't be reached or refuses; it gave up after several tries without a byte; or what came is not
        what was
        announced: then it is thrown away, so that the next call begins anew; or the disk has too little room.
    """
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.stat().st_size == wanted.size and _matches(path, wanted.checksum):
        return path
    part = path.with_name(path.name + ".part")
    _require_room(path.parent, wanted.size - _size(part))
    tries, most = 0, _size(part)
    while (there := _size(part)) < wanted.size:
        try:
            _go_on(wanted, part, there, told)
        except httpx.TransportError as error:
            # A try that brought something is a step, not a failure: a slow network may break a hundred times.
            tries = 0 if _size(part) > most else tries + 1
            most = max(most, _size(part))
            if tries >= _TRIES:
                raise DownloadError(
                    f"{wanted.address} can't be reached ({type(error).__name__}: {error}). {_size(part):,} of "
                    f"{wanted.size:,} "
                    "bytes are here; run this again later, and it goes on there."
                ) from error
            time.sleep(_PAUSE_SECONDS)
    _accept(part, path, wanted)
    return path


def _require_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DownloadError(
            f"{size:,} bytes are to come, and {free:,} are free in {folder}. Delete something, and try again."
        )


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _go_on(wanted: Wanted, part: Path, there: int, told: Told) -> None:
    """Ask for what is missing, and append it; a server that sends all of it again begins the file anew."""
    headers = {"Range": f"bytes={there}-", "Accept-Encoding": "identity"} if there else {"Accept-Encoding": "identity"}
    with httpx.stream("GET", wanted.address, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as answer:
        if answer.status_code >= 500:
            raise httpx.RemoteProtocolError(f"the server answers {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise DownloadError(
                f"{wanted.address} answers {answer.status_code} {answer.reason_phrase}. Is the address right?"
            )
        goes_on = answer.status_code == 206 and _begins(answer.headers.get("content-range", "")) == there
        if answer.status_code == 206 and not goes_on:
            part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("the server sent another part than was asked for")
        done = there if goes_on else 0
        with part.open("ab" if goes_on else "wb") as file:
            for chunk in answer.iter_raw():  # as they come: with a size, what is gathered is lost when it breaks off
                done += len(chunk)
                if done > wanted.size:
                    break
                file.write(chunk)
                told(done, wanted.size)
    if done > wanted.size:
        part.unlink()
        raise DownloadError(
            f"{wanted.address} sends more than the {wanted.size:,} bytes that were announced. Nothing is kept."
        )
    if done < wanted.size:
        raise httpx.RemoteProtocolError("the server ended early")


def _begins(content_range: str) -> int | None:
    found = re.match(r"bytes (\d+)-", content_range)
    return int(found[1]) if found else None


def _accept(part: Path, path: Path, wanted: Wanted) -> None:
    if _size(part) != wanted.size or not _matches(part, wanted.checksum):
        part.unlink(missing_ok=True)
        raise DownloadError(
            f"What came from {wanted.address} is not what was announced ({wanted.checksum}). It was thrown "
            f"away; run this "
            "again. If it stays so, the file was changed there, or something between here and there changes it."
        )
    part.replace(path)


def _matches(path: Path, checksum: str) -> bool:
    kind, _, expected = checksum.partition(":")
    if kind not in ("md5", "sha256", "sha512") or not expected:
        raise DownloadError(f"The checksum {checksum!r} can't be verified. Give one as 'md5:…' or 'sha256:…'.")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return found == expected.lower()
