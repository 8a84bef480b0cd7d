"""The journal: a session's messages for its user, in the job's log and on the Lab's page; runs in the session.

The page asks for them: `lab.extension` relays its request to the broker, which answers with `status` of `live`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from pathlib import PurePath

_KEPT = 50
_LONGEST_SHOWN = 160
"""Characters of a path in a message."""


class Journal:
    """The session's messages, newest last; also written to the job's error stream, which Galaxy shows."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, object]] = deque(maxlen=_KEPT)
        self._lasting: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()

    def tell(self, message: str) -> None:
        """Add a message. It must hold no key or token: other users of Galaxy may read the job's log."""
        with self._lock:
            self._tell(message)

    def tell_while(self, subject: str, message: str) -> None:
        """Add a message that is true until `take_back`, unless there is one on `subject` already."""
        with self._lock:
            if subject not in self._lasting:
                self._lasting[subject] = self._tell(message)

    def take_back(self, subject: str) -> None:
        """Remove the message on `subject` from the page."""
        with self._lock:
            entry = self._lasting.pop(subject, None)
            if entry is not None and entry in self._messages:
                self._messages.remove(entry)

    def _tell(self, message: str) -> dict[str, object]:
        entry: dict[str, object] = {"time": time.time(), "text": message}
        self._messages.append(entry)
        print(f"nebulab: {message}", file=sys.stderr, flush=True)
        return entry

    def messages(self) -> list[dict[str, object]]:
        """Return the messages for JSON: `time` in seconds since the epoch, and `text`."""
        with self._lock:
            return list(self._messages)


def log(line: str) -> None:
    """Write a line to the job's output, for an administrator or a curious user."""
    print(line, flush=True)


def shown(path: PurePath) -> str:
    """Return a path for a message: quoted, with undecodable bytes replaced; of a long one the beginning and the end."""
    text = str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if len(text) > _LONGEST_SHOWN:
        half = _LONGEST_SHOWN // 2
        text = f"{text[:half]}…{text[-half:]}"
    return repr(text)


def in_words(size: int) -> str:
    """Return a number of bytes for people."""
    if size >= 2**30:
        return f"{size / 2**30:.1f} GB"
    return f"{size / 2**20:.0f} MB" if size >= 10 * 2**20 else f"{size / 2**20:.1f} MB"
