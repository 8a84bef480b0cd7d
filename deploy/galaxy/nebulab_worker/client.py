"""The stand-in for `python` in Galaxy's jobs: the worker if it can run the program, else Galaxy's Python; runs in a
job's script.

It imports as little as possible, since every job waits for it twice.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from nebulab_worker import messages

_READY_SECONDS = 10
_METADATA = "metadata/set.py"
_FETCH = "/galaxy/tools/data_fetch.py"
_SIGNALS = 128


def main(python: str, folder: str, arguments: list[str]) -> NoReturn:
    """Run `python arguments…`: in the worker at `folder` if it answers, else in this process.

    Parameters
    ----------
    python
        Galaxy's Python.
    """
    if arguments and (arguments[0] == _METADATA or arguments[0].endswith(_FETCH)):
        code = _in_worker(Path(folder), arguments)
        if code is not None:
            sys.exit(code)
    os.execv(python, [python, *arguments])  # noqa: S606 - no shell is meant


def _in_worker(folder: Path, arguments: list[str]) -> int | None:
    """Return the exit code of a program that ran in the worker, or None if it must run here."""
    connection = _ready(folder)
    if connection is None:
        return None
    with connection:
        try:
            messages.send(connection, _request(arguments))
            kind, _, number = connection.recv(64).decode().partition(" ")
        except OSError:
            kind, number = "", ""
    if kind == "exit":
        return int(number)
    # Killed: the program (by the system, when memory ran out), or the keeper with it.
    if arguments[0] == _METADATA:
        # Idempotent: it reads the tool's outputs and writes a file beside them.
        print("Nebulab: the metadata is set once more; the first try was killed.", file=sys.stderr)
        return None
    how = f"by signal {number}" if kind == "signal" else "with the worker"
    print(
        f"The program that takes this upload in was killed ({how}). What is in the history is not whole: upload it "
        "again. If it happens again, an administrator sees in the system's log whether memory ran out.",
        file=sys.stderr,
    )
    return _SIGNALS + int(number) if kind == "signal" else 1


def _ready(folder: Path) -> socket.socket | None:
    """Return a connection on which a keeper has sent READY, or None."""
    try:
        connection = messages.connect(folder, messages.TASKS, _READY_SECONDS)
    except OSError:
        return None
    try:
        if connection.recv(1) == messages.READY:
            connection.settimeout(None)
            return connection
    except OSError:
        pass
    connection.close()
    return None


def _request(arguments: list[str]) -> messages.Request:
    umask = os.umask(0o077)
    os.umask(umask)
    return messages.Request(
        arguments, str(Path.cwd()), umask, [f"{name}={value}" for name, value in os.environ.items()]
    )
