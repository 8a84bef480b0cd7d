"""The session's settings as its kernels see them, read once from the environment; runs in the kernel."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from nebulab import contract, variables
from nebulab.errors import SettingsError
from nebulab.variables import PLACE, setting

_OLD_CACHE = Path("/import")
_ROUTES = Path("/proc/net/route")


@dataclass(frozen=True)
class KernelSettings:
    """What the session, or the container's environment, tells a kernel."""

    url: str = setting("GALAXY_URL", "", help="Galaxy's address, or the broker's; `$DOCKER_HOST` in it is filled in.")
    key: str = setting("API_KEY", "", secret=True, help="The key that Galaxy, or the broker, knows the user by.")
    history_id: str | None = setting("HISTORY_ID", help="The history that notebooks work in.")
    cache: Path = setting(
        contract.CACHE,
        Path("galaxy_downloads"),
        kind=PLACE,
        unset="`/import` where that can be written to, else `galaxy_downloads`",
        help="The folder for downloads.",
    )
    inputs: Path | None = setting(contract.INPUTS, kind=PLACE, help="The file with the values of the tool's inputs.")
    patience: float | None = setting(
        contract.PATIENCE_SECONDS,
        at_least=0,
        unset="as each request has it",
        help="Seconds that Galaxy may be away before a request fails.",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> KernelSettings:
        """Read the settings from the environment.

        Raises
        ------
        SettingsError
            A value can't be read as what it should be.
        """
        values = variables.read(cls, environment, cache=_cache())
        return cls(**values | {"url": _with_host(values["url"])})

    def history(self, history_id: str | None) -> str:
        """Return the given history, or that of the session.

        Raises
        ------
        SettingsError
            There is none.
        """
        identifier = history_id or self.history_id
        if not identifier:
            raise SettingsError(
                "This notebook doesn't belong to a history of Galaxy.",
                "Set HISTORY_ID before the kernel starts, or give history_id=…",
            )
        return identifier

    def read_inputs(self) -> dict[str, Any]:
        """Return the values of the tool's inputs by name, and nothing where a session has none.

        Raises
        ------
        SettingsError
            The file with them is gone, or has another form.
        """
        if self.inputs is None:
            return {}
        try:
            values = json.loads(self.inputs.read_text(encoding="utf-8"))
            if not isinstance(values, dict):
                raise ValueError("it holds no dictionary")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"The tool's inputs can't be read from {self.inputs}: {error}.",
                "Was the file moved, deleted or changed? The datasets lie beside it; a new session writes it again.",
            ) from error
        return values


def _cache() -> Path:
    # Where the predecessor's container put downloads, and its notebooks look for them.
    if os.access(_OLD_CACHE, os.W_OK):
        return _OLD_CACHE
    return Path.cwd() / "galaxy_downloads"


def _with_host(url: str) -> str:
    """Fill in `$DOCKER_HOST`, with which Galaxies name their own machine to a container."""
    if "$" not in url:
        return url
    return Template(url).safe_substitute(DOCKER_HOST=_gateway())


def _gateway() -> str:
    """Return the address of the default gateway, which is the machine around a container."""
    try:
        routes = [line.split() for line in _ROUTES.read_text().splitlines()[1:]]
    except OSError:
        return "localhost"
    for route in routes:
        if route[1] == "00000000":
            return socket.inet_ntoa(struct.pack("<L", int(route[2], 16)))
    return "localhost"
