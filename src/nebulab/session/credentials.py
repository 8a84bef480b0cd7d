"""The API key and the ticket, removed from the environment and from files before anything else runs; runs in the
session."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from nebulab import contract, linux
from nebulab.errors import SettingsError
from nebulab.variables import PLACE, Setting

# Not fields of SessionSettings: they are removed from the environment when they are read.
KEY = Setting("API_KEY", "", help="The user's API key. Notebooks find a token for this session under this name.")
KEY_FILE = Setting(
    contract.KEY_FILE, kind=PLACE, help="A file with the key, instead of `API_KEY`; the session deletes it."
)
TICKET_FILE = Setting(
    contract.TICKET_FILE,
    kind=PLACE,
    help="A file with the ticket for the door, where the container has no network; the session deletes it.",
)


def forget(name: str) -> str | None:
    """Remove the variable `name` from the environment and return its value, or None.

    Its bytes in /proc/<pid>/environ are overwritten too, where `os.environ.pop` would leave them.
    """
    value = os.environ.pop(name, None)
    start, end = linux.environment_block()
    block = ctypes.string_at(start, end - start)
    offset = 0
    for entry in block.split(b"\0"):
        if entry.startswith(name.encode() + b"="):
            ctypes.memset(start + offset, 0, len(entry))
        offset += len(entry) + 1
    return value


def take_key() -> str | None:
    """Remove the user's API key from the environment, or delete the file NEBULAB_KEY_FILE, and return the key.

    The file is for containers: kernels can read the environment of a container's first process.

    Raises
    ------
    SettingsError
        There is no such file.
    """
    key = forget(KEY.name)
    file = os.environ.pop(KEY_FILE.name, "")
    return _take(file, "API key") if file else key


def take_ticket() -> str:
    """Delete the file NEBULAB_TICKET_FILE and return the ticket for the door that was in it.

    Raises
    ------
    SettingsError
        There is no such file.
    """
    file = os.environ.pop(TICKET_FILE.name, "")
    return _take(file, "ticket for the door") if file else ""


def _take(file: str, name: str) -> str:
    try:
        content = Path(file).read_text(encoding="ascii")
        Path(file).unlink()
    except (OSError, ValueError) as error:
        raise SettingsError(f"The {name} can't be taken from {file}: {error}", "Start the session again.") from error
    return content
