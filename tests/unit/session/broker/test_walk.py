"""Every route of Galaxy's, with each forbidden name in every place where Galaxy would read it: nothing passes.

The routes are those of a whole Galaxy, kept as a list beside this test (`nebulab.develop.broker_routes`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from multidict import CIMultiDict

from nebulab.develop import broker_routes
from nebulab.errors import NotAllowed
from nebulab.session.broker import allowed, payloads
from nebulab.session.broker.judgement import Allowed, Asked, judge
from support import forms

CHECKOUT = Path(__file__).parents[4]
LIST = (CHECKOUT / broker_routes.LIST).read_text(encoding="utf-8")
ROUTES = [(method, path) for method, route in broker_routes.listed(LIST) for path in broker_routes.sample(route)]
PASSING = [(method, path) for method, path in ROUTES if allowed.find(method, path)]
READING = [one for one in PASSING if one[0] in {"GET", "HEAD", "OPTIONS"}]
WRITING = [one for one in PASSING if one not in READING]

# Spelled out, so that a name can't get lost in the code without a test that fails.
KEYS = [
    "run_as",
    "_method",
    "from_path",
    "server_dir",
    "filesystem_paths",
    "local_filename",
    "@import",
    "yaml_content",
    "tool_representation",
    "data_manager_mode",
    "__data_manager_mode",
    "directory_uri",
    "target_uri",
    "shed_tool_conf",
]
FLAGS = [
    "published",
    "importable",
    "publish",
    "import_tools",
    "install_repository_dependencies",
    "install_resolver_dependencies",
    "install_tool_dependencies",
]
OTHERS = ["all", "f_email", "user_details", "user_email", "user_id"]
WORKFLOWS = ["archive_source", "archive_file", "trs_url", "trs_tool_id", "trs_version_id", "trs_server"]
FORBIDDEN: list[tuple[str, Any]] = [
    *((name, "1") for name in KEYS),
    ("src", "path"),
    ("src", "server_dir"),
    ("src", "from_path"),
    ("url", "file:///etc/passwd"),
    ("url", "gxfiles://drive/x"),
    ("url", "ftp://127.0.0.1/x"),
    ("url", "drs://localhost/x"),
    ("archive_source", "/etc/passwd"),
    ("url_paste", "file:///etc/passwd"),
    ("class", "GalaxyUserTool"),
    ("content_source", "trs_url"),
    ("tool_id", "__IMPORT_HISTORY__"),
    ("destination", {"type": "library", "name": "x"}),
    ("extra_files_path", "/etc/passwd"),
    ("files_0|file_data", {"path": "/etc/passwd", "name": "x"}),
    ("anything", "gxuserfiles://1/x"),
]
AT_THE_TOP: list[tuple[str, Any]] = [(name, True) for name in FLAGS]

Carrier = Callable[[str, Any], Asked]


def request(target: str, content_type: str = "", body: bytes | None = None) -> Asked:
    """Return a request whose method is set later."""
    return Asked("", target, CIMultiDict({"Content-Type": content_type} if content_type else {}), body)


def text(value: Any) -> str:
    """Return a value as a form holds it."""
    return value if isinstance(value, str) else json.dumps(value)


def carriers(path: str) -> dict[str, Carrier]:
    """Return each way in which a name comes to a route of Galaxy's as a part of what it is asked."""
    form, multipart, as_json = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"

    def json_of(content: Any) -> Asked:
        return request(path, as_json, json.dumps(content).encode())

    def encoded(word: str) -> str:
        return "".join(f"%{byte:02x}" for byte in word.encode())

    def escaped(word: str) -> str:
        return "".join(f"\\u{ord(sign):04x}" for sign in word)

    return {
        "query": lambda name, value: request(f"{path}?{urlencode({name: text(value)})}"),
        "encoded query": lambda name, value: request(f"{path}?{encoded(name)}={encoded(text(value))}"),
        "query of a form": lambda name, value: request(f"{path}?{urlencode({name: text(value)})}", form, b"a=1"),
        "query of a multipart form": lambda name, value: request(
            f"{path}?{urlencode({name: text(value)})}",
            f"{multipart}; boundary=xyz",
            forms.write([forms.Part("a", b"1")]),
        ),
        "form": lambda name, value: request(path, form, urlencode({"a": "1", name: text(value)}).encode()),
        "encoded form": lambda name, value: request(path, form, f"{encoded(name)}={encoded(text(value))}".encode()),
        "multipart": lambda name, value: request(
            path, f"{multipart}; boundary=xyz", forms.write([forms.Part(name, text(value).encode())])
        ),
        "JSON": lambda name, value: json_of({"a": 1, name: value}),
        "escaped JSON": lambda name, value: request(
            path, as_json, f'{{"{escaped(name)}": {json.dumps(value)}}}'.encode()
        ),
    }


def deeper(path: str) -> dict[str, Carrier]:
    """Return ways in which a name comes inside of something else."""
    top = carriers(path)

    def wrapped(carrier: str, wrap: Callable[[Any], Any]) -> Carrier:
        return lambda name, value: top[carrier]("inputs", wrap({name: value}))

    wraps: dict[str, Callable[[Any], Any]] = {
        "": lambda content: content,
        "list of ": lambda content: [0, [content]],
        "text of ": json.dumps,
        "text in text of ": lambda content: json.dumps({"a": json.dumps([json.dumps({"b": content})])}),
        "text of text of ": lambda content: json.dumps(json.dumps(json.dumps(content))),
        "spaced text of ": lambda content: f"\n {json.dumps(content)}",
        "text with NaN and ": lambda content: json.dumps({"n": float("nan"), "c": content}),
    }
    found = {
        f"{wrap}{carrier}": wrapped(carrier, how)
        for carrier in ("JSON", "form", "multipart", "query of a form")
        for wrap, how in wraps.items()
    }
    return found | {
        f"flattened {carrier}": (lambda name, value, carrier=carrier: top[carrier](f"a_0|b|{name}", value))
        for carrier in ("JSON", "form", "multipart", "query of a form")
    }


def refused(method: str, asked: Asked) -> bool:
    try:
        judge(Asked(method, asked.target, asked.headers, asked.body))
    except NotAllowed as refusal:
        assert refusal.hint
        return True
    return False


def test_the_list_is_one_of_a_whole_galaxy() -> None:
    assert len(ROUTES) > 1300
    assert len(PASSING) > 200
    assert len(WRITING) > 60
    for route in (("POST", "/api/workflows"), ("POST", "/api/tools"), ("GET", "/api/users/{user_id}/api_key")):
        assert route in set(broker_routes.listed(LIST))


def test_every_forbidden_name_is_walked() -> None:
    assert set(payloads.KEYS) == set(KEYS)
    assert set(payloads.FLAGS) == set(FLAGS)
    assert set(payloads.OTHERS) == set(OTHERS)
    assert set(payloads.WORKFLOWS) == set(WORKFLOWS)


def test_a_route_that_is_not_on_the_list_is_refused_in_every_form() -> None:
    passed = [
        (method, path, name)
        for method, path in ROUTES
        if (method, path) not in PASSING
        for name, carrier in [("plain", lambda *_: request(path)), *carriers(path).items()]  # noqa: B023
        if not refused(method, carrier("name", "x"))
    ]
    assert passed == []


@pytest.mark.parametrize(("name", "value"), [*FORBIDDEN, *AT_THE_TOP])
def test_no_route_takes_a_forbidden_name(name: str, value: Any) -> None:
    passed = [
        (method, path, carrier)
        for method, path in WRITING
        for carrier, how in carriers(path).items()
        if not refused(method, how(name, value))
    ]
    assert passed == []


@pytest.mark.parametrize(("name", "value"), FORBIDDEN)
def test_no_route_takes_a_forbidden_name_inside_of_something(name: str, value: Any) -> None:
    passed = [
        (method, path, carrier)
        for method, path in WRITING
        for carrier, how in deeper(path).items()
        if not refused(method, how(name, value))
    ]
    assert passed == []


@pytest.mark.parametrize("name", [*KEYS, *OTHERS])
def test_no_route_that_reads_takes_a_name_that_speaks_for_others(name: str) -> None:
    passed = [
        (method, path, carrier)
        for method, path in READING
        for carrier, how in carriers(path).items()
        if not refused(method, how(name, "1"))
    ]
    assert passed == []


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_workflow_comes_from_where_nobody_looks(name: str) -> None:
    for method, path in WRITING:
        if path.startswith("/api/workflows"):
            assert all(refused(method, how(name, "https://host.org/x")) for how in carriers(path).values()), path


def test_what_is_harmless_passes_every_route_that_changes_something() -> None:
    """So that the refusals above are about the names."""
    for method, path in WRITING:
        if path.startswith("/api/upload"):
            continue
        for carrier, how in carriers(path).items():
            if "query" not in carrier:
                assert not refused(method, how("name", "x")), (method, path, carrier)


def test_the_page_is_up_to_date() -> None:
    there = (CHECKOUT / broker_routes.PAGE).read_text(encoding="utf-8")
    assert there == broker_routes.page(LIST), f"write it anew with `{broker_routes.COMMAND}`"


@some.composite
def in_some_encoding(draw: some.DrawFn) -> tuple[str, Asked]:
    """Return a request that holds a forbidden name, nested and encoded in some way."""
    method, path = draw(some.sampled_from([one for one in WRITING if not one[1].startswith("/api/upload")]))
    content: Any = dict([draw(some.sampled_from(FORBIDDEN))])
    for how in draw(some.lists(some.sampled_from(["object", "list", "text", "beside"]), max_size=8)):
        match how:
            case "object":
                content = {draw(some.sampled_from(["inputs", "a", "b|c", "targets", "workflow"])): content}
            case "list":
                content = [*draw(some.lists(some.integers(), max_size=2)), content]
            case "text":
                content = draw(some.sampled_from(["", " ", "\n\t"])) + json.dumps(content)
            case "beside":
                content = {"x": draw(some.text(max_size=5)), "y": content}
    if draw(some.booleans()):
        written = json.dumps({"inputs": content})
        escapes = draw(some.sets(some.sampled_from(sorted(set(re.findall("[a-z_]", written))) or ["a"])))
        # Any letter of a text may be written as its number; keywords of JSON are left alone.
        written = re.sub(
            r'"(?:[^"\\]|\\.)*"',
            lambda found: re.sub(
                r"\\.|.",
                lambda sign: f"\\u{ord(sign[0]):04x}" if sign[0] in escapes else sign[0],
                found[0],
                flags=re.DOTALL,
            ),
            written,
        )
        return method, request(path, "application/json", written.encode())
    field = "".join(
        draw(some.sampled_from([quote(sign, safe=""), "".join(f"%{byte:02x}" for byte in sign.encode())]))
        for sign in text(content)
    )
    name = "".join(draw(some.sampled_from([sign, f"%{ord(sign):02x}"])) for sign in "inputs")
    if draw(some.booleans()):
        return method, request(f"{path}?{name}={field}", "application/x-www-form-urlencoded", b"a=1")
    return method, request(path, "application/x-www-form-urlencoded", f"{name}={field}".encode())


@settings(max_examples=300, deadline=None, database=None)
@given(in_some_encoding())
def test_no_encoding_hides_a_forbidden_name(one: tuple[str, Asked]) -> None:
    assert refused(*one)


pieces = some.one_of(
    some.sampled_from(["/", "//", ".", "..", "%2e", "%2E%2e", "%2f", "%252e", "%5c", "\\", ";", "?", "#", "%00", "%"]),
    some.sampled_from(["api", "users", "current", "curren%74", "api_key", "tools", "reload", "histories", "datatypes"]),
    some.text(max_size=3),
)


@settings(max_examples=500, deadline=None, database=None)
@given(some.sampled_from(["GET", "POST", "DELETE"]), some.lists(pieces, max_size=8).map("".join))
@example("GET", "datatypes/%2e%2e/users")
@example("GET", "users/curren%74")
def test_what_passes_is_written_in_one_way(method: str, rest: str) -> None:
    try:
        passed = judge(Asked(method, f"/api/{rest}"))
    except NotAllowed:
        return
    assert judge(Asked(method, passed.target)) == passed
    plain = unquote(passed.path, errors="strict")
    assert allowed.find(method, plain)
    assert not re.search(r"//|%|\\|;|[\x00-\x1f\x7f-\x9f]", plain)
    assert not {".", ".."} & set(plain.split("/"))
    assert "api_key" not in plain.split("/") or plain.startswith(("/api/datatypes/", "/api/genomes/", "/api/tool"))
    assert passed.path.isascii()


@settings(max_examples=200, deadline=None, database=None)
@given(some.sampled_from(WRITING), some.dictionaries(some.text(max_size=8), some.text(max_size=8), max_size=4))
def test_a_query_of_unknown_names_changes_nothing(route: tuple[str, str], query: dict[str, str]) -> None:
    method, path = route
    found = allowed.find(method, path)
    assert found is not None
    try:
        passed: Allowed = judge(Asked(method, f"{path}?{urlencode(query)}"))
    except NotAllowed:
        return
    assert {name for name in query if name != "key"} <= found.names
    assert "key=" not in passed.query
