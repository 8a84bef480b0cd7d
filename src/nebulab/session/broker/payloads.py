"""What a notebook may send to Galaxy inside a request: the broker's look into JSON and forms; runs in the session.

A path alone does not say everything: an administrator's `POST /api/tools/fetch` may name a file of the server, and a
`run_as` in a body speaks for another user. Every body but a piece of an uploaded file is small, and is read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from nebulab.errors import NotAllowed

LONGEST_BODY = 4 * 1024 * 1024
"""Bytes of a body that is read as a whole; a larger text is a file, and goes through the resumable upload."""

_DEEPEST = 60
_SOURCES = frozenset(
    [
        "hda",
        "ldda",
        "ld",
        "hdca",
        "dce",
        "dataset",
        "dataset_collection",
        "library",
        "library_folder",
        "url",
        "pasted",
        "files",
        "ftp_import",
        "composite",
        "content",
        "new_collection",
        "history",
        "tool_shed",
        "trs",
    ]
)
# Names under which Galaxy takes the address of something to fetch or to write.
_ADDRESSES = frozenset(
    ["url", "archive_source", "store_content_uri", "directory_uri", "target_uri", "object_uri", "repository_url"]
)
_WEB = ("http://", "https://", "ftp://", "ftps://", "base64://", "drs://", "s3://", "gs://")
_KEYS = {
    "run_as": "speaks for another user",
    "_method": "means another request",
    "from_path": "names a file of the server",
    "server_dir": "names a folder of the server",
    "filesystem_paths": "names files of the server",
    "tool_representation": "brings a tool along",
}
_FLAGS = {
    "published": "publishes",
    "importable": "shares",
    "publish": "publishes",
    "import_tools": "installs tools",
    "install_repository_dependencies": "installs tools",
    "install_resolver_dependencies": "installs tools",
    "install_tool_dependencies": "installs tools",
}
# Content, not instructions: Galaxy stores it as it is.
_CONTENT = frozenset({"paste_content", "annotation", "text_content", "content_text"})


def judge_body(content_type: str, body: bytes) -> None:
    """Let a JSON or form body pass, or say why not.

    Raises
    ------
    NotAllowed
        The body asks for more than this user's data, or can't be read with certainty.
    """
    if not body:
        return
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        _judge(_no_duplicates(parse_qsl(_text(body), keep_blank_values=True)), top=True)
    else:
        judge_json(body)


def judge_json(body: bytes) -> None:
    """Let a JSON body pass, or raise NotAllowed."""
    try:
        content = json.loads(_text(body), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise NotAllowed("The body is neither JSON nor a form.", "Send JSON in UTF-8.", status=403) from None
    _judge(content, top=True)


def judge_field(name: str, value: bytes) -> None:
    """Let a plain field of a multipart form pass, or raise NotAllowed."""
    _judge({name: _text(value)}, top=True)


def _judge(content: Any, *, top: bool = False, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise NotAllowed("The body is nested too deeply.", "Send a flatter one.", status=403)
    if isinstance(content, list):
        for item in content:
            _judge(item, depth=depth + 1)
    elif isinstance(content, dict):
        for name, value in content.items():
            # A form flattens what JSON nests: `files_0|url_paste`.
            _judge_item(name.rpartition("|")[2], value, top)
            if name not in _CONTENT:
                _judge(_unfold(value), depth=depth + 1)


def _judge_item(name: str, value: Any, top: bool) -> None:
    if name in _KEYS and value not in (None, "", False):
        raise _refused(f"{name} {_KEYS[name]}")
    if top and name in _FLAGS and _is_set(value):
        raise _refused(f"{name} {_FLAGS[name]}, which a person does in Galaxy's page")
    if name == "src" and isinstance(value, str) and value not in _SOURCES:
        raise _refused(f"the source {value!r} is not a dataset, an upload or a web address")
    if name == "url_paste":
        # Text, or one address a line: Galaxy decides by its start, which is why each line counts here.
        for line in str(value).splitlines():
            if "file:" in line.lower() or (_is_foreign(line) and "://" in line):
                raise _refused("url_paste names a file of the server or of another store")
    elif name in _ADDRESSES:
        for address in value if isinstance(value, list) else [value]:
            if isinstance(address, str) and _is_foreign(address):
                raise _refused(f"{name} is no web address")


def _is_foreign(address: str) -> bool:
    """Whether `address` has a scheme (`file:`, `gxfiles:` …) and not one of the web's."""
    scheme, colon, _ = address.strip().partition(":")
    is_scheme = bool(colon) and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum()
    return is_scheme and not address.strip().lower().startswith(_WEB)


def _is_set(value: Any) -> bool:
    return str(value).strip().lower() not in {"", "none", "false", "0", "null", "no", "off"}


def _unfold(value: Any) -> Any:
    """Return the content of a text which Galaxy would read as JSON, else the value itself."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "[", '"'}:
        try:
            return json.loads(value, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError):
            return value
    return value


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return `pairs` as a dictionary; of a name given twice two readers could take different ones."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotAllowed(f"The body has the name {name!r} twice.", "Send each name once.", status=403)
        found[name] = value
    return found


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise NotAllowed("The body is not UTF-8.", "Send JSON in UTF-8.", status=403) from None


def _refused(why: str) -> NotAllowed:
    return NotAllowed(
        f"A notebook may not send this to Galaxy: {why}.", "Do it in Galaxy's page, or upload the file.", status=403
    )
