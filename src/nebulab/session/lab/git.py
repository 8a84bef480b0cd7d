"""Git's name and e-mail of the session's user, as Galaxy knows them; runs in JupyterLab's process.

They go into the file that Git reads before the user's own, so that `git config --global user.name …` prevails.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

_SECONDS = 20


async def introduce(environ: Mapping[str, str]) -> None:
    """Ask Galaxy, through the broker, who the user is, and tell Git; without Galaxy nothing is told."""
    galaxy, token = environ.get("GALAXY_URL", ""), environ.get("API_KEY", "")
    if not galaxy or not token or configuration(environ).exists():
        return
    request = HTTPRequest(f"{galaxy}/api/users/current", headers={"x-api-key": token}, request_timeout=_SECONDS)
    try:
        user = json.loads((await AsyncHTTPClient().fetch(request)).body)
        write(configuration(environ), user)
    except (HTTPClientError, OSError, ValueError) as error:
        logging.getLogger(__name__).warning("Git was told no name of the user: %s", error)


def configuration(environ: Mapping[str, str]) -> Path:
    """Return the file, Git's own of the XDG kind."""
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path(environ.get("HOME", "~")).expanduser() / ".config") / "git" / "config"


def write(path: Path, user: Mapping[str, Any]) -> None:
    """Write the name and the e-mail of Galaxy's `user`; an anonymous one has neither.

    Raises
    ------
    OSError
    """
    email = str(user.get("email") or "")
    name = str(user.get("username") or email.partition("@")[0])
    if not email:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[user]\n\tname = {_quoted(name)}\n\temail = {_quoted(email)}\n", encoding="utf-8")


def _quoted(value: str) -> str:
    """Return a value as Git's configuration quotes it, without line breaks."""
    escaped = "".join(char for char in value if char.isprintable()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
