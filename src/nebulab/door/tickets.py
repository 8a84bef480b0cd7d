"""Which job a session speaks for: a secret that the job's script leaves with the door; runs in the door.

`engine.sh`, which Galaxy's job script sources, makes a secret for each session, hands it to the session in a file that
is deleted before any of the user's code runs, and leaves a ticket here: a file whose name is the secret's digest, with
the job's folder in it. So a session says a secret and nothing else, and no path of its choosing is ever opened.
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
    """One job's; `port` is the one that it got before, if it got one."""

    path: Path
    job: Path
    port: int | None = None

    def got(self, port: int) -> None:
        """Remember the port, for the time after a restart of the door: Galaxy asks only once."""
        write_private(self.path, f"{self.job}\n{port}\n".encode())

    def report(self, host: str, port: int) -> None:
        """Tell Galaxy where this job's entry point is."""
        report = json.dumps(contract.runtime_report(host, port)).encode()
        write_private(self.job / contract.RUNTIME_REPORT_FILE, report)


class Tickets:
    """The tickets in `folder`, which Galaxy's user alone can write to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, secret: str) -> Ticket:
        """Return the ticket to which `secret` belongs.

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
        """Remove the tickets of jobs that are gone, and return how many those were."""
        gone = 0
        for path in self._folder.glob("[0-9a-f]" * 64):
            ticket = _read(path)
            if ticket is None or not ticket.job.is_dir():
                path.unlink(missing_ok=True)
                gone += 1
        return gone


def _read(path: Path) -> Ticket | None:
    try:
        with path.open(encoding="utf-8") as file:
            job, _, port = file.read(_LARGEST).partition("\n")
    except (OSError, ValueError):
        return None
    if not job.startswith("/"):
        return None
    return Ticket(path, Path(job), int(port) if port.strip().isdecimal() else None)
