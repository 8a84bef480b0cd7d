"""Log files: their last lines, and new ones as they are written; runs in a terminal."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

_POLL_SECONDS = 0.3


def show(
    files: Mapping[str, Path],
    echo: Callable[[str, str], None],
    *,
    lines: int,
    follow: bool,
    keep: Callable[[str], object] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Call `echo(name, line)` for the last `lines` lines of each file; with `follow` for new ones too, until `stop()`.

    With `keep` only the lines count of which it says so.

    A file that does not exist yet is awaited; one that was rotated is read from its start.
    """
    readers = {name: _Reader(path) for name, path in files.items()}
    for name, reader in readers.items():
        for line in deque(filter(keep or _any, reader.new_lines()), maxlen=lines):
            echo(name, line)
    while follow and not stop():
        time.sleep(_POLL_SECONDS)
        for name, reader in readers.items():
            for line in filter(keep or _any, reader.new_lines()):
                echo(name, line)


def _any(line: str) -> bool:
    return True


class _Reader:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._position = 0
        self._rest = b""

    def new_lines(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                inode = self._path.stat().st_ino
                if inode != self._inode or self._path.stat().st_size < self._position:
                    self._inode, self._position, self._rest = inode, 0, b""
                file.seek(self._position)
                new = file.read()
        except FileNotFoundError:
            return []
        self._position += len(new)
        *whole, self._rest = (self._rest + new).split(b"\n")
        return [line.decode(errors="replace") for line in whole]
