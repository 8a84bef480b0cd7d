"""What a notebook may ask of Galaxy, in which form it is sent on, and what it is refused, request by request."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from multidict import CIMultiDict

from nebulab.errors import NotAllowed
from nebulab.session.broker.headers import token_of
from nebulab.session.broker.judgement import Allowed, Asked, Streamed, judge
from nebulab.session.broker.multipart import FormRewriter
from nebulab.session.broker.urls import is_local

ID = "10d9edbc80757ab6"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def ask(method: str, target: str, body: bytes | None = None, **headers: str) -> Allowed:
    """Judge a request; `content_type="…"` is its header."""
    named = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
    return judge(Asked(method, target, named, body))


def send(content: Any, target: str = "/api/tools", method: str = "POST") -> Any:
    """Judge a JSON body, and return the one that is sent on."""
    allowed = ask(method, target, json.dumps(content).encode(), content_type=JSON)
    assert isinstance(allowed.body, bytes)
    assert allowed.headers["content-type"] == JSON
    return json.loads(allowed.body)


NEEDED = [
    ("GET", "/api/version"),
    ("GET", "/api/configuration"),
    ("GET", "/api/users/current"),
    ("GET", "/api/genomes"),
    ("GET", "/api/datatypes/mapping"),
    ("GET", "/api/histories?keys=id,name&v=dev"),
    ("POST", "/api/histories"),
    ("GET", f"/api/histories/{ID}?view=detailed"),
    ("PUT", f"/api/histories/{ID}"),
    ("DELETE", f"/api/histories/{ID}?purge=true"),
    ("GET", f"/api/histories/{ID}/contents?v=dev&q=hid&qv=3&limit=500&offset=0"),
    ("GET", f"/api/histories/{ID}/contents/{ID}/display?to_ext=tabular"),
    ("HEAD", f"/api/histories/{ID}/contents/{ID}/display"),
    ("POST", f"/api/histories/{ID}/contents/dataset_collections"),
    ("PUT", f"/api/histories/{ID}/contents/datasets/{ID}"),
    ("POST", f"/api/histories/{ID}/tags/name:caf%C3%A9"),
    ("GET", f"/api/datasets/{ID}"),
    ("GET", f"/api/datasets/{ID}/display"),
    ("GET", f"/api/datasets/{ID}/extra_files/raw/images/1.png"),
    ("GET", f"/datasets/{ID}/display"),
    ("GET", f"/api/dataset_collections/{ID}"),
    ("POST", "/api/dataset_collections"),
    ("OPTIONS", "/api/upload/resumable_upload"),
    ("POST", "/api/upload/resumable_upload"),
    ("HEAD", "/api/upload/resumable_upload/647f5358415e41e381aaf1818f725b96"),
    ("PATCH", "/api/upload/resumable_upload/647f5358415e41e381aaf1818f725b96"),
    ("POST", "/api/tools/fetch"),
    ("GET", "/api/tools?in_panel=false"),
    ("POST", "/api/tools"),
    ("GET", "/api/tools/Filter1?io_details=true"),
    ("GET", "/api/tools/toolshed.g2.bx.psu.edu/repos/iuc/table_compute/table_compute/1.2.4+galaxy0/build"),
    ("GET", f"/api/jobs/{ID}?full=true"),
    ("GET", f"/api/jobs/{ID}/console_output?stdout_position=0"),
    ("DELETE", f"/api/jobs/{ID}"),
    ("GET", "/api/workflows"),
    ("POST", "/api/workflows"),
    ("POST", f"/api/workflows/{ID}/invocations"),
    ("GET", f"/api/invocations/{ID}/steps/{ID}"),
    ("GET", "/api/libraries"),
    ("GET", "/api/users/current/usage"),
    ("GET", f"/api/invocations/{ID}/report.pdf"),
    ("DELETE", f"/api/datasets/{ID}?purge=true&stop_job=true"),
    ("PUT", f"/api/histories/{ID}/exports?gzip=True&include_hidden=False&include_deleted=False"),
    ("PUT", f"/api/histories/{ID}/contents/bulk?q=state-eq&qv=error&q=visible&qv=true"),
    ("GET", "/api/workflows/0d0b6c82-5bdc-4a3e-9f7e-2f2b3a1c0d9e"),
    ("GET", f"/api/folders/F{ID}"),
]

REFUSED = [
    # Keys, log-in, other people.
    ("GET", "/api/users/current/api_key"),
    ("POST", f"/api/users/{ID}/api_key"),
    ("GET", f"/api/users/{ID}/api_key/detailed"),
    ("GET", f"/api/users/{ID}/api_key/inputs"),
    ("DELETE", f"/api/users/{ID}/api_key"),
    ("GET", "/api/users"),
    ("POST", "/api/users"),
    ("GET", f"/api/users/{ID}"),
    ("PUT", "/api/users/current"),
    ("DELETE", "/api/users/current"),
    ("PUT", f"/api/users/{ID}/password/inputs"),
    ("GET", "/api/users/current/credentials"),
    ("GET", f"/api/users/{ID}/information/inputs"),
    ("GET", "/api/authenticate/baseauth"),
    ("GET", f"/api/jobs/{ID}/oidc-tokens"),
    # Administration.
    ("GET", "/api/roles"),
    ("POST", "/api/groups"),
    ("PUT", f"/api/groups/{ID}/users/{ID}"),
    ("GET", "/api/quotas"),
    ("PUT", "/api/configuration/toolbox"),
    ("GET", "/api/configuration/decode/1"),
    ("PUT", "/api/job_lock"),
    ("GET", "/api/tool_shed_repositories"),
    ("POST", "/api/dynamic_tools"),
    ("POST", "/api/unprivileged_tools"),
    ("GET", "/api/tools/Filter1/reload"),
    ("POST", "/api/tools/Filter1/install_dependencies"),
    ("GET", "/api/tools/error_stack"),
    ("GET", "/api/tools/toolshed.g2.bx.psu.edu/repos/iuc/a/b/reload"),
    ("GET", "/api/tools/Filter1/relo%61d"),
    ("GET", "/api/tools/Filter1/test_data_download?filename=x"),
    ("POST", "/api/tool_data"),
    ("GET", f"/api/jobs/{ID}/destination_params"),
    # Other stores, other sessions, what a person decides.
    ("GET", "/api/entry_points?running=true"),
    ("DELETE", f"/api/entry_points/{ID}"),
    ("GET", "/api/remote_files"),
    ("GET", "/api/ftp_files"),
    ("POST", "/api/file_source_instances"),
    ("POST", "/api/object_store_instances"),
    ("GET", "/api/webhooks"),
    ("GET", f"/api/jobs/{ID}/files?path=/etc/passwd&job_key=1"),
    ("GET", "/api/proxy?url=http://localhost"),
    ("PUT", f"/api/histories/{ID}/share_with_users"),
    ("PUT", f"/api/histories/{ID}/publish"),
    ("PUT", f"/api/datasets/{ID}/permissions"),
    ("POST", f"/api/histories/{ID}/write_store"),
    ("POST", "/api/histories/from_store"),
    ("POST", f"/api/libraries/{ID}/contents"),
    ("POST", "/api/events/stream"),
    ("POST", "/api/events/history-subscriptions"),
    # Pages, unknown paths, unknown methods.
    ("GET", "/"),
    ("GET", "/context"),
    ("GET", "/user/api_key"),
    ("GET", "/admin/users"),
    ("GET", "/api"),
    ("GET", "/api/"),
    ("GET", "/api/histories/"),
    ("GET", "/API/histories"),
    ("GET", "/api/no_such_thing"),
    ("TRACE", "/api/histories"),
    ("CONNECT", "/api/histories"),
    ("get", "/api/histories"),
    ("POST", "/api/version"),
    # Words in the place of a number are routes of their own.
    ("PUT", "/api/workflows/menu"),
    ("PUT", "/api/workflows/build_module"),
    ("DELETE", "/api/workflows/build_module"),
    ("PUT", "/api/histories/batch/delete"),
    ("POST", f"/api/workflows/{ID}.json"),
]

TRICKS = [
    "/api/histories/../users/current/api_key",
    "/api/histories/./../users",
    "/api/histories/..",
    "/api/datatypes/../users",
    "/api/datatypes/%2e%2e/users",
    "/api/datatypes/%2E%2E/users",
    "/api/datatypes/.%2e/users",
    "/api/datatypes/..%2fusers",
    "/api/datatypes/%2Fusers",
    "/api/datatypes/%252e%252e/users",
    "/api/datatypes/a%5c..%5cusers",
    "/api/datatypes/a\\..\\users",
    "/api/datatypes/a;/../users",
    "/api/datatypes/a%3bx",
    "/api/datatypes/a%00",
    "/api/datatypes/a%0d%0aX-A:b",
    "/api/datatypes/a%zz",
    "/api/datatypes/%c0%ae%c0%ae/users",
    "/api/datatypes/caf\u00e9",
    "/api/datatypes/caf%C2%85",
    "/api/datatypes/a%7f",
    "/api/datatypes/a%09b",
    "/api/datatypes/a%25",
    "/api/datatypes/a b",
    "/api/histories/",
    "//api/histories",
    "/api//histories",
    "/api/datatypes//users",
    "/api/datatypes/#/x",
    "http://other.example/api/histories",
    "api/histories",
    "*",
    "",
]


@pytest.mark.parametrize(("method", "target"), NEEDED)
def test_a_notebook_may(method: str, target: str) -> None:
    assert ask(method, target).target == target


@pytest.mark.parametrize(("method", "target"), REFUSED)
def test_a_notebook_may_not(method: str, target: str) -> None:
    with pytest.raises(NotAllowed) as refusal:
        ask(method, target)
    assert refusal.value.status == 403
    assert refusal.value.hint


def test_a_refusal_says_why() -> None:
    with pytest.raises(NotAllowed, match="outlive the session"):
        ask("GET", "/api/users/current/api_key")
    with pytest.raises(NotAllowed, match="the administrators'"):
        ask("GET", "/api/quotas")
    with pytest.raises(NotAllowed, match="from_path names a file of the server"):
        send({"from_path": "/etc/passwd"}, "/api/workflows")
    with pytest.raises(NotAllowed, match=r"parameter publish in the address.*\n.*as JSON"):
        ask("POST", "/api/workflows?publish=true")


@pytest.mark.parametrize("target", TRICKS)
def test_a_path_that_can_be_read_in_two_ways_is_refused(target: str) -> None:
    with pytest.raises(NotAllowed):
        ask("GET", target)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("/api/users/curren%74", "/api/users/current"),
        ("/%61pi/histories", "/api/histories"),
        (f"/api/histories/{ID}/tags/name%3acaf%c3%a9", f"/api/histories/{ID}/tags/name:caf%C3%A9"),
        (f"/api/histories/{ID}/tags/a%20b%23%3f", f"/api/histories/{ID}/tags/a%20b%23%3F"),
        ("/api/tools/a%2bb", "/api/tools/a+b"),
    ],
)
def test_a_path_is_written_in_one_way(given: str, sent: str) -> None:
    allowed = ask("GET", given)
    assert allowed.target == sent
    assert allowed.is_user is (sent == "/api/users/current")


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "run-as", "Run-As"])
def test_a_header_that_means_another_request_is_refused(name: str) -> None:
    with pytest.raises(NotAllowed, match="header"):
        judge(Asked("GET", "/api/histories", CIMultiDict({name: "DELETE"})))


def test_headers_that_are_not_needed_are_left_out() -> None:
    given = CIMultiDict(
        {
            "Accept": "text/html",
            "Range": "bytes=0-9",
            "Cookie": "galaxysession=x",
            "Host": "other",
            "Connection": "x-forwarded-for",
            "X-Forwarded-For": "1.2.3.4",
            "REMOTE_USER": "admin",
            "Content-Type": "text/plain",
            "Upload-Length": "3",
        }
    )
    given.add("Accept", "application/json")
    allowed = judge(Asked("GET", f"/api/datasets/{ID}/display", given))
    assert allowed.headers == {"accept": "text/html, application/json", "range": "bytes=0-9"}


@pytest.mark.parametrize(
    "query",
    [
        "run_as=1",
        "r%75n_as=1",
        "_method=DELETE",
        "user_id=1",
        "all=true",
        "view=admin_job_list",
        "view=%20admin",
        "from_path=/etc/passwd",
    ],
)
def test_a_parameter_that_reaches_for_others_is_refused(query: str) -> None:
    with pytest.raises(NotAllowed, match="parameter"):
        ask("GET", f"/api/jobs?limit=1&{query}")


@pytest.mark.parametrize(
    "query", ["+run_as=1", "a%00=1", "a%ff=1", "a=%ff", "a=1#b", "a=\u00e9", "a b=1", "=1", "a;b=1"]
)
def test_a_query_that_can_be_read_in_two_ways_is_refused(query: str) -> None:
    with pytest.raises(NotAllowed):
        ask("GET", f"/api/jobs?{query}")


@pytest.mark.parametrize("query", ["key=secret&v=dev", "v=dev&key=secret", "v=dev&k%65y=secret", "key=a&v=dev&key=b"])
def test_the_token_does_not_travel_on_in_the_address(query: str) -> None:
    assert ask("GET", f"/api/histories?{query}").query == "v=dev"


def test_parameters_mean_what_they_meant() -> None:
    query = "q=name-contains&qv=a%20b%26c+d&&empty=&flag&per=100%25"
    assert ask("GET", f"/api/histories?{query}").query == "q=name-contains&qv=a%20b%26c%20d&empty=&flag=&per=100%25"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/api/workflows?from_path=/etc/passwd"),
        ("POST", "/api/workflows?workflow=%7B%7D&publish=true"),
        ("POST", "/api/tools?tool_id=Filter1&inputs=%7B%7D"),
        ("POST", "/api/tools?payload=%7B%7D"),
        ("PUT", f"/api/workflows/{ID}?published=true"),
        ("POST", "/api/histories?archive_source=file:///x"),
        ("DELETE", f"/api/histories/{ID}?purge=true&payload=1"),
        ("PUT", f"/api/datasets/{ID}?view=x&view=y"),
        ("PUT", f"/api/datasets/{ID}?keys=%7B%22run_as%22%3A1%7D"),
    ],
)
@pytest.mark.parametrize("kind", ["", JSON, FORM, "multipart/form-data; boundary=x"])
def test_the_query_of_a_change_is_judged_as_a_form(method: str, target: str, kind: str) -> None:
    with pytest.raises(NotAllowed):
        judge(Asked(method, target, CIMultiDict({"Content-Type": kind} if kind else {})))


def test_a_token_is_found_in_each_of_its_places() -> None:
    assert token_of({"x-api-key": "a", "Authorization": "bearer b"}) == ["a", "b"]
    assert token_of({"Authorization": "Basic abc"}) == []


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (JSON, JSON),
        ("Application/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ('application/json;charset="UTF-8"', JSON),
        ("application/x-www-form-urlencoded; charset=utf-8", FORM),
    ],
)
def test_one_form_of_a_content_type_is_sent_on(given: str, sent: str) -> None:
    body = b"{}" if sent == JSON else b"name=x"
    assert ask("POST", "/api/histories", body, content_type=given).headers["content-type"] == sent


def test_a_body_without_a_type_is_json() -> None:
    assert ask("POST", "/api/histories", b"{}").headers == {"content-type": JSON}
    with pytest.raises(NotAllowed):
        ask("POST", "/api/histories", b"name=x")


@pytest.mark.parametrize(
    "given",
    [
        "text/plain",
        "application/xml",
        "application/json+x",
        "application/json, multipart/form-data",
        "application/x-www-form-urlencodedx",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; boundary=x",
        "application/json;",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary=a; charset=utf-8",
        'multipart/form-data; boundary="a\\"b"',
        "multipart/mixed; boundary=a",
        "application/offset+octet-stream",
        "",
    ],
)
def test_another_content_type_is_refused(given: str) -> None:
    with pytest.raises(NotAllowed):
        ask("POST", "/api/tools", b"{}", content_type=given)


def test_two_content_types_are_refused() -> None:
    headers = CIMultiDict([("Content-Type", JSON), ("Content-Type", FORM)])
    with pytest.raises(NotAllowed, match="twice"):
        judge(Asked("POST", "/api/tools", headers, b"{}"))


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(NotAllowed, match="compressed"):
        ask("POST", "/api/tools", b"{}", content_type=JSON, content_encoding="gzip")


def test_a_request_that_reads_has_no_body() -> None:
    with pytest.raises(NotAllowed, match="body"):
        ask("GET", "/api/histories", b"{}", content_type=JSON)


def test_json_is_written_anew() -> None:
    text = b' { "name" : "gr\xc3\xb6\xc3\x9fe \\u0041", "n": [1.50, 12345678901234567890, null, true] } '
    body = ask("POST", "/api/histories", text, content_type=JSON).body
    assert body == b'{"name":"gr\\u00f6\\u00dfe A","n":[1.5,12345678901234567890,null,true]}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"src": "path", "src": "hda"}',
        b'{"a": 1',
        json.dumps({"src": "path"}).encode("utf-16"),
        b"\xff",
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1} {"b": 2}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
    ],
    ids=[
        "name given twice",
        "cut off",
        "utf-16",
        "no text",
        "byte order mark",
        "NaN",
        "infinite",
        "too large",
        "two",
        "very deep",
        "deep",
    ],
)
def test_a_body_that_can_not_be_read_with_certainty_is_refused(body: bytes) -> None:
    with pytest.raises(NotAllowed):
        ask("POST", "/api/tools", body, content_type=JSON)


def test_a_form_is_written_anew_without_the_token() -> None:
    body = ask("POST", "/api/histories", b"name=a+b%20c&key=secret&n=", content_type=FORM).body
    assert body == b"name=a%20b%20c&n="


@pytest.mark.parametrize("body", [b"a=1&a=2", b"a=%ff", b"a", b"&".join(b"a%d=1" % n for n in range(2000)), b"\xff=1"])
def test_a_form_that_can_not_be_read_with_certainty_is_refused(body: bytes) -> None:
    with pytest.raises(NotAllowed):
        ask("POST", "/api/tools", body, content_type=FORM)


def test_a_body_too_large_to_judge_is_told_to_be_a_file() -> None:
    with pytest.raises(NotAllowed, match="too large") as refusal:
        judge(Asked("POST", "/api/tools", CIMultiDict({"Content-Type": JSON}), Streamed(10**9)))
    assert refusal.value.status == 413
    headers = CIMultiDict({"Content-Type": "multipart/form-data; boundary=x"})
    allowed = judge(Asked("POST", "/api/tools", headers, Streamed(10**9)))
    assert isinstance(allowed.body, FormRewriter)


TUS = "/api/upload/resumable_upload"


def test_the_headers_of_an_upload_pass() -> None:
    headers = {
        "tus-resumable": "1.0.0",
        "upload-length": "3",
        "upload-metadata": "filename YS50eHQ=,filetype dGV4dA==, empty",
        "upload-checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    }
    assert judge(Asked("POST", TUS, CIMultiDict(headers))).headers == headers
    piece = {"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream"}
    allowed = judge(Asked("PATCH", f"{TUS}/{ID}", CIMultiDict(piece), b"\0\xff"))
    assert (allowed.headers, allowed.body) == (piece, b"\0\xff")
    empty = judge(Asked("PATCH", f"{TUS}/{ID}", CIMultiDict(piece)))
    assert (empty.headers, empty.body) == (piece, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Upload-Concat", "final;/api/upload/resumable_upload/1"),
        ("Upload-Length", "-1"),
        ("Upload-Offset", "0, 5"),
        ("Upload-Metadata", "filename ../x"),
        ("Tus-Resumable", "1.0.0 x"),
    ],
)
def test_a_header_of_an_upload_that_is_malformed_is_refused(name: str, value: str) -> None:
    with pytest.raises(NotAllowed, match=name.lower() if "Concat" not in name else name):
        judge(Asked("POST", TUS, CIMultiDict({name: value})))


@pytest.mark.parametrize("kind", [JSON, FORM])
def test_an_upload_takes_pieces_only(kind: str) -> None:
    with pytest.raises(NotAllowed):
        ask("POST", TUS, b"{}", content_type=kind)


def fetch(**element: object) -> dict[str, Any]:
    return {"history_id": ID, "targets": [{"destination": {"type": "hdas"}, "elements": [element]}]}


def step(**values: object) -> dict[str, Any]:
    return {"workflow": {"a_galaxy_workflow": "true", "name": "x", "steps": {"0": values}}}


HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("/api/tools/fetch", fetch(src="url", url="https://zenodo.org/record/1/files/a.h5")),
    ("/api/tools/fetch", fetch(src="url", url="ftp://ftp.ncbi.nlm.nih.gov/a%20b")),
    ("/api/tools/fetch", fetch(src="pasted", paste_content='{"src": "path"} file:///etc/passwd')),
    ("/api/tools/fetch", fetch(src="files", dbkey="?", ext="auto", name="run: 2")),
    (
        "/api/tools/fetch",
        fetch(src="files") | {"files_0|file_data": {"session_id": "0f3c", "name": "a.txt"}, "auto_decompress": False},
    ),
    ("/api/tools", {"tool_id": "Filter1", "inputs": {"input": {"src": "hda", "id": ID}, "cond": "c1=='file:'"}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0|url_paste": "chr1:100-200\nchr2:1-50"}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0|url_paste": "https://host.org/a\nhttps://host.org/b"}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0|url_paste": '{"src": "path", "run_as": "http://x"}'}}),
    ("/api/tools", {"tool_id": "__ZIP_COLLECTION__", "inputs": {"input_forward": {"src": "hdca", "id": ID}}}),
    ("/api/tools", {"tool_id": "x", "inputs": {"publish": True, "run": "fast", "text": '{"class": "A", "b": NaN}'}}),
    ("/api/histories", {"name": "published later", "published": False}),
    ("/api/histories", {"archive_source": "https://host.org/history.tar.gz", "archive_type": "url"}),
    ("/api/workflows", step(tool_state='{"input": {"src": "hda"}, "run": "fast"}') | {"publish": False}),
    ("/api/workflows", step(tool_id="toolshed.g2.bx.psu.edu/repos/iuc/a/b/1", content_id="toolshed/x")),
    ("/api/workflows", step(type="subworkflow", subworkflow={"name": "inner", "steps": {}}, content_id=None)),
    ("/api/workflows", {"workflow": {"class": "GalaxyWorkflow", "steps": [{"run": "#inner", "state": {"run": "x"}}]}}),
    ("/api/workflows", {"workflow": {"name": "x", "steps": {}, "source_metadata": {"trs_tool_id": "#1"}}}),
    (f"/api/workflows/{ID}/invocations", {"inputs": {"0": {"src": "hda", "id": ID}}, "parameters": {"1": {"a": "b"}}}),
]

HARMFUL: list[tuple[str, dict[str, Any]]] = [
    ("/api/tools/fetch", fetch(src="path", path="/etc/passwd")),
    ("/api/tools/fetch", fetch(src="server_dir", server_dir="x")),
    ("/api/tools/fetch", fetch(src="url", url="file:///etc/passwd")),
    ("/api/tools/fetch", fetch(src="url", url=" FILE:///etc/passwd")),
    ("/api/tools/fetch", fetch(src="url", url="gxfiles://my_drive/secret")),
    ("/api/tools/fetch", fetch(src="url", url="gxuserimport://x")),
    ("/api/tools/fetch", fetch(src="url", url="zip://extract?source=file:///etc/passwd")),
    ("/api/tools/fetch", fetch(src="url", url="ftp://127.0.0.1/x")),
    ("/api/tools/fetch", fetch(src="url", url="drs://localhost:8080/x")),
    ("/api/tools/fetch", fetch(src="url", url="drs://[::1]/x")),
    ("/api/tools/fetch", fetch(src="url", url="http://169.254.169.254/latest/meta-data")),
    ("/api/tools/fetch", fetch(src="url", url="http://user:word@127.1:80/")),
    ("/api/tools/fetch", fetch(src="url", url="http://a.org\\@127.0.0.1/")),
    ("/api/tools/fetch", fetch(src="url", url="ht\ntp://127.0.0.1/")),
    (
        "/api/tools/fetch",
        fetch(src="files") | {"files_0|file_data": {"filename": "x", "local_filename": "/etc/passwd"}},
    ),
    ("/api/tools/fetch", fetch(src="files") | {"files_0|file_data": {"path": "/etc/passwd", "name": "x"}}),
    ("/api/tools/fetch", fetch(src="files") | {"files_0|file_data": {"session_id": "../../x", "name": "x"}}),
    ("/api/tools/fetch", {"history_id": ID, "targets": json.dumps(fetch(src="path", path="/etc/passwd")["targets"])}),
    ("/api/tools/fetch", {"history_id": ID, "targets": '[{"src": "path"'}),
    ("/api/tools", {"tool_id": "__DATA_FETCH__", "inputs": {"request_json": json.dumps(fetch(src="path"))}}),
    (
        "/api/tools",
        {"tool_id": "x", "inputs": {"a": json.dumps({"b": json.dumps({"c": json.dumps(fetch(src="path"))})})}},
    ),
    ("/api/tools", {"tool_id": "x", "inputs": json.dumps(json.dumps(json.dumps({"run_as": ID})))}),
    ("/api/tools", {"tool_id": "x", "inputs": '{"run_as": 1, "a": NaN}'}),
    ("/api/tools", {"tool_id": "x", "inputs": {"a": '{"src": "path", "src": "hda"}'}}),
    ("/api/tools", {"tool_id": "x", "inputs": {"a": ['{"run_as": 1}']}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0|url_paste": "https://h.org/a\nfile:///etc/passwd"}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0|url_paste": "https://h.org/a\nfi\rle:///etc/passwd"}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0|url_paste": "https://h.org/a\nhttp://127.0.0.1/"}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": {"files_0": {"url_paste": "file:///etc/passwd"}}}),
    ("/api/tools", {"tool_id": "upload1", "inputs": json.dumps({"files_0|url_paste": "gxfiles://x/y"})}),
    ("/api/tools", {"tool_id": "export_remote", "inputs": {"d_uri": "gxuserfiles://1/x"}}),
    ("/api/tools", {"run_as": ID, "tool_id": "Filter1"}),
    ("/api/tools", {"tool_id": "Filter1", "data_manager_mode": "bundle"}),
    ("/api/tools", {"tool_id": "__IMPORT_HISTORY__", "inputs": {"__ARCHIVE_SOURCE__": "/etc/passwd"}}),
    ("/api/tools", {"tool_id": "__EXPORT_HISTORY_TO_URI__", "inputs": {}}),
    ("/api/tools", {"tool_id": "toolshed.g2.bx.psu.edu/repos/devteam/data_manager_bwa/x/1", "inputs": {}}),
    ("/api/tools", {"tool_id": "ucsc_table_direct1", "inputs": {"URL": "file:///etc/passwd"}}),
    ("/api/workflows", step(content_id="__IMPORT_HISTORY__", tool_state="{}")),
    (
        "/api/tools/fetch",
        {"history_id": ID, "targets": [{"destination": {"type": "library", "name": "x"}, "elements": []}]},
    ),
    ("/api/dataset_collections", {"instance_type": "library", "folder_id": f"F{ID}"}),
    ("/api/histories", {"published": True}),
    ("/api/histories", {"importable": "true"}),
    ("/api/histories", {"archive_source": "file:///etc/passwd"}),
    ("/api/histories", {"archive_source": "/etc/passwd", "archive_type": "file"}),
    ("/api/histories", {"archive_source": "relative/path", "archive_type": "file"}),
    ("/api/workflows", {"from_path": "/etc/passwd"}),
    ("/api/workflows", {"workflow": {"src": "from_path", "path": "/etc/passwd"}}),
    ("/api/workflows", {"workflow": {"published": True}}),
    ("/api/workflows", {"workflow": json.dumps({"importable": True})}),
    ("/api/workflows", {"workflow": {"yaml_content": "class: GalaxyWorkflow"}}),
    ("/api/workflows", {"workflow": {"class": "GalaxyWorkflow", "steps": [{"run": {"@import": "/etc/passwd"}}]}}),
    ("/api/workflows", {"workflow": {"class": "GalaxyWorkflow", "steps": {"a": {"run": "/etc/passwd"}}}}),
    ("/api/workflows", {"workflow": {"$graph": [{"steps": {"a": {"run": "https://h.org/a"}}}]}}),
    ("/api/workflows", {"workflow": {"class": "GalaxyWorkflow", "steps": [{"run": {"class": "GalaxyUserTool"}}]}}),
    ("/api/workflows", step(tool_representation={"class": "GalaxyTool"})),
    ("/api/workflows", step(type="subworkflow", content_source="url", content_id="https://h.org/a.ga")),
    ("/api/workflows", step(type="subworkflow", content_id="base64://e30=")),
    ("/api/workflows", step(type="subworkflow", trs_tool_id="#1", trs_version_id="1", trs_server="x")),
    ("/api/workflows", {"archive_source": "https://h.org/a.ga"}),
    ("/api/workflows", {"archive_source": "trs_tool", "trs_url": "https://h.org"}),
    ("/api/workflows", {"workflow": {}, "install_tool_dependencies": True}),
    (f"/api/histories/{ID}/exports", {"directory_uri": "gxfiles://posix/x"}),
    (f"/api/workflows/{ID}/invocations", {"on_complete": [{"export_to_file_source": {"target_uri": "https://h.org"}}]}),
    (f"/api/datasets/{ID}/hash", {"hash_function": "MD5", "extra_files_path": "/etc/passwd"}),
    (f"/api/datasets/{ID}/hash", {"hash_function": "MD5", "extra_files_path": "a/../../b"}),
]


def method_of(target: str) -> str:
    return "PUT" if target.endswith(("/exports", "/hash")) else "POST"


@pytest.mark.parametrize(("target", "body"), HARMLESS)
def test_a_body_with_the_users_data_passes_as_it_is(target: str, body: dict[str, Any]) -> None:
    assert send(body, target, method_of(target)) == body


@pytest.mark.parametrize(("target", "body"), HARMFUL)
def test_a_body_that_reaches_further_is_refused(target: str, body: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        send(body, target, method_of(target))


@pytest.mark.parametrize(("target", "body"), [one for one in HARMFUL if one[0] in {"/api/tools", "/api/workflows"}])
def test_a_form_that_reaches_further_is_refused(target: str, body: dict[str, Any]) -> None:
    """Galaxy's older routes read every value of a form as JSON."""
    fields = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    with pytest.raises(NotAllowed):
        ask("POST", target, urlencode(fields).encode(), content_type=FORM)
    with pytest.raises(NotAllowed):
        ask("POST", f"{target}?{urlencode(fields, quote_via=quote)}", b"x=1", content_type=FORM)


def test_an_escaped_word_is_read_as_galaxy_reads_it() -> None:
    with pytest.raises(NotAllowed):
        ask("POST", "/api/tools", rb'{"targets": [{"elements": [{"s\u0072c": "p\u0061th"}]}]}', content_type=JSON)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "a.localhost",
        "galaxy",
        "db.internal",
        "localhost.",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_a_host_of_the_own_network(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["zenodo.org", "ftp.ncbi.nlm.nih.gov", "8.8.8.8", "2606:4700::1111", "local.host.org"])
def test_a_host_of_the_internet(host: str) -> None:
    assert not is_local(host)
