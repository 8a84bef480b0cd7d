"""The session's settings as its kernels see them, read once from the environment; runs in the kernel."""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from nebulab.errors import SettingsError

_OLD_CACHE = Path("/import")
_ROUTES = Path("/proc/net/route")


@dataclass(frozen=True)
class KernelSettings:
    """What the session, or the container's environment, tells a kernel.

    `patience` is how long, in seconds, Galaxy may be away; `cache` the folder for downloads; `inputs` the file with the
    values of the tool's inputs.
    """

    url: str = ""
    key: str = field(default="", repr=False)
    history_id: str | None = None
    cache: Path = Path("galaxy_downloads")
    inputs: Path | None = None
    patience: float | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> KernelSettings:
        """Read GALAXY_URL, API_KEY, HISTORY_ID, NEBULAB_CACHE, NEBULAB_INPUTS and NEBULAB_PATIENCE_SECONDS.

        Raises
        ------
        SettingsError
            A value can't be read as what it should be.
        """
        inputs = environment.get("NEBULAB_INPUTS")
        patience = environment.get("NEBULAB_PATIENCE_SECONDS")
        try:
            seconds = float(patience) if patience else None
        except ValueError as error:
            raise SettingsError(f"NEBULAB_PATIENCE_SECONDS is {patience!r}.", "Give a number of seconds.") from error
        return cls(
            url=_with_host(environment.get("GALAXY_URL", "")),
            key=environment.get("API_KEY", ""),
            history_id=environment.get("HISTORY_ID") or None,
            cache=_cache(environment.get("NEBULAB_CACHE")),
            inputs=Path(inputs) if inputs else None,
            patience=seconds,
        )

    def history(self, history_id: str | None) -> str:
        """Return the given history, or that of the session.

        Raises
        ------
        SettingsError
            There is none.
        """
        chosen = history_id or self.history_id
        if not chosen:
            raise SettingsError(
                "This notebook doesn't belong to a history of Galaxy.",
                "Set HISTORY_ID before the kernel starts, or give history_id=…",
            )
        return chosen

    def read_inputs(self) -> dict[str, Any]:
        """Return the values of the tool's inputs by name, and nothing where a session has none."""
        if self.inputs is None:
            return {}
        try:
            values = json.loads(self.inputs.read_text())
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}


def _cache(chosen: str | None) -> Path:
    if chosen:
        return Path(chosen)
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
