"""Secrets taken out of what others could read, before anything else runs: the environment, and files that only bring
them; runs in the session process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from nebulab import contract, linux
from nebulab.errors import SettingsError
from nebulab.variables import PLACE, Setting

# Taken out of the environment, and so not read as other settings are.
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
    """Take the variable `name` out of the environment and return its value, or None.

    The bytes that the kernel shows as /proc/<pid>/environ are overwritten too: removing a variable leaves them there.
    """
    value = os.environ.pop(name, None)
    start, end = linux.environment_block()
    block = ctypes.string_at(start, end - start)
    place = 0
    for entry in block.split(b"\0"):
        if entry.startswith(name.encode() + b"="):
            ctypes.memset(start + place, 0, len(entry))
        place += len(entry) + 1
    return value


def take_key() -> str | None:
    """Take the user's API key out of the environment, or out of the file that NEBULAB_KEY_FILE names, which is deleted.

    In a container the first process keeps its environment as long as the container lives, and kernels can read it.

    Raises
    ------
    SettingsError
        There is no such file.
    """
    key = forget(KEY.name)
    file = os.environ.pop(KEY_FILE.name, "")
    return _take(file, "API key") if file else key


def take_ticket() -> str:
    """Take the ticket for the door out of the file that NEBULAB_TICKET_FILE names, which is deleted.

    Raises
    ------
    SettingsError
        There is no such file.
    """
    file = os.environ.pop(TICKET_FILE.name, "")
    return _take(file, "ticket for the door") if file else ""


def _take(file: str, what: str) -> str:
    try:
        content = Path(file).read_text(encoding="ascii")
        Path(file).unlink()
    except (OSError, ValueError) as error:
        raise SettingsError(f"The {what} can't be taken from {file}: {error}", "Start the session again.") from error
    return content
