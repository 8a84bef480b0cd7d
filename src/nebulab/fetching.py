"""A large file from the network: goes on where it broke off, is there only once it is verified; runs everywhere.

Weights and published data have gigabytes. None of the libraries in the kernels' environment both resumes and verifies
(pooch verifies, and begins anew), so this is httpx and HTTP's `Range`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from nebulab.errors import DiskFull, HashMismatch, SettingsError, TransferError, TransferIncomplete

_TRIES = 5
_TIMEOUT = httpx.Timeout(30, connect=15)
_CHECKSUMS = ("md5", "sha256", "sha512")

Progress = Callable[[int, int], None]
"""Called with the bytes that are there, and their total."""


@dataclass(frozen=True)
class Remote:
    """A file to fetch: its address, size in bytes, and checksum as `md5:…`, `sha256:…` or `sha512:…`, in hex."""

    address: str
    size: int
    checksum: str = ""


def announced(address: str, checksum: str = "") -> Remote:
    """Ask a server for a file's size, and for its MD5 if no checksum is given (`x-goog-hash`, `content-md5`).

    Raises
    ------
    TransferError
        The server can't be reached, refuses, or does not tell the size.
    """
    try:
        answer = httpx.head(address, timeout=_TIMEOUT, follow_redirects=True, headers={"Accept-Encoding": "identity"})
    except httpx.HTTPError as error:
        raise _unreachable(address, error) from error
    if answer.status_code != 200:
        raise _refused(address, answer)
    size = answer.headers.get("content-length", "")
    if not size.isdigit():
        raise TransferError(f"{address} does not tell the file's size.", "Download the file by hand.")
    return Remote(address, int(size), checksum or _md5(answer.headers))


def fetch(remote: Remote, target: Path, progress: Progress = lambda _done, _total: None, *, pause: float = 2.0) -> Path:
    """Fetch a file and return its path. One that is there and right is not fetched again.

    Until it is whole and verified it is called `<name>.part`. A broken connection is tried again after `pause` seconds
    and goes on with what is there, and so does the next call, also in another session. A try that brings something
    counts as a step, not as a failure: a slow network may break many times.

    Raises
    ------
    TransferError
        The server can't be reached, or refuses.
    TransferIncomplete
        It sends more than it announced.
    HashMismatch
        What came has another checksum; it is deleted.
    DiskFull
    SettingsError
        The checksum is of an unknown kind.
    """
    _require_kind(remote.checksum)
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file() and target.stat().st_size == remote.size and _matches(target, remote.checksum):
        return target
    part = target.with_name(target.name + ".part")
    # A part that is longer than the file is of another file.
    if _size(part) > remote.size:
        part.unlink()
    _require_room(part.parent, remote.size - _size(part))
    failures, most = 0, _size(part)
    while _size(part) < remote.size:
        try:
            _continue(remote, part, progress)
        except httpx.TransportError as error:
            failures = 0 if _size(part) > most else failures + 1
            most = max(most, _size(part))
            if failures >= _TRIES:
                have = f"{_size(part):,} of {remote.size:,} bytes are here."
                raise _unreachable(remote.address, error, have) from error
            time.sleep(pause)
    part.touch()  # an empty file is fetched by no request
    if not _matches(part, remote.checksum):
        part.unlink()
        raise HashMismatch(
            f"What came from {remote.address} has another checksum than {remote.checksum}; it was deleted.",
            "Try again. If it stays so, the file was changed there, or something on the way changes it.",
        )
    return part.replace(target)


def _continue(remote: Remote, part: Path, progress: Progress) -> None:
    """Ask for the missing bytes and append them; a server that ignores the range sends the file from its beginning."""
    present = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={present}-"} if present else {})
    with httpx.stream("GET", remote.address, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as answer:
        if answer.status_code >= 500:
            raise httpx.RemoteProtocolError(f"the server answers {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise _refused(remote.address, answer)
        if answer.status_code == 200:
            present = 0
        elif not re.match(rf"bytes {present}-", answer.headers.get("content-range", "")):
            part.unlink(missing_ok=True)
            raise httpx.RemoteProtocolError("the server sent another range than was asked for")
        with part.open("ab" if present else "wb") as file:
            # No chunk size: httpx would gather that much first, and lose it when the connection breaks.
            for chunk in answer.iter_raw():
                present += len(chunk)
                if present > remote.size:
                    break
                file.write(chunk)
                progress(present, remote.size)
    if present > remote.size:
        part.unlink()
        raise TransferIncomplete(
            f"{remote.address} sends more than the {remote.size:,} bytes that it announced; nothing is kept.",
            "Try again. If it stays so, tell who runs the server.",
        )
    if present < remote.size:
        raise httpx.RemoteProtocolError("the connection ended early")


def _md5(headers: httpx.Headers) -> str:
    found = re.search(r"md5=([\w+/=]+)", headers.get("x-goog-hash", ""))
    encoded = found[1] if found else headers.get("content-md5", "")
    try:
        return f"md5:{base64.b64decode(encoded, validate=True).hex()}" if encoded else ""
    except binascii.Error:
        return ""


def _require_kind(checksum: str) -> None:
    kind, _, value = checksum.partition(":")
    if checksum and (kind not in _CHECKSUMS or not value):
        raise SettingsError(f"The checksum {checksum!r} is of no known kind.", "Give it as 'sha256:…' or 'md5:…'.")


def _matches(path: Path, checksum: str) -> bool:
    if not checksum:
        return True
    kind, _, expected = checksum.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()
    return found == expected.lower()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(f"{needed:,} bytes are to come, and {free:,} are free in {folder}.", "Delete something there.")


def _unreachable(address: str, error: Exception, have: str = "") -> TransferError:
    return TransferError(
        f"{address} can't be reached ({type(error).__name__}: {error}). {have}".strip(),
        "Is there a network here? Try again later; a download goes on where it broke off.",
    )


def _refused(address: str, answer: httpx.Response) -> TransferError:
    return TransferError(f"{address} answers {answer.status_code} {answer.reason_phrase}.", "Is the address right?")
