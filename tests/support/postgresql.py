"""A real PostgreSQL server for tests, on a socket in a folder of its own, run by an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.parts import require

_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB", "max_connections=60")


class PostgreSQL:
    """A server; `url(name)` is a database's address for SQLAlchemy."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        # PostgreSQL refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://{self._user}@/{name}?host={self.folder}"

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *command]
        finished = subprocess.run(command, cwd=self.folder, capture_output=True, text=True)
        assert finished.returncode == 0, f"{program}: {finished.stdout}\n{finished.stderr}"

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} " + " ".join(f"-c {option}" for option in _QUICK)
        self.run("pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options)

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-D", "data", "-m", "immediate")


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """Start a server, and end it with the block."""
    programs = Path(require("postgresql")).parent
    # Not pytest's folder: nobody but root may look into that one, and a socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="nebulab-pg-"))
    server = PostgreSQL(folder, programs)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        # Others of this machine may not enter: whoever may look into the folder may connect.
        server.run("initdb", "-D", "data", "--auth=trust", "--no-sync", "--no-instructions", "-E", "UTF8")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)
