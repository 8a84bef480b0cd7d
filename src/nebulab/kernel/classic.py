"""The predecessor's functions, with the same results and without its waits; runs in the kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bioblend.galaxy import GalaxyInstance, objects

from nebulab.errors import SettingsError
from nebulab.galaxy.contents import Contents, Item, list_contents
from nebulab.galaxy.upload import Upload, upload
from nebulab.kernel.connecting import cache_of, connect
from nebulab.kernel.display import Bar
from nebulab.kernel.settings import KernelSettings


def get(identifiers: Any, identifier_type: str, history_id: str | None, retrieve_datatype: Any) -> Any:
    """See `nebulab.kernel.get`."""
    settings = KernelSettings.from_environment()
    history = settings.history(history_id)
    galaxy = connect(settings)
    contents = list_contents(galaxy, history, deleted=None)
    items = _find(contents, _as_list(identifiers), identifier_type)
    cache = cache_of(settings, history)
    paths: list[str] = []
    datatypes: dict[int, str] = {}
    for identifier, item in items:
        name = str(identifier) if identifier_type == "name" else str(item.hid)
        paths += [str(path.absolute()) for path in cache.fetch(galaxy, item, name, Bar())]
        datatypes[item.hid] = item.extension
    if retrieve_datatype:
        return paths, next(iter(datatypes.values())) if len(paths) == 1 else datatypes
    return paths[0] if len(paths) == 1 else paths


def put(filenames: Any, file_type: str, history_id: str | None) -> None:
    """See `nebulab.kernel.put`."""
    settings = KernelSettings.from_environment()
    history = settings.history(history_id)
    for filename in _as_list(filenames):
        upload(connect(settings), history, Upload(Path(filename), ext=file_type), progress=Bar())


def get_galaxy_connection(history_id: str | None, obj: bool) -> Any:
    """See `nebulab.kernel.get_galaxy_connection`."""
    settings = KernelSettings.from_environment()
    connect(settings).get(f"histories/{settings.history(history_id)}", keys="id")
    kind = objects.GalaxyInstance if obj else GalaxyInstance
    return kind(settings.url, settings.key)


def find_matching_history_ids(patterns: Any, identifier_type: str, history_id: str | None) -> list[Any]:
    """See `nebulab.kernel.find_matching_history_ids`."""
    settings = KernelSettings.from_environment()
    contents = list_contents(connect(settings), settings.history(history_id))
    return [item.hid if identifier_type == "hid" else item.id for item in _matching(contents, _as_list(patterns))]


def get_user_history(history_id: str | None) -> list[dict[str, Any]]:
    """See `nebulab.kernel.get_user_history`."""
    settings = KernelSettings.from_environment()
    listing: list[dict[str, Any]] = connect(settings).get(
        f"histories/{settings.history(history_id)}/contents", visible="true"
    )
    return listing


def _find(contents: Contents, identifiers: list[Any], identifier_type: str) -> list[tuple[Any, Item]]:
    if identifier_type == "regex":
        return [(item.hid, item) for item in _matching(contents, identifiers)]
    if identifier_type == "hid":
        return [(hid, contents.one(hid)) for hid in map(_number, identifiers)]
    if identifier_type == "name":
        return [(name, contents.one(str(name))) for name in identifiers]
    raise SettingsError(f"identifier_type is {identifier_type!r}.", "It is one of hid, name, regex.")


def _matching(contents: Contents, patterns: list[str]) -> list[Item]:
    compiled = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    return [
        item
        for item in contents
        if not item.is_collection
        and not item.deleted
        and item.state == "ok"
        and any(pattern.match(item.name) for pattern in compiled)
    ]


def _number(identifier: Any) -> int:
    try:
        return int(identifier)
    except ValueError as error:
        raise SettingsError(
            f"{identifier!r} is not the number of a dataset.", 'To look for a name, say identifier_type="name".'
        ) from error


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set) else [value]
