"""Chooses the ports of a stack: given ones, those of the last start, or free ones; runs on one machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

from nebulab.errors import PortTaken
from nebulab.files import read_json, write_private

HOST = "127.0.0.1"


def choose(kept_in: Path, given: Mapping[str, int | None]) -> dict[str, int]:
    """Return a port for each part in `given`, and keep them in the file `kept_in` for the next start.

    Raises
    ------
    PortTaken
        Something else listens on a port that was asked for.
    """
    kept = read_json(kept_in)
    chosen: dict[str, int] = {}
    for part, wanted in given.items():
        if wanted is not None:
            if not is_free(wanted):
                raise PortTaken(
                    f"Port {wanted}, which the {part} was to have, is taken.",
                    "Choose another one, or leave the choice to nebulab.",
                )
            chosen[part] = wanted
            continue
        last = kept.get(part)
        reusable = isinstance(last, int) and last not in chosen.values() and is_free(last)
        chosen[part] = last if isinstance(last, int) and reusable else _any_free()
    write_private(kept_in, json.dumps(chosen))
    return chosen


def is_free(port: int) -> bool:
    """Tell whether nobody listens on `port` of the loopback address."""
    with socket.socket() as probe:
        # As servers do: connections of the last run that linger don't block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
