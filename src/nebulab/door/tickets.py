"""Tickets, by which a session proves whose job it is; runs in the door.

`engine.sh`, which Galaxy's job script sources, makes a secret for each session, hands it to the session in a file that
is deleted before any of the user's code runs, and leaves a ticket here: a file whose name is the secret's digest, with
the job's folder in it. A session sends nothing but its secret, so the door never opens a path of a session's choosing.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from nebulab import contract
from nebulab.errors import Refused
from nebulab.files import write_private

_SECRET = re.compile(r"[0-9a-f]{64}")
_LARGEST = 8192


@dataclass(frozen=True)
class Ticket:
    """The ticket of one job; `port` is the one that its session had before a restart of the door, if any."""

    path: Path
    job: Path
    port: int | None = None

    def got(self, port: int) -> None:
        """Write the port down: after a restart of the door it must be the same, since Galaxy reads it only once."""
        write_private(self.path, f"{self.job}\n{port}\n".encode())

    def report(self, host: str, port: int) -> None:
        """Write the file from which Galaxy reads the address of this job's entry point."""
        report = json.dumps(contract.runtime_report(host, port)).encode()
        write_private(self.job / contract.RUNTIME_REPORT_FILE, report)


class Tickets:
    """The tickets in `folder`, which Galaxy's user alone can write to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, secret: str) -> Ticket:
        """Return the ticket for `secret`.

        Raises
        ------
        Refused
            There is none, or its job is gone.
        """
        refused = Refused("The door knows no session with this ticket.", "Start the session again from Galaxy.")
        if not _SECRET.fullmatch(secret):
            raise refused
        path = self._folder / hashlib.sha256(secret.encode()).hexdigest()
        ticket = _read(path)
        if ticket is None or not ticket.job.is_dir():
            raise refused
        return ticket

    def clear(self) -> int:
        """Remove the tickets of jobs whose folder is gone, and return their number."""
        removed = 0
        for path in self._folder.glob("[0-9a-f]" * 64):
            ticket = _read(path)
            if ticket is None or not ticket.job.is_dir():
                path.unlink(missing_ok=True)
                removed += 1
        return removed


def _read(path: Path) -> Ticket | None:
    try:
        with path.open(encoding="utf-8") as file:
            job, _, port = file.read(_LARGEST).partition("\n")
    except (OSError, ValueError):
        return None
    if not job.startswith("/"):
        return None
    return Ticket(path, Path(job), int(port) if port.strip().isdecimal() else None)
