"""BioBlend through the broker: each of its calls arrives at Galaxy meaning what it means without the broker.

Each call is made twice, to a stand-in for Galaxy and through the broker, and the requests that arrive are compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import bioblend
import pytest
import requests
from aiohttp import web
from bioblend.galaxy import GalaxyInstance
from bioblend.galaxy.dataset_collections import CollectionDescription, HistoryDatasetElement

from nebulab.session.broker.server import Broker
from support import forms

# BioBlend leaves the files that it uploads to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

ID = "10d9edbc80757ab6"
OTHER = "5148a6227c8f5d5d"
KEY = "the-users-own-key"
TOKEN = "good-for-this-session"
UPLOAD = "/api/upload/resumable_upload"
# Of what BioBlend sends, the broker leaves out what belongs to one connection, and writes the type of a body anew.
COMPARED = ("Range", "Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset")


@dataclass
class StandIn:
    """Answers what BioBlend needs to go on, and notes the meaning of what it was asked."""

    version: str = "26.1"
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.path != "/api/version":
            headers = {name: request.headers[name] for name in COMPARED if name in request.headers}
            query = sorted(parse_qsl(request.query_string, keep_blank_values=True))
            self.asked.append((request.method, request.path, query, headers, meaning(request, body)))
        assert request.headers.get("x-api-key") == KEY
        return self.answer(request, body)

    def answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        path, method = request.path, request.method
        if path.startswith(UPLOAD):
            offset = int(request.headers.get("Upload-Offset", "0")) + len(body)
            headers = {"Location": f"{self.url}{UPLOAD}/0a1b2c", "Upload-Offset": str(offset), "Tus-Resumable": "1.0.0"}
            return web.Response(status=201 if method == "POST" else 204, headers=headers)
        if path == "/api/version":
            return web.json_response({"version_major": self.version})
        if path.endswith(("/display", "/download", "/archive")) or "short_term_storage" in path:
            return web.Response(body=b"content", headers={"Content-Disposition": 'filename="a.txt"'})
        if method == "GET" and re.search(r"/(histories|contents|datasets|jobs|workflows|libraries|invocations)$", path):
            return web.json_response([{"id": ID, "name": "x", "state": "ok", "deleted": False}])
        found = {"id": ID, "name": "x", "state": "ok", "file_ext": "txt", "tool_id": "x", "elements": [], "jobs": []}
        return web.json_response(found | {"job_inputs": {}, "storage_request_id": ID, "steps": {}, "ready": True})


def meaning(request: web.Request, body: bytes) -> Any:
    """Return what a body says, whatever way it is written in."""
    match request.content_type:
        case "multipart/form-data":
            return sorted(forms.read(request.headers["Content-Type"], body))
        case "application/json" if body:
            return json.loads(body)
    return body


@dataclass
class Session:
    """The same Galaxy, by itself and through the broker."""

    galaxy: StandIn
    direct: GalaxyInstance
    brokered: GalaxyInstance


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    galaxy = StandIn()
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{rest:.*}", galaxy.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    galaxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    broker = Broker(galaxy.url, KEY, TOKEN, status=dict, extend=lambda: None)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await broker.start(sock)
    yield Session(galaxy, GalaxyInstance(galaxy.url, KEY), GalaxyInstance(broker.address, TOKEN))
    await broker.stop()
    await runner.cleanup()


Call = Callable[[GalaxyInstance], Any]
WORKFLOW = {
    "a_galaxy_workflow": "true",
    "name": "größe",
    "steps": {
        "0": {
            "type": "tool",
            "content_id": "toolshed.g2.bx.psu.edu/repos/iuc/a/b/1.0+galaxy0",
            "tool_state": '{"input": {"__class__": "RuntimeValue"}, "n": "\\\\"1.5\\\\""}',
            "tool_shed_repository": {"owner": "iuc", "tool_shed": "toolshed.g2.bx.psu.edu"},
        }
    },
}
COLLECTION = CollectionDescription(
    "pair", "paired", [HistoryDatasetElement(name, ID) for name in ("forward", "reverse")]
)
INPUTS = {"0": {"src": "hda", "id": ID}, "cond|select": "a", "rep_0|text": 'say "hi"\n', "list": [1, 2.5, None, True]}

CALLS: dict[str, Call] = {
    "version": lambda gi: gi.config.get_config(),
    "whoami": lambda gi: gi.config.whoami(),
    "user": lambda gi: gi.users.get_current_user(),
    "histories": lambda gi: gi.histories.get_histories(name="x", deleted=False),
    "filtered histories": lambda gi: gi.histories.get_histories(create_time_min="2026-01-01", slug="a b"),
    "published histories": lambda gi: gi.histories.get_published_histories(),
    "a history": lambda gi: gi.histories.show_history(ID, contents=True, types=["dataset"], keys=["id", "name"]),
    "matching datasets": lambda gi: gi.histories.show_matching_datasets(ID, "a.*"),
    "create a history": lambda gi: gi.histories.create_history("größe ☃"),
    "import a history from the web": lambda gi: gi.histories.import_history(url="https://host.org/h.tar.gz"),
    "update a history": lambda gi: gi.histories.update_history(ID, name="y", annotation="see file:///x", tags=["a"]),
    "delete a history": lambda gi: gi.histories.delete_history(ID, purge=True),
    "undelete a history": lambda gi: gi.histories.undelete_history(ID),
    "tag a history": lambda gi: gi.histories.create_history_tag(ID, "name:a b"),
    "export a history": lambda gi: gi.histories.export_history(ID, gzip=True, include_hidden=True),
    "copy a dataset": lambda gi: gi.histories.copy_dataset(ID, OTHER),
    "copy a collection": lambda gi: gi.histories.copy_content(ID, OTHER, source="hdca"),
    "from a library": lambda gi: gi.histories.upload_dataset_from_library(ID, OTHER),
    "make a collection": lambda gi: gi.histories.create_dataset_collection(ID, COLLECTION),
    "update a dataset": lambda gi: gi.histories.update_dataset(ID, OTHER, visible=False, genome_build="hg38"),
    "update a collection": lambda gi: gi.histories.update_dataset_collection(ID, OTHER, name="y"),
    "delete a dataset": lambda gi: gi.histories.delete_dataset(ID, OTHER, purge=True),
    "delete a collection": lambda gi: gi.histories.delete_dataset_collection(ID, OTHER),
    "provenance": lambda gi: gi.histories.show_dataset_provenance(ID, OTHER, follow=True),
    "extra files": lambda gi: gi.histories.get_extra_files(ID, OTHER),
    "datasets": lambda gi: gi.datasets.get_datasets(state=["ok", "error"], extension="h5", history_id=ID, limit=5),
    "a dataset": lambda gi: gi.datasets.show_dataset(ID),
    "download a dataset": lambda gi: gi.datasets.download_dataset(ID),
    "a collection": lambda gi: gi.dataset_collections.show_dataset_collection(ID),
    "tools": lambda gi: gi.tools.get_tools(name="Filter"),
    "tool panel": lambda gi: gi.tools.get_tool_panel(),
    "a tool": lambda gi: gi.tools.show_tool("toolshed.g2.bx.psu.edu/repos/iuc/a/b/1.0+galaxy0", io_details=True),
    "build a tool": lambda gi: gi.tools.build("Filter1", inputs={"a": 1}, history_id=ID),
    "tool citations": lambda gi: gi.tools.get_citations("Filter1"),
    "run a tool": lambda gi: gi.tools.run_tool(ID, "Filter1", INPUTS),
    "run a tool, nested": lambda gi: gi.tools.run_tool(ID, "Filter1", {"a": {"b": [INPUTS]}}, input_format="21.01"),
    "paste": lambda gi: gi.tools.paste_content('{"src": "path"}\nfile:///x', ID, file_name="a.json"),
    "paste addresses": lambda gi: gi.tools.put_url("https://host.org/a\nftp://ftp.host.org/b%20c", ID),
    "from FTP": lambda gi: gi.tools.upload_from_ftp("a/b.h5", ID),
    "jobs": lambda gi: gi.jobs.get_jobs(state="ok", history_id=ID, limit=2, tool_id="x"),
    "a job": lambda gi: gi.jobs.show_job(ID, full_details=True),
    "job inputs": lambda gi: gi.jobs.get_inputs(ID),
    "job outputs": lambda gi: gi.jobs.get_outputs(ID),
    "job metrics": lambda gi: gi.jobs.get_metrics(ID),
    "job problems": lambda gi: gi.jobs.get_common_problems(ID),
    "search jobs": lambda gi: gi.jobs.search_jobs("Filter1", {"input": {"src": "hda", "id": ID}}, state="ok"),
    "cancel a job": lambda gi: gi.jobs.cancel_job(ID),
    "resume a job": lambda gi: gi.jobs.resume_job(ID),
    "workflows": lambda gi: gi.workflows.get_workflows(published=True),
    "a workflow": lambda gi: gi.workflows.show_workflow(ID, version=2),
    "workflow versions": lambda gi: gi.workflows.show_versions(ID),
    "export a workflow": lambda gi: gi.workflows.export_workflow_dict(ID, version=1, style="ga"),
    "import a workflow": lambda gi: gi.workflows.import_workflow_dict(WORKFLOW),
    "import a shared workflow": lambda gi: gi.workflows.import_shared_workflow(ID),
    "update a workflow": lambda gi: gi.workflows.update_workflow(ID, name="y", workflow=WORKFLOW, tags=[]),
    "refactor a workflow": lambda gi: gi.workflows.refactor_workflow(ID, [{"action_type": "update_name", "name": "y"}]),
    "extract a workflow": lambda gi: gi.workflows.extract_workflow_from_history(ID, "w", [OTHER], ["1"], ["2"]),
    "invoke a workflow": lambda gi: gi.workflows.invoke_workflow(
        ID,
        inputs=INPUTS,
        params={"1": {"a": "b"}},
        history_name="größe",
        parameters_normalized=True,
        use_cached_job=True,
    ),
    "delete a workflow": lambda gi: gi.workflows.delete_workflow(ID),
    "invocations": lambda gi: gi.invocations.get_invocations(workflow_id=ID, limit=3, include_terminal=False),
    "an invocation": lambda gi: gi.invocations.show_invocation(ID),
    "invocation summary": lambda gi: gi.invocations.get_invocation_summary(ID),
    "invocation report": lambda gi: gi.invocations.get_invocation_report(ID),
    "step action": lambda gi: gi.invocations.run_invocation_step_action(ID, OTHER, True),
    "cancel an invocation": lambda gi: gi.invocations.cancel_invocation(ID),
    "archive of an invocation": lambda gi: gi.invocations.get_invocation_archive(ID),
    "libraries": lambda gi: gi.libraries.get_libraries(),
    "library contents": lambda gi: gi.libraries.show_library(ID, contents=True),
    "a folder": lambda gi: gi.folders.show_folder(f"F{ID}", contents=True),
    "datatypes": lambda gi: gi.datatypes.get_datatypes(extension_only=True),
    "genomes": lambda gi: gi.genomes.get_genomes(),
}


async def both(session: Session, call: Call) -> list[tuple[Any, ...]]:
    """Make a call twice, and return the requests that arrived; what BioBlend makes of the answers is all one."""
    made = []
    for client in (session.direct, session.brokered):
        session.galaxy.asked.clear()
        try:
            await asyncio.to_thread(call, client)
        except bioblend.ConnectionError as error:
            assert "A notebook may not" not in str(error.body), error.body
        except (KeyError, TypeError, AttributeError, IndexError, AssertionError):
            pass
        made.append(list(session.galaxy.asked))
    direct, brokered = made
    assert direct, "the call asked nothing"
    assert brokered == direct
    return direct


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_arrives_as_it_was_meant(session: Session, name: str) -> None:
    await both(session, CALLS[name])


@pytest.mark.parametrize("size", [0, 10, 12_000_000])
async def test_an_upload_of_todays_bioblend(session: Session, tmp_path: Path, size: int) -> None:
    """By the resumable protocol, then `tools/fetch`."""
    path = tmp_path / "größe.bin"
    path.write_bytes(b"x" * size)
    asked = await both(session, lambda gi: gi.tools.upload_file(str(path), ID, file_type="h5", tags=["a"]))
    assert sum(len(body) for method, _, _, _, body in asked if method == "PATCH") == size
    if size:
        assert asked[-1][:2] == ("POST", "/api/tools/fetch")


@pytest.mark.parametrize("size", [0, 10, 12_000_000])
async def test_an_upload_of_an_older_galaxy(session: Session, tmp_path: Path, size: int) -> None:
    """As a multipart form, whose length Galaxy has to be told."""
    session.galaxy.version = "21.01"
    path = tmp_path / "a.txt"
    piece = b"\r\n--x\r\n\xff".ljust(min(size, 10_000), b"x")
    path.write_bytes(piece * (size // len(piece)))
    [(_, where, _, _, parts)] = await both(session, lambda gi: gi.tools.upload_file(str(path), ID, file_type="txt"))
    assert where == "/api/tools"
    assert ("files_0|file_data", path.read_bytes(), "a.txt") in parts


async def test_a_history_from_a_file(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "history.tar.gz"
    path.write_bytes(b"x" * 5_000_000)
    await both(session, lambda gi: gi.histories.import_history(file_path=str(path)))


async def test_a_part_of_a_dataset(session: Session) -> None:
    def part(gi: GalaxyInstance) -> None:
        headers = {"x-api-key": str(gi.key), "Range": "bytes=2-4"}
        requests.get(f"{gi.base_url}/api/datasets/{ID}/display", {"to_ext": "h5"}, headers=headers, timeout=20)

    [(_, _, query, headers, _)] = await both(session, part)
    assert query == [("to_ext", "h5")]
    assert headers["Range"] == "bytes=2-4"


@pytest.mark.parametrize("key_in", ["params", "data"])
async def test_requests_of_older_scripts(session: Session, key_in: str) -> None:
    """The predecessor's age: the key among the parameters, values of a form as JSON."""

    def script(gi: GalaxyInstance) -> None:
        payload = {
            "history_id": ID,
            "tool_id": "run_jupyter_job",
            "inputs": json.dumps({"select_file": {"src": "hda"}}),
        }
        params = {"key": str(gi.key)}
        headers = {"x-api-key": str(gi.key)} if key_in == "data" else {}
        with contextlib.suppress(AssertionError):
            requests.post(f"{gi.base_url}/api/tools", payload, params=params, headers=headers, timeout=20)

    session.galaxy.asked.clear()
    await asyncio.to_thread(script, session.brokered)
    [(_, _, query, _, body)] = session.galaxy.asked
    assert query == []
    assert dict(parse_qsl(body.decode())) == {
        "history_id": ID,
        "tool_id": "run_jupyter_job",
        "inputs": '{"select_file": {"src": "hda"}}',
    }
