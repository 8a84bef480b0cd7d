"""What a session tells its user: messages for the Lab's page and the job's log; runs in the session."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from pathlib import PurePath

_KEPT = 50


class Journal:
    """The session's messages, newest last; also written to the job's error stream, which Galaxy shows."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, object]] = deque(maxlen=_KEPT)
        self._lasting: dict[str, dict[str, object]] = {}
        self._lock = threading.Lock()

    def tell(self, message: str) -> None:
        """Keep a message for the user. No key, no token in it: Galaxy's other users may read the job's log."""
        with self._lock:
            self._tell(message)

    def tell_while(self, subject: str, message: str) -> None:
        """Tell a message that is true until `take_back`; while it is, the subject is not told again."""
        with self._lock:
            if subject not in self._lasting:
                self._lasting[subject] = self._tell(message)

    def take_back(self, subject: str) -> None:
        """Have the page show it no more."""
        with self._lock:
            known = self._lasting.pop(subject, None)
            if known is not None and known in self._messages:
                self._messages.remove(known)

    def _tell(self, message: str) -> dict[str, object]:
        told: dict[str, object] = {"time": time.time(), "text": message}
        self._messages.append(told)
        print(f"nebulab: {message}", file=sys.stderr, flush=True)
        return told

    def messages(self) -> list[dict[str, object]]:
        """Return the messages as JSON can carry them: `time` in seconds since the epoch, and `text`."""
        with self._lock:
            return list(self._messages)


def log(line: str) -> None:
    """Write a line to the job's output, for an administrator or a curious user."""
    print(line, flush=True)


def shown(path: PurePath) -> str:
    """A path as a message can carry it."""
    return repr(str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
