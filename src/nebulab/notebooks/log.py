"""The log of a run: a line a cell with time and memory, the cells' output, a bar on a terminal; runs in a batch job."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BYTES_A_CELL = 256 * 1024


class RunLog:
    """Writes to `stream`, and to `path` as well."""

    def __init__(self, path: Path | None, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._file = path.open("w", encoding="utf-8", errors="replace") if path else None
        self._quiet = quiet
        self._began = time.monotonic()
        self._bar: tqdm[None] | None = None
        self._begun_line = ""
        self._bytes_left = _BYTES_A_CELL

    def begin(self, cells: int) -> None:
        """Start the bar; there is one on terminals only."""
        if self._stream.isatty() and not self._quiet:
            self._bar = tqdm(total=cells, unit="cell", file=self._stream, leave=False)

    def say(self, text: str) -> None:
        """Write one line with the time since the start."""
        self.flush()
        seconds = int(time.monotonic() - self._began)
        self._write(f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}  {text}")

    def cell_begins(self) -> None:
        """Reset the limit on a cell's output."""
        self._bytes_left = _BYTES_A_CELL

    def cell_ends(self) -> None:
        """Advance the bar."""
        self.flush()
        if self._bar is not None:
            self._bar.update()

    def printed(self, text: str) -> None:
        """Log a cell's output line by line; of a line with carriage returns only the last state."""
        if self._bytes_left <= 0:
            return
        self._bytes_left -= len(text)
        *lines, self._begun_line = (self._begun_line + COLOURS.sub("", text)).split("\n")
        for line in lines:
            self._write(f"          | {line.rpartition(chr(13))[2]}")
        if self._bytes_left <= 0:
            self._begun_line = ""
            self._write("          | … (more of it is in the notebook)")

    def flush(self) -> None:
        """Write the cell's unfinished line."""
        if self._begun_line:
            line, self._begun_line = self._begun_line, ""
            self._write(f"          | {line.rpartition(chr(13))[2]}")

    def close(self) -> None:
        """End the bar and the file."""
        self.flush()
        if self._bar is not None:
            self._bar.close()
        if self._file is not None:
            self._file.close()

    def _write(self, line: str) -> None:
        if self._file is not None:
            self._file.write(line + "\n")
            self._file.flush()
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            self._stream.write(line + "\n")
            self._stream.flush()
