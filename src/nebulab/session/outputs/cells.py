"""What stands in a notebook's cells, by which JupyterLab's own changes are told from the user's; runs in the session.

JupyterLab writes a notebook that was only opened: its kernel's name and language, cells' ids.
"""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any

from nebulab.session.outputs.scan import ScannedFile

LARGEST = 5 * 2**20
"""Bytes of a notebook that is looked into; the cells of a larger one are not remembered."""
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FIELDS = ("cell_type", "source", "outputs", "execution_count", "attachments")


def digest(file: ScannedFile, folder: int) -> bytes | None:
    """Return a hash over the cells of the notebook `file` in the folder of this descriptor.

    None for a large one, and for what is no whole notebook, as while it is written.
    """
    if file.size > LARGEST:
        return None
    try:
        with os.fdopen(os.open(file.name, _OPEN, dir_fd=folder), "rb") as opened:
            cells = json.loads(opened.read(LARGEST + 1))["cells"]
        content = [[_one_form(cell.get(field)) for field in _FIELDS] for cell in cells]
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode(errors="surrogatepass")).digest()


def _one_form(value: Any) -> Any:
    """Texts may stand as lists of lines."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "".join(value)
    if isinstance(value, list):
        return [_one_form(each) for each in value]
    if isinstance(value, dict):
        return {name: _one_form(each) for name, each in value.items()}
    return value or ""
