"""Sizes as people write them on a command line; runs in a terminal."""

from __future__ import annotations

import re

from nebulab.errors import SettingsError

_UNITS = {"m": 1, "g": 1024, "t": 1024 * 1024}


def megabytes(said: str, option: str, smallest: int) -> int:
    """Return the MiB of a size such as `8g` or `900m`.

    Raises
    ------
    SettingsError
        It is none, or less than `smallest`; the message names the `option`.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([mgt])i?b?", said.strip().lower())
    size = round(float(found[1]) * _UNITS[found[2]]) if found else 0
    if size < smallest:
        raise SettingsError(f"{option} is {said!r}.", f"Give {smallest}m or more, such as 8g.")
    return size
