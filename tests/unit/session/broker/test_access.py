"""What a notebook may ask of Galaxy, and what it is refused, request by request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nebulab.errors import NotAllowed
from nebulab.session.broker.access import judge, token_of
from nebulab.session.broker.payloads import judge_body, judge_field

ID = "10d9edbc80757ab6"

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
    ("GET", "/api/events/stream"),
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
    permit = judge(method, target, {})
    assert f"{permit.path}?{permit.query}".rstrip("?") == target


@pytest.mark.parametrize(("method", "target"), REFUSED)
def test_a_notebook_may_not(method: str, target: str) -> None:
    with pytest.raises(NotAllowed) as refusal:
        judge(method, target, {})
    assert refusal.value.status == 403
    assert refusal.value.hint


@pytest.mark.parametrize("target", TRICKS)
def test_a_path_that_can_be_read_in_two_ways_is_refused(target: str) -> None:
    with pytest.raises(NotAllowed):
        judge("GET", target, {})


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override", "run-as", "Run-As"])
def test_a_header_that_means_another_request_is_refused(name: str) -> None:
    with pytest.raises(NotAllowed, match="header"):
        judge("GET", "/api/histories", {name: "DELETE"})


@pytest.mark.parametrize(
    "query", ["run_as=1", "r%75n_as=1", "_method=DELETE", "user_id=1", "all=true", "view=admin_job_list", "+run_as=1"]
)
def test_a_parameter_that_reaches_for_others_is_refused(query: str) -> None:
    with pytest.raises(NotAllowed, match="parameter"):
        judge("GET", f"/api/jobs?limit=1&{query}", {})


@pytest.mark.parametrize("query", ["key=secret&v=dev", "v=dev&key=secret", "v=dev&k%65y=secret", "key=a&v=dev&key=b"])
def test_the_token_does_not_travel_on_in_the_address(query: str) -> None:
    assert judge("GET", f"/api/histories?{query}", {}).query == "v=dev"


def test_parameters_travel_as_they_were_written() -> None:
    query = "q=name-contains&qv=a%20b%26c&empty=&flag"
    assert judge("GET", f"/api/histories?{query}", {}).query == query


def test_a_token_is_found_in_each_of_its_places() -> None:
    assert token_of({"x-api-key": "a", "Authorization": "bearer b"}, "v=1&key=c%20d") == ["a", "b", "c d"]
    assert token_of({"Authorization": "Basic abc"}, "") == []


def fetch(**element: object) -> dict[str, Any]:
    return {"history_id": ID, "targets": [{"destination": {"type": "hdas"}, "elements": [element]}]}


HARMLESS = [
    fetch(src="url", url="https://zenodo.org/record/1/files/a.h5"),
    fetch(src="pasted", paste_content='{"src": "path"} file:///etc/passwd'),
    fetch(src="files", dbkey="?", ext="auto", name="run: 2"),
    {"history_id": ID, "tool_id": "Filter1", "inputs": {"input": {"src": "hda", "id": ID}, "cond": "c1=='file:'"}},
    {"history_id": ID, "tool_id": "upload1", "inputs": {"files_0|url_paste": "chr1:100-200\nchr2:1-50"}},
    {"history_id": ID, "tool_id": "upload1", "inputs": {"files_0|url_paste": "https://host/a\nhttps://host/b"}},
    {"name": "published later", "published": False},
    {"workflow": {"steps": {"0": {"tool_state": '{"input": {"src": "hda"}}'}}}, "publish": False},
    {"archive_source": "https://host/history.tar.gz"},
]

HARMFUL = [
    fetch(src="path", path="/etc/passwd"),
    fetch(src="server_dir", server_dir="x"),
    fetch(src="url", url="file:///etc/passwd"),
    fetch(src="url", url=" FILE:///etc/passwd"),
    fetch(src="url", url="gxfiles://my_drive/secret"),
    fetch(src="url", url="gxuserimport://x"),
    {"history_id": ID, "targets": json.dumps(fetch(src="path", path="/etc/passwd")["targets"])},
    {"history_id": ID, "tool_id": "__DATA_FETCH__", "inputs": {"request_json": json.dumps(fetch(src="path"))}},
    {"history_id": ID, "tool_id": "upload1", "inputs": {"files_0|url_paste": "https://host/a\nfile:///etc/passwd"}},
    {"history_id": ID, "tool_id": "upload1", "inputs": {"files_0": {"url_paste": "file:///etc/passwd"}}},
    {"history_id": ID, "tool_id": "upload1", "inputs": json.dumps({"files_0|url_paste": "gxfiles://x/y"})},
    {"run_as": ID, "tool_id": "Filter1"},
    {"published": True},
    {"importable": "true"},
    {"from_path": "/etc/passwd"},
    {"archive_source": "file:///etc/passwd"},
    {"workflow": {"steps": {"0": {"tool_representation": {"class": "GalaxyTool"}}}}},
    {"workflow": {}, "install_tool_dependencies": True},
    {"directory_uri": "gxfiles://posix/x"},
]


@pytest.mark.parametrize("body", HARMLESS)
def test_a_body_with_the_users_data_passes(body: dict[str, Any]) -> None:
    judge_body("application/json", json.dumps(body).encode())


@pytest.mark.parametrize("body", HARMFUL)
def test_a_body_that_reaches_further_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        judge_body("application/json; charset=utf-8", json.dumps(body).encode())


def test_an_escaped_word_is_read_as_galaxy_reads_it() -> None:
    with pytest.raises(NotAllowed):
        judge_body("application/json", rb'{"targets": [{"elements": [{"s\u0072c": "p\u0061th"}]}]}')


@pytest.mark.parametrize(
    "body",
    [
        b'{"src": "path", "src": "hda"}',
        b'{"a": 1',
        json.dumps({"src": "path"}).encode("utf-16"),
        b"\xff",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
    ],
    ids=["name given twice", "cut off", "utf-16", "no text", "very deep", "deep"],
)
def test_a_body_that_can_not_be_read_with_certainty_is_refused(body: bytes) -> None:
    with pytest.raises(NotAllowed):
        judge_body("application/json", body)


def test_forms_are_read_like_json() -> None:
    judge_body("application/x-www-form-urlencoded", b"history_id=1&tool_id=Filter1&inputs=%7B%7D")
    for body in (b"run_as=1", b"targets=%5B%7B%22src%22%3A%22path%22%7D%5D", b"files_0%7Curl_paste=file%3A%2F%2F%2Fx"):
        with pytest.raises(NotAllowed):
            judge_body("application/x-www-form-urlencoded", body)
    with pytest.raises(NotAllowed):
        judge_field("targets", b'[{"elements": [{"src": "server_dir"}]}]')
