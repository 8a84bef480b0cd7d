"""The content of a dataset as a seekable stream that reconnects; runs everywhere."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import urllib3
from urllib3.exceptions import HTTPError

from nebulab.errors import GalaxyError, TransferIncomplete
from nebulab.galaxy.connection import Galaxy, raise_for_answer
from nebulab.galaxy.patience import AWAY_STATUSES, Patience

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Larger chunks leave the processor's cache between read and write, and take twice the time.
CHUNK_BYTES = 1 << 18

_PACKED = ("application/x-zip-compressed", "application/zip")
"""Galaxy's own type of an archive, and that of a web server that packs for it."""


class ContentChanged(Exception):
    """The content was replaced while the connection was broken; the transfer must be restarted."""


class Content(io.RawIOBase):
    """The content of a dataset as a raw stream.

    A broken connection is resumed at its offset (`Range`); if the server ignores that, the beginning is skipped. `size`
    is the length in bytes, or None if Galaxy announces none (an archive made on the fly). Galaxy packs what consists of
    several files, and every page of HTML, which mostly is one file: that comes as it is. With `first` the first of
    several files comes alone.
    """

    def __init__(self, galaxy: Galaxy, dataset_id: str, *, first: bool = False) -> None:
        super().__init__()
        self._galaxy = galaxy
        self._path = f"/api/datasets/{dataset_id}/display?to_ext=data"
        self._patience = Patience(galaxy.url, galaxy.settings.patience)
        self._response: urllib3.BaseHTTPResponse | None = None
        self._position = 0
        self._furthest = 0
        self._version: tuple[str, str] | None = None
        self.size: int | None = None
        packed = self._connected().headers.get("content-type", "").endswith(_PACKED)
        if packed and (first or self._is_one_file(dataset_id)):
            self._drop()
            self._version = None
            self._path = f"/api/datasets/{dataset_id}/display?raw=true"
            self._connected()

    def _is_one_file(self, dataset_id: str) -> bool:
        try:
            return not self._galaxy.get(f"datasets/{dataset_id}/extra_files")
        except GalaxyError:
            # A Galaxy that does not tell: its archive has all.
            return False

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Whether the length is known."""
        return self.size is not None

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position; the next read asks Galaxy from there."""
        if self.size is None:
            raise io.UnsupportedOperation("Galaxy makes this content on the way: it can only be read from its start")
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        position = min(max(base + offset, 0), self.size)
        if position != self._position:
            self._drop()
            self._position = position
        return position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end; raises what `chunk` raises."""
        view = memoryview(buffer).cast("B")
        data = self.chunk(len(view))
        view[: len(data)] = data
        return len(data)

    def chunk(self, limit: int = CHUNK_BYTES) -> bytes:
        """Return the next bytes, at most `limit` of them, and none at the end.

        Raises
        ------
        GalaxyAway
            The connection broke and Galaxy did not come back in time.
        TransferIncomplete
            The connection ended before the announced length, in all retries.
        ContentChanged
            The content was replaced meanwhile.
        """
        while True:
            if self.size is not None and self._position >= self.size:
                return b""
            try:
                data = self._connected().read(min(limit, CHUNK_BYTES))
            except (HTTPError, OSError) as error:
                self._broke(str(error) or type(error).__name__, error)
                continue
            if data:
                self._position += len(data)
                if self._position > self._furthest:
                    self._furthest = self._position
                    self._patience.progressed()
                return data
            if self.size is None:
                return b""
            self._broke(f"it ended after {self._position} of {self.size} bytes", None)

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        super().close()

    def _broke(self, reason: str, error: BaseException | None) -> None:
        self._drop()
        if self.size is None and self._position:
            raise ContentChanged(reason) from error
        self._patience.wait(reason, error)

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _connected(self) -> urllib3.BaseHTTPResponse:
        """Return a response whose next byte is that at the position."""
        if self._response is None:
            self._response = self._connect()
        return self._response

    def _connect(self) -> urllib3.BaseHTTPResponse:
        headers = self._galaxy.headers | {"Accept-Encoding": "identity"}
        if self._position:
            headers["Range"] = f"bytes={self._position}-"
        while True:
            try:
                response = self._galaxy.pool.request(
                    "GET", self._galaxy.url + self._path, headers=headers, preload_content=False, decode_content=False
                )
            except HTTPError as error:
                self._patience.wait(str(error), error)
                continue
            if response.status in AWAY_STATUSES:
                response.close()
                self._patience.wait(f"it answered {response.status}", None, response.headers.get("retry-after"))
                continue
            break
        try:
            self._take(response)
        except BaseException:
            response.close()
            raise
        return response

    def _take(self, response: urllib3.BaseHTTPResponse) -> None:
        if response.status == 416:
            raise TransferIncomplete(
                f"Galaxy announced {self.size} bytes and holds fewer.", "Was the dataset changed? Try again."
            )
        if response.status >= 400:
            raise_for_answer(response.status, response.read(), f"GET {self._path}")
        version = (response.headers.get("etag", ""), response.headers.get("last-modified", ""))
        size = _whole_size(response)
        if self._version is None:
            self._version, self.size = version, size
        elif version != self._version or size != self.size:
            raise ContentChanged("the dataset was replaced while it was read")
        if response.status != 206 and self._position:
            remaining = self._position
            while remaining:
                skipped = len(response.read(min(remaining, CHUNK_BYTES)))
                if not skipped:
                    break
                remaining -= skipped


def _whole_size(response: urllib3.BaseHTTPResponse) -> int | None:
    """Return the length of the whole content, also from the answer to a range request."""
    total = response.headers.get("content-range", "").rpartition("/")[2]
    if response.status == 206 and total.isdigit():
        return int(total)
    length = response.headers.get("content-length", "")
    return int(length) if length.isdigit() else None
