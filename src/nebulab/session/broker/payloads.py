"""What a notebook may send to Galaxy inside a request: names and values of JSON and of forms; runs in the session.

A path alone does not say everything: an administrator's `POST /api/tools/fetch` may name a file of the server, and a
`run_as` in a body speaks for another user. Galaxy reads texts inside of JSON as JSON again: they are looked into, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from nebulab.errors import NotAllowed
from nebulab.session.broker import urls
from nebulab.session.broker.address import Parameters, write_query
from nebulab.session.broker.refusals import refused

LONGEST_BODY = 4 * 1024 * 1024
"""Bytes of a body that is read as a whole; a larger text is a file, and goes through the resumable upload."""

_DEEPEST = 60
_MOST_FIELDS = 1000
_UPLOAD = "Read the file in the notebook and upload it: put(…)."
_IN_GALAXY = "Do it in Galaxy's page."
_AS_JSON = "Send the workflow's own JSON as `workflow`."

KEYS: Mapping[str, str] = {
    "run_as": "speaks for another user",
    "_method": "means another request",
    "from_path": "names a file of the server",
    "server_dir": "names a folder of the server",
    "filesystem_paths": "names files of the server",
    "local_filename": "names a file of the server",
    "@import": "names a file of the server",
    "yaml_content": "is a workflow in YAML, which is not looked into",
    "tool_representation": "brings a tool along",
    "data_manager_mode": "is the administrators'",
    "__data_manager_mode": "is the administrators'",
    "directory_uri": "writes to another store",
    "target_uri": "writes to another store",
    "shed_tool_conf": "installs tools",
}
"""Names that are refused wherever they are, unless their value is empty."""
FLAGS: Mapping[str, str] = {
    "published": "publishes",
    "importable": "shares",
    "publish": "publishes",
    "import_tools": "installs tools",
    "install_repository_dependencies": "installs tools",
    "install_resolver_dependencies": "installs tools",
    "install_tool_dependencies": "installs tools",
}
"""Names that are refused at the top of a body and of a workflow, if they are set."""
OTHERS = frozenset({"all", "f_email", "user_details", "user_email", "user_id"})
"""Names of a query which show or change what belongs to others, as Galaxy allows it to administrators."""
WORKFLOWS: Mapping[str, str] = dict.fromkeys(
    ("archive_source", "archive_file", "trs_url", "trs_tool_id", "trs_version_id", "trs_server"),
    "makes Galaxy fetch or unpack a workflow that nobody has looked into",
)
"""Names that are refused at the top of a body that makes or changes a workflow."""

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
    ]
)
# Names under which Galaxy takes the address of something to fetch.
_ADDRESSES = frozenset(
    [
        "url",
        "archive_source",
        "store_content_uri",
        "object_uri",
        "repository_url",
        "remote_model_url",
        "source_uri",
        "uri",
    ]
)
# Their values are texts in which Galaxy expects JSON; others may hold it.
_JSON_TEXTS = frozenset({"targets", "request_json", "request_state", "payload", "workflow"})
# Content, not instructions: Galaxy stores it as it is.
_CONTENT = frozenset({"paste_content", "url_paste", "annotation", "text_content", "content_text"})
# Galaxy's own, which take paths of the server and addresses as plain parameters; Galaxy starts them for its routes.
_INTERNAL_TOOLS = ("__DATA_FETCH__", "__EXPORT_HISTORY", "__IMPORT_HISTORY__", "__SET_METADATA__")
_TOOL_CLASSES = frozenset({"GalaxyTool", "GalaxyUserTool"})
_UPLOADED = re.compile(r"(?:.*\|)?file_data|files?(?:_\d+)?")
_FILE = re.compile(r"(?:.*\|)?file_data|archive_file|files?(?:_\d+)?")
_OF_UPLOADED = frozenset({"session_id", "name", "filename"})
_SESSION_ID = re.compile(r"[\w-]{1,200}", re.ASCII)
# Where a step's parameters begin, whose names are the tool's own.
_STATE = frozenset({"tool_state", "state"})


@dataclass(frozen=True)
class _Place:
    """Where in a body a value is."""

    workflows: bool
    """The request makes or changes workflows."""
    top: bool = False
    format2: bool = False
    """In a workflow whose steps may name others by file."""
    depth: int = 0

    def inside(self, name: str, content: Mapping[str, Any]) -> _Place:
        """Return the place of the value `name` of the object `content`."""
        format2 = self.format2 or content.get("class") == "GalaxyWorkflow" or "$graph" in content
        return replace(
            self,
            top=self.top and self.workflows and name in {"workflow", "payload"},
            format2=format2 and name not in _STATE,
            depth=self.depth + 1,
        )


def rewritten_json(body: bytes, path: str) -> bytes:
    """Return a JSON body as it is sent on.

    Parameters
    ----------
    path
        The request's, decoded.

    Raises
    ------
    NotAllowed
        The body asks for more than this user's data, or can't be read with certainty.
    """
    try:
        content = json.loads(_text(body), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise NotAllowed("The body can't be read as JSON.", "Send what json.dumps writes, without NaN.", 403) from None
    _judge(_unfolded(content), _top(path))
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    except ValueError:
        raise NotAllowed("The body has a number that is too large.", "Send it as a text.", 403) from None


def rewritten_form(body: bytes, path: str) -> bytes:
    """Return a form's body as it is sent on; it is judged as `rewritten_json` says."""
    try:
        fields = parse_qsl(
            _text(body), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise NotAllowed("The form can't be read.", "Send what urllib.parse.urlencode writes.", 403) from None
    judge_fields(fields, path)
    return write_query(field for field in fields if field[0] != "key").encode()


def judge_fields(fields: Parameters, path: str, *, repeated: Iterable[str] = ()) -> None:
    """Let the fields of a form or of a query pass, or raise NotAllowed; only `repeated` may be there twice."""
    _no_duplicates((name, value) for name, value in fields if name not in set(repeated))
    for name, value in fields:
        judge_field(name, value, path)


def judge_field(name: str, value: str, path: str) -> None:
    """Let one field pass, or raise NotAllowed."""
    _judge({name: value}, _top(path))


def judge_file(name: str, path: str) -> None:
    """Let a file of a form pass by its name, or raise NotAllowed."""
    if not _FILE.fullmatch(name):
        raise refused(f"{name} is no place for a file", "Name it files_0|file_data.")
    if path.startswith("/api/workflows") and name in WORKFLOWS:
        raise refused(f"{name} {WORKFLOWS[name]}", _AS_JSON)


def judge_query(query: Parameters) -> None:
    """Let the query of a request that changes nothing pass, or raise NotAllowed."""
    for name, value in query:
        if name in OTHERS or name in KEYS or (name == "view" and value.strip().startswith("admin")):
            raise refused(f"the parameter {name}", "A session sees what belongs to its own user.")


def _top(path: str) -> _Place:
    return _Place(workflows=path.startswith("/api/workflows"), top=True)


def _judge(content: Any, place: _Place) -> None:
    if place.depth > _DEEPEST:
        raise NotAllowed("The body is nested too deeply.", "Send a flatter one.", status=403)
    if isinstance(content, list):
        for item in content:
            _judge(_unfolded(item), replace(place, depth=place.depth + 1, top=False))
    elif isinstance(content, dict):
        _judge_object(content, place)
    elif isinstance(content, str) and urls.is_store(content):
        raise refused(f"{content[:60]!r} is a store with stored credentials", _UPLOAD)


def _judge_object(content: Mapping[str, Any], place: _Place) -> None:
    if place.workflows and content.get("type") == "subworkflow":
        _judge_subworkflow(content)
    for full_name, given in content.items():
        # A form flattens what JSON nests: `files_0|url_paste`.
        name = full_name.rpartition("|")[2]
        value = _unfolded(given)
        if isinstance(value, str) and name in _JSON_TEXTS and value.lstrip()[:1] in {"{", "["}:
            raise refused(f"{name} is not valid JSON", "Send what json.dumps writes.")
        _judge_name(name, value, place)
        for rule in _RULES:
            rule(name, value)
        if _UPLOADED.fullmatch(full_name):
            _judge_uploaded(full_name, value)
        inside = place.inside(name, content)
        if inside.format2 and name == "run":
            _judge_run(value)
        if name not in _CONTENT:
            _judge(value, inside)


def _judge_name(name: str, value: Any, place: _Place) -> None:
    if name in KEYS and value not in (None, "", False):
        raise refused(f"{name} {KEYS[name]}", _UPLOAD if "server" in KEYS[name] else _IN_GALAXY)
    if place.top and name in FLAGS and _is_set(value):
        raise refused(f"{name} {FLAGS[name]}", _IN_GALAXY)
    if place.top and place.workflows and name in WORKFLOWS and value not in (None, ""):
        raise refused(f"{name} {WORKFLOWS[name]}", _AS_JSON)


def _judge_source(name: str, value: Any) -> None:
    if name == "src" and isinstance(value, str) and value not in _SOURCES:
        raise refused(f"the source {value!r} is not a dataset, an upload or a web address", _UPLOAD)


def _judge_class(name: str, value: Any) -> None:
    if name == "class" and isinstance(value, str) and value in _TOOL_CLASSES:
        raise refused(f"the class {value} brings a tool along", _IN_GALAXY)


def _judge_tool(name: str, value: Any) -> None:
    if name in {"tool_id", "content_id"} and isinstance(value, str):
        if value.strip().startswith(_INTERNAL_TOOLS):
            raise refused(f"{value} is a tool of Galaxy's own", "Use the route that Galaxy has for it.")
        if "data_manager" in value:
            raise refused(f"{value} changes the server's reference data, which is the administrators'", _IN_GALAXY)


def _judge_destination(name: str, value: Any) -> None:
    kind = value.get("type") if name == "destination" and isinstance(value, dict) else value
    if name in {"destination", "instance_type"} and kind in ("library", "library_folder"):
        raise refused("a library as destination", "Upload into a history; in Galaxy's page it goes on to the library.")


def _judge_pasted(name: str, value: Any) -> None:
    """Judge text to upload. Galaxy takes it for addresses, one a line, if it begins with one, as is done here."""
    if name != "url_paste":
        return
    for text in value if isinstance(value, list) else [value]:
        if not urls.is_address(str(text)):
            continue
        for line in str(text).replace("\r", "").split("\n"):
            if urls.is_address(line) and "file:" in line.lower():
                raise refused("url_paste names a file of the server", _UPLOAD)
            if urls.is_address(line):
                urls.judge_address(name, line)


def _judge_address(name: str, value: Any) -> None:
    if name.lower() not in _ADDRESSES:
        return
    for address in value if isinstance(value, list) else [value]:
        if not isinstance(address, str):
            continue
        urls.judge_address(name, address)
        if name == "archive_source" and address and not urls.is_address(address):
            raise refused(f"{name} names a file of the server", _UPLOAD)


def _judge_extra_files(name: str, value: Any) -> None:
    if name == "extra_files_path" and (str(value).startswith("/") or ".." in str(value).split("/")):
        raise refused(f"{name} leads out of the dataset", "Name a file inside of the dataset.")


def _judge_content_source(name: str, value: Any) -> None:
    if name == "content_source" and value in ("url", "trs_url", "trs_id"):
        raise refused(f"{name} {WORKFLOWS['archive_source']}", _AS_JSON)


_RULES: tuple[Callable[[str, Any], None], ...] = (
    _judge_source,
    _judge_class,
    _judge_tool,
    _judge_destination,
    _judge_pasted,
    _judge_address,
    _judge_extra_files,
    _judge_content_source,
)


def _judge_uploaded(name: str, value: Any) -> None:
    """Judge what stands for a file that was uploaded before: nothing but the upload's number and a name."""
    if isinstance(value, list):
        for item in value:
            _judge_uploaded(name, item)
    if isinstance(value, dict) and ("path" in value or "session_id" in value):
        if not set(value) <= _OF_UPLOADED:
            raise refused(f"{name} names more than an upload", "Give the upload's session_id and a name.")
        if not _SESSION_ID.fullmatch(str(value.get("session_id"))):
            raise refused(f"the session_id of {name} is none of an upload", "Give the last part of its address.")


def _judge_run(value: Any) -> None:
    if isinstance(value, str) and not value.startswith("#"):
        raise refused("run names a file of the server, or an address", "Write the inner workflow out in place.")


def _judge_subworkflow(step: Mapping[str, Any]) -> None:
    if "://" in str(step.get("content_id")) or step.get("trs_tool_id") or step.get("trs_version_id"):
        raise refused(f"a step {WORKFLOWS['archive_source']}", "Write the inner workflow out as `subworkflow`.")


def _is_set(value: Any) -> bool:
    return str(value).strip().lower() not in {"", "none", "false", "0", "null", "no", "off"}


def _unfolded(value: Any) -> Any:
    """Return the content of a text which Galaxy would read as JSON, however often it was wrapped, else the value.

    NaN is let through here: Galaxy reads it, and the text is sent on as it is.
    """
    for _ in range(_DEEPEST):
        if not isinstance(value, str) or value.lstrip()[:1] not in {"{", "[", '"'}:
            return value
        try:
            value = json.loads(value, object_pairs_hook=_no_duplicates)
        except RecursionError:
            break
        except ValueError:
            return value
    raise NotAllowed("The body is nested too deeply.", "Send a flatter one.", status=403)


def _no_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return `pairs` as a dictionary; of a name given twice two readers could take different ones."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotAllowed(f"The request has the name {name!r} twice.", "Send each name once.", status=403)
        found[name] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise NotAllowed("The body is not UTF-8.", "Send it in UTF-8.", status=403) from None
