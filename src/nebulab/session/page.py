"""How a browser reaches a session that no Galaxy stands before: the settings of the predecessor's image, read once.

One thing differs: a token is always asked for, and a password is a second way in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from nebulab.errors import SettingsError

_ABSENT = frozenset({"", "none"})
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True)
class Page:
    """How a browser reaches the Lab: the path it lies below, a second origin that may talk to it, a password."""

    base_url: str = "/"
    origin: str = ""
    password: str = field(default="", repr=False)
    """As the person gave it: in Jupyter's hashed form, or plain."""


def read(environment: Mapping[str, str]) -> Page:
    """Read PROXY_PREFIX, CORS_ORIGIN and NOTEBOOK_PASSWORD; `none` and nothing at all mean the same.

    Raises
    ------
    SettingsError
        A value can't be used; the message names its variable.
    """
    prefix, origin, password = (
        "" if (value := environment.get(name, "").strip()) in _ABSENT else value
        for name in ("PROXY_PREFIX", "CORS_ORIGIN", "NOTEBOOK_PASSWORD")
    )
    prefix = prefix.rstrip("/")
    if not _PATH.fullmatch(prefix):
        raise SettingsError(f"PROXY_PREFIX is {prefix!r}.", "Give a path as /some/where; the Lab is at its /ipython/.")
    parts = urlsplit(origin)
    if origin and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query):
        raise SettingsError(
            f"CORS_ORIGIN is {origin!r}.", "Give the one origin that may talk to the Lab: https://host."
        )
    return Page(f"{prefix}/ipython/" if prefix else "/", origin, password)
