"""The log of a training, copied to standard output, which Galaxy shows live; runs in the session."""

from __future__ import annotations

import sys
from pathlib import Path

_SECONDS = 1.0


class PassingOn:
    """The watch on a log file; copies its complete lines to this process's standard output.

    `token` is masked: more people may read the job's log than may use the session.
    """

    trouble = "The log can't be shown"

    def __init__(self, log: Path, token: str) -> None:
        self._log = log
        self._token = token
        self._offset = 0

    async def look(self) -> float:
        """Copy new lines; return the seconds until the next look."""
        self.pass_on()
        return _SECONDS

    def pass_on(self) -> None:
        """Copy the lines written since the last call."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except FileNotFoundError:
            return
        lines = new[: new.rfind(b"\n") + 1]
        sys.stdout.write(lines.decode("utf-8", "replace").replace(self._token, "[token]"))
        sys.stdout.flush()
        self._offset += len(lines)
