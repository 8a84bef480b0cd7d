"""Resumable upload of a file into Galaxy's upload store (TUS 1.0.0); runs everywhere.

Source: https://tus.io/protocols/resumable-upload, core protocol and the creation extension. tuspy, which BioBlend
brings, reads each piece into memory and has no backoff.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import httpx
import urllib3
from urllib3.exceptions import HTTPError

from nebulab.errors import GalaxyError, TransferError
from nebulab.galaxy.connection import Galaxy, raise_for_answer
from nebulab.galaxy.digest import Digest
from nebulab.galaxy.patience import AWAY_STATUSES, Patience
from nebulab.galaxy.progress import Progress

_STORE = "upload/resumable_upload"
_VERSION = {"Tus-Resumable": "1.0.0"}
# Smaller chunks make the sending and the hashing thread wait for one another more often.
_CHUNK_BYTES = 1 << 20
# The size of one request; servers before Galaxy may take less and then answer 413.
_PIECE_BYTES = 1 << 30
_SMALLEST_PIECE_BYTES = 1 << 20
# The upload is locked by an earlier request, or the offset has moved on.
_ASK_OFFSET_STATUSES = frozenset({409, 423, 460})


def send(galaxy: Galaxy, path: Path, digest: Digest | None, progress: Progress) -> str:
    """Send a file and return the id under which Galaxy's upload store keeps it.

    Raises
    ------
    TransferError
        The file changes while it is sent.
    GalaxyAway, GalaxyError
    """
    size = path.stat().st_size
    upload = _create(galaxy, path.name, size)
    url = f"{galaxy.url}/api/{_STORE}/{upload}"
    patience = Patience(galaxy.url, galaxy.settings.patience)
    piece = _PIECE_BYTES
    offset = 0
    with path.open("rb", buffering=0) as file:
        while offset < size:
            body = _Body(file, offset, min(piece, size - offset), digest, progress)
            try:
                answer = galaxy.pool.request("PATCH", url, body=body.chunks(), headers=_headers(galaxy, body))
            except HTTPError as error:
                patience.wait(str(error), error)
                reached = _offset(galaxy, upload)
            else:
                if answer.status == 413 and piece > _SMALLEST_PIECE_BYTES:
                    piece = max(min(piece, size) // 8, _SMALLEST_PIECE_BYTES)
                    continue
                reached = _reached(galaxy, upload, answer, patience)
            if reached > offset:
                patience.progressed()
            offset = reached
            progress.update(offset)
    if path.stat().st_size != size:
        raise TransferError(
            f"{path} was changed while it was sent.", "Wait until the program that writes it has ended."
        )
    return upload


class _Body:
    """One piece of the file, as the body of a request."""

    def __init__(self, file: BinaryIO, offset: int, length: int, digest: Digest | None, progress: Progress) -> None:
        self.offset = offset
        self.length = length
        self._file = file
        self._digest = digest
        self._progress = progress

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(self.offset)
        position, end = self.offset, self.offset + self.length
        while position < end:
            chunk = self._file.read(min(_CHUNK_BYTES, end - position))
            if not chunk:
                raise TransferError(
                    f"{self._file.name} became shorter while it was sent.",
                    "Wait until the program that writes it has ended.",
                )
            if self._digest is not None:
                self._digest.update(chunk, position)
            yield chunk
            position += len(chunk)
            self._progress.update(position)


def _headers(galaxy: Galaxy, body: _Body) -> dict[str, str]:
    return (
        galaxy.headers
        | _VERSION
        | {
            "Upload-Offset": str(body.offset),
            "Content-Length": str(body.length),
            "Content-Type": "application/offset+octet-stream",
        }
    )


def _create(galaxy: Galaxy, name: str, size: int) -> str:
    # Galaxy answers HEAD with the offset only if an upload has both.
    metadata = ",".join(
        f"{field} {base64.b64encode(value.encode(errors='replace')).decode()}"
        for field, value in (("filename", name), ("filetype", "application/octet-stream"))
    )
    headers = _VERSION | {"Upload-Length": str(size), "Upload-Metadata": metadata}
    answer = galaxy.request("POST", _STORE, headers=headers, content=b"")
    # Only the id is taken from Location: behind a proxy its host may be unknown to this client.
    upload = httpx.URL(answer.headers.get("location", "")).path.rpartition("/")[2]
    if not upload:
        raise GalaxyError(f"Galaxy at {galaxy.url} takes no resumable uploads.", "It must be version 22.01 or later.")
    return upload


def _offset(galaxy: Galaxy, upload: str) -> int:
    answer = galaxy.request("HEAD", f"{_STORE}/{upload}", headers=_VERSION)
    return int(answer.headers["upload-offset"])


def _reached(galaxy: Galaxy, upload: str, answer: urllib3.BaseHTTPResponse, patience: Patience) -> int:
    """Return the offset, in bytes, that Galaxy has reached after an answer."""
    if answer.status == 204:
        return int(answer.headers["upload-offset"])
    if answer.status in AWAY_STATUSES or answer.status in _ASK_OFFSET_STATUSES:
        patience.wait(f"it answered {answer.status}", None, answer.headers.get("retry-after"))
        return _offset(galaxy, upload)
    raise_for_answer(answer.status, answer.data, "the upload")
    raise GalaxyError(f"Galaxy answered the upload with {answer.status}, which is not known here.")
