"""Hashes computed in a thread beside a transfer, so that they cost it no time; runs everywhere."""

from __future__ import annotations

import hashlib
import queue
import threading

# Galaxy's names of hash functions, and hashlib's; the fastest first.
FUNCTIONS = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512", "MD5": "md5"}
_WAITING_CHUNKS = 16


class Digest:
    """Hashes chunks in a thread of its own; `function` is Galaxy's name (a key of `FUNCTIONS`)."""

    def __init__(self, function: str) -> None:
        self.function = function
        self._hash = hashlib.new(FUNCTIONS[function], usedforsecurity=False)
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_WAITING_CHUNKS)
        self._thread = threading.Thread(target=self._work, name="nebulab-digest", daemon=True)
        self._thread.start()
        self._position = 0

    def update(self, chunk: bytes, position: int) -> None:
        """Add a chunk that begins at `position`; bytes added before (a connection broke) are skipped."""
        fresh = chunk[self._position - position :] if position < self._position else chunk
        if fresh:
            self._position += len(fresh)
            self._chunks.put(fresh)

    def value(self) -> str:
        """Wait for the thread and return the digest in hexadecimal."""
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the thread."""
        if self._thread.is_alive():
            self._chunks.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (chunk := self._chunks.get()) is not None:
            self._hash.update(chunk)
