"""What a session tells its user: messages for the Lab's page and the job's log; runs in the session."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque

_KEPT = 50


class Journal:
    """The session's messages, newest last; also written to the job's error stream, which Galaxy shows."""

    def __init__(self) -> None:
        self._messages: deque[dict[str, object]] = deque(maxlen=_KEPT)
        self._lock = threading.Lock()

    def tell(self, message: str) -> None:
        """Keep a message for the user. No key, no token in it: Galaxy's other users may read the job's log."""
        with self._lock:
            self._messages.append({"time": time.time(), "text": message})
            print(f"nebulab: {message}", file=sys.stderr, flush=True)

    def messages(self) -> list[dict[str, object]]:
        """Return the messages as JSON can carry them: `time` in seconds since the epoch, and `text`."""
        with self._lock:
            return list(self._messages)


def log(line: str) -> None:
    """Write a line to the job's output, for an administrator or a curious user."""
    print(line, flush=True)
