"""What a request of the Galaxy panel names: ids, items, paths; checked before anything is asked or done. Runs in
JupyterLab's process."""

# tornado's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from tornado.web import HTTPError

MOST_CHOSEN = 1000
_ID = re.compile(r"[0-9a-f]{1,64}")


def checked_id(given: object) -> str:
    """Return an id as Galaxy makes them, or refuse: it becomes a part of an address."""
    if not isinstance(given, str) or not _ID.fullmatch(given):
        raise HTTPError(400, "This is no id of Galaxy's.")
    return given


def chosen(body: dict[str, Any]) -> list[tuple[str, str]]:
    """Return id and kind of each item that a request names, or refuse."""
    items = body.get("items")
    if not isinstance(items, list) or not 0 < len(items) <= MOST_CHOSEN:
        raise HTTPError(400, f"items must name 1 to {MOST_CHOSEN} items.")
    found = []
    for item in items:
        if not isinstance(item, dict) or item.get("kind") not in ("dataset", "collection"):
            raise HTTPError(400, "Each of items needs an id and its kind, dataset or collection.")
        found.append((checked_id(item.get("id")), str(item["kind"])))
    return found


def inside(root: Path, given: object) -> Path:
    """Return a path that the page names below the working folder, or refuse."""
    if not isinstance(given, str) or "\0" in given:
        raise HTTPError(400, "A path must be a text.")
    path = PurePosixPath(given)
    if path.is_absolute() or ".." in path.parts:
        raise HTTPError(400, "A path must be below the working folder.")
    return root / path
