"""Advice beside an error of a path below `/import`, where the predecessor's `get` put downloads; runs in the kernel."""

from __future__ import annotations

import re

_OLD_CACHE = re.compile(r"/import/(?P<key>[^/'\"]+)")


def advice_for(error: FileNotFoundError) -> str:
    """Return how to write a path of the predecessor's folder for downloads; nothing for any other path."""
    # h5py and the like have no file name, and put the path into the message.
    match = _OLD_CACHE.match(error.filename) if isinstance(error.filename, str) else _OLD_CACHE.search(str(error))
    if match is None:
        return ""
    key = match["key"]
    dataset = key if key.isdecimal() else f'"{key}", identifier_type="name"'
    return f"A session has no folder /import: `get` returns where a download lies. Write: path = get({dataset})"
