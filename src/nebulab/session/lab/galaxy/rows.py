"""What the Galaxy panel shows of histories, datasets and collections, out of Galaxy's answers; runs in JupyterLab's
process."""

from __future__ import annotations

import re
from typing import Any

from nebulab.galaxy.contents import KEYS, Item
from nebulab.session.lab.galaxy import snippets

STATS = "application/vnd.galaxy.history.contents.stats+json"
"""Galaxy's form of a listing that also says how many items match."""
HISTORY_KEYS = "id,name,update_time,hid_counter,deleted"
_NUMBER = re.compile(r"#?(\d{1,9})")
_TAG = re.compile(r"(?:tag:|#)(\S.*)")
_EXTENSION = re.compile(r"ext(?:ension)?:(\S+)")


def listing(search: str, *, deleted: bool, hidden: bool, offset: int, limit: int) -> dict[str, Any]:
    """Return the query of one page of a history's items, the newest first.

    `search` is a part of a name, a number, `#tag` or `tag:tag`, or `ext:datatype`; of `deleted` and `hidden` items
    those alone are listed.
    """
    filters = [("deleted", str(deleted)), *_filters(search.strip())]
    if not deleted:
        filters.append(("visible", str(not hidden)))
    return {
        "v": "dev",
        "view": "summary",
        "keys": f"{KEYS},collection_id",
        "order": "hid-dsc",
        "offset": offset,
        "limit": limit,
        "q": [name for name, _ in filters],
        "qv": [value for _, value in filters],
    }


def _filters(search: str) -> list[tuple[str, str]]:
    if not search:
        return []
    if number := _NUMBER.fullmatch(search):
        return [("hid-eq", number[1])]
    if tag := _TAG.fullmatch(search):
        return [("tag-contains", tag[1])]
    if extension := _EXTENSION.fullmatch(search):
        # Galaxy knows no datatype of collections, and lists those that are not made yet all the same.
        return [("extension-eq", extension[1]), ("history_content_type-eq", "dataset")]
    return [("name-contains", search)]


def row(answer: dict[str, Any], own_history: str) -> dict[str, Any]:
    """Return an item of a history for the page; `load` is the code that loads it into a notebook."""
    item = Item.from_answer(answer)
    return {
        "id": item.id,
        "hid": item.hid,
        "name": item.name,
        "kind": "collection" if item.is_collection else "dataset",
        "state": item.state,
        "extension": item.extension,
        "size": item.size,
        "tags": [tag.replace("name:", "#", 1) if tag.startswith("name:") else tag for tag in item.tags],
        "created": item.created,
        "updated": item.updated,
        "deleted": item.deleted,
        "purged": item.purged,
        "visible": item.visible,
        "elements": item.elements,
        "collection_type": item.collection_type,
        "collection_id": answer.get("collection_id") or "",
        "info": item.info,
        "load": snippets.load(item, own_history),
    }


def element(answer: dict[str, Any], parent: str, deeper: str) -> dict[str, Any]:
    """Return an element of a collection for the page.

    `parent` is the code of the collection, as `history[7]`; `deeper` the names of the elements that lead here, joined
    by `/` as `nebulab.kernel` does.
    """
    found = answer.get("object") or {}
    is_collection = answer.get("element_type") == "dataset_collection"
    name = str(answer.get("element_identifier") or "")
    path = f"{deeper}/{name}" if deeper else name
    # Of a dataset in a collection Galaxy's outline tells the state, and neither size nor datatype.
    extension = str(found.get("file_ext") or found.get("extension") or _ending(name))
    states = found.get("elements_states") or {}
    return {
        "id": str(found.get("id") or ""),
        "hid": None,
        "name": name,
        "kind": "collection" if is_collection else "dataset",
        "state": _worst(states) if is_collection else str(found.get("state") or "discarded"),
        "extension": "" if is_collection else extension,
        "size": None,
        "tags": list(found.get("tags") or ()),
        "deleted": False,
        "purged": bool(found.get("purged")),
        "visible": True,
        "elements": int(found.get("element_count") or 0),
        "collection_type": str(found.get("collection_type") or ""),
        "collection_id": str(found.get("id") or "") if is_collection else "",
        "path": path,
        "info": "",
        "load": "" if is_collection else snippets.load_element(parent, path, extension),
    }


def _worst(states: dict[str, Any]) -> str:
    for state in ("error", "discarded", "paused", "running", "queued", "new"):
        if states.get(state):
            return state
    return "ok"


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def history(answer: dict[str, Any]) -> dict[str, Any]:
    """Return a history for the page's switch."""
    return {
        "id": str(answer["id"]),
        "name": str(answer.get("name") or ""),
        "updated": str(answer.get("update_time") or ""),
    }
