"""Sizes as people write them on a command line; runs in a terminal."""

from __future__ import annotations

import re

from nebulab.errors import SettingsError

_UNITS = {"m": 1, "g": 1024, "t": 1024 * 1024}


def megabytes(text: str, option: str, smallest: int) -> int:
    """Return the MiB of a size such as `8g` or `900m`.

    Raises
    ------
    SettingsError
        It is no size, or less than `smallest`; the message names the `option`.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([mgt])i?b?", text.strip().lower())
    size = round(float(match[1]) * _UNITS[match[2]]) if match else 0
    if size < smallest:
        raise SettingsError(f"{option} is {text!r}.", f"Give {smallest}m or more, such as 8g.")
    return size
