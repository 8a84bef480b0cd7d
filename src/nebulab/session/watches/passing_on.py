"""What a training says, passed on to Galaxy, which shows it live; runs in the session."""

from __future__ import annotations

import sys
from pathlib import Path

_SECONDS = 1.0


class PassingOn:
    """The watch on a log file, whose whole lines go to this process's standard output.

    Galaxy shows them to more people than may have `token`, which is left out.
    """

    trouble = "The log can't be shown"

    def __init__(self, log: Path, token: str) -> None:
        self._log = log
        self._token = token
        self._passed_on = 0

    async def look(self) -> float:
        """Pass on what is new; return the seconds until the next look."""
        self.pass_on()
        return _SECONDS

    def pass_on(self) -> None:
        """Pass on what has been written since the last time."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._passed_on)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        sys.stdout.write(whole.decode("utf-8", "replace").replace(self._token, "[token]"))
        sys.stdout.flush()
        self._passed_on += len(whole)
