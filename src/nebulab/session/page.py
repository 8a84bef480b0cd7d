"""Settings of the Lab's page in a session without Galaxy, as the predecessor's image had them; runs in the session.

One thing differs: a token is always asked for, and a password is a second way in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from nebulab import contract, variables
from nebulab.variables import Kind, Unusable, setting

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


class _OrNone(Kind):
    """A text; `none` means the same as empty."""

    def read(self, value: str) -> str:
        text = value.strip()
        return "" if text == "none" else text


class _Prefix(_OrNone):
    allowed = "a path as /some/where; the Lab is at its /ipython/"

    def read(self, value: str) -> str:
        prefix = super().read(value).rstrip("/")
        if not _PATH.fullmatch(prefix):
            raise Unusable("which is no path")
        return f"{prefix}/ipython/" if prefix else "/"


class _Origin(_OrNone):
    allowed = "the one origin that may talk to the Lab: https://host"

    def read(self, value: str) -> str:
        origin = super().read(value)
        parts = urlsplit(origin)
        if origin and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.path or parts.query):
            raise Unusable("which is no origin")
        return origin


@dataclass(frozen=True)
class Page:
    """The base URL of the Lab's page, another origin that may talk to it, a password, a port."""

    base_url: str = setting(
        "PROXY_PREFIX", "/", kind=_Prefix(), help="The path that a proxy puts before the Lab's `/ipython/`."
    )
    origin: str = setting(
        "CORS_ORIGIN", "", kind=_Origin(), help="The one other origin (`https://host`) whose pages may talk to the Lab."
    )
    password: str = setting(
        "NOTEBOOK_PASSWORD",
        "",
        kind=_OrNone(),
        secret=True,
        help="A second way in, beside the token; plain, or as `jupyter server password` writes it.",
    )
    """As the person gave it: in Jupyter's hashed form, or plain."""
    port: int | None = setting(contract.PORT, at_least=1, whole=True, unset="any free one", help="The Lab's port.")


def read(environment: Mapping[str, str]) -> Page:
    """Read the settings of the page from the environment.

    Raises
    ------
    SettingsError
        A value can't be used; the message names its variable.
    """
    return Page(**variables.read(Page, environment))
