"""A session without a Galaxy job: one person's folder on a laptop or in a container; runs in the session.

Nothing is collected, since the files are the person's own already.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.session.layout import Layout
from nebulab.variables import PLACE, Setting

STATE = Setting(
    contract.STATE,
    kind=PLACE,
    unset="`~/.nebulab`",
    help="The folder of the session's own files and of the packages that the user installs, apart for each folder.",
)


def layout(folder: Path, environment: Mapping[str, str]) -> Layout:
    """Return a layout whose own files lie outside of the person's `folder`.

    They lie below NEBULAB_STATE, else below HOME, apart for each folder; a volume there keeps what the person
    installed. If neither can be written to, they lie in a temporary folder.

    Raises
    ------
    SettingsError
        NEBULAB_STATE names a folder that can't be made.
    """
    folder = folder.resolve()
    home = environment.get("HOME", "")
    chosen: Path | None = STATE.read(environment)
    parent = chosen or (Path(home, ".nebulab") if home not in {"", "/"} else None)
    if parent is not None:
        state = parent.absolute() / f"{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
        try:
            state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if chosen is not None:
                raise SettingsError(
                    f"{STATE.name} is {str(chosen)!r}, which can't be made: {error.strerror}.",
                    "Name a folder of your own.",
                ) from error
        if os.access(state, os.W_OK):
            return Layout(state, folder)
    return Layout(Path(tempfile.mkdtemp(prefix="nebulab-")), folder, passing=True)


def secrets(stream: TextIO) -> dict[str, str]:
    """Read API_KEY and JUPYTER_TOKEN, each optional, from one line of JSON.

    On standard input, since `docker inspect` shows the environment.

    Raises
    ------
    SettingsError
        The line is no such JSON object.
    """
    try:
        values = json.loads(stream.readline())
    except ValueError:
        values = None
    if not isinstance(values, dict) or not values.keys() <= {"API_KEY", "JUPYTER_TOKEN"}:
        raise SettingsError(
            "The standard input does not begin with a session's secrets.",
            'Write one line, as {"API_KEY": "…", "JUPYTER_TOKEN": "…"}, and keep it open: its end ends the session.',
        )
    return {name: str(value) for name, value in values.items()}


def troubles(session: Layout, isolation: str) -> list[str]:
    """Return warnings about folders that can't be written to, or are lost with the container."""
    warnings = []
    if not os.access(session.work, os.W_OK):
        user = f"{os.getuid()}:{os.getgid()}"
        warnings.append(
            f"{session.work} can't be written to by user {user}: notebooks can be opened, not saved. "
            'Start the container with --user "$(id -u):$(id -g)" (podman without root: --userns keep-id).'
        )
    elif isolation == "container" and not os.path.ismount(session.work):
        warnings.append(
            f"Nothing is mounted at {session.work}: what you save there is lost with the container. "
            f'Start it with -v "$PWD":{session.work}.'
        )
    if os.statvfs(session.root).f_flag & os.ST_NOEXEC:
        warnings.append(
            f"Nothing in {session.root} may be executed: %pip install works for packages of pure Python only. "
            "Mount HOME so that it may: --tmpfs /home/nebulab:exec,mode=1777, or a volume."
        )
    return warnings
