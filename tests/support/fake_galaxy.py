"""A small Galaxy on loopback for unit tests, which breaks connections and lies as told."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KEY = "key-of-the-user"
REFUSAL = "The uploaded file contains invalid HTML content"


class _Server(ThreadingHTTPServer):
    def __init__(self, fake: FakeGalaxy) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what some tests are about."""


class FakeGalaxy:
    """Serves datasets, a history and TUS uploads; the attributes say how it misbehaves.

    `cuts` holds the numbers of body bytes after which the next answers (or uploads) are cut off, `away` how many
    requests are answered 503 first; of the datatype `refused_ext` it takes nothing in,
    and a path in `moved` is elsewhere. `keys` holds the key of each request.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.contents: list[dict[str, Any]] = []
        self.shown: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Any] = {}
        self.moved: dict[str, str] = {}
        self.keys: list[str | None] = []
        self.uploads: dict[str, bytearray] = {}
        self.fetched: list[dict[str, Any]] = []
        self.user: dict[str, Any] = {"quota_bytes": None, "total_disk_usage": 0}
        self.cuts: list[int] = []
        self.away = 0
        self.refused_ext = ""
        self.ranges = True
        self.announce: Callable[[int], int] = lambda size: size
        self.etag = "first"
        self.largest_piece: int | None = None
        self.before_content: Callable[[], None] = lambda: None
        self._server = _Server(self)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, name: str, content: bytes = b"", **fields: Any) -> dict[str, Any]:
        """Add a dataset to the history."""
        number = len(self.contents) + 1
        shown: dict[str, Any] = {
            "id": f"d{number}",
            "hid": number,
            "name": name,
            "state": "ok",
            "extension": "txt",
            "file_size": len(content),
            "tags": [],
            "visible": True,
            "deleted": False,
            "purged": False,
            "create_time": "2026-01-01",
            "update_time": "2026-01-01",
            "history_id": "h1",
            "history_content_type": "dataset",
            "uuid": f"u{number}",
            "hashes": [],
        } | fields
        self.contents.append(shown)
        self.shown[shown["id"]] = shown
        self.files[shown["id"]] = content
        return shown

    def count(self, beginning: str) -> int:
        return sum(request.startswith(beginning) for request in self.requests)

    def taken_in(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Do what Galaxy's job does with a request to fetch: make the datasets."""
        target = payload["targets"][0]
        if target["destination"]["type"] == "hdca":
            collection = {
                "id": "c1",
                "hid": len(self.contents) + 1,
                "name": target["name"],
                "collection_type": target["collection_type"],
                "populated_state": "new",
                "visible": True,
                "deleted": False,
                "history_id": "h1",
                "history_content_type": "dataset_collection",
            }
            refused = f'"ext": "{self.refused_ext}"' in json.dumps(target)
            self.answers["histories/h1/contents/dataset_collections/c1"] = collection | (
                {"populated_state": "failed", "populated_state_message": REFUSAL}
                if refused
                else {"populated_state": "ok", "elements_states": {"ok": len(target["elements"])}}
            )
            return {"outputs": [], "output_collections": [collection]}
        element = target["elements"][0]
        session = payload["files_0|file_data"]["session_id"]
        fields = {"tags": element["tags"], "extension": element["ext"]}
        if element["ext"] == self.refused_ext:
            fields |= {"state": "error", "misc_info": REFUSAL}
        shown = self.add(element["name"], bytes(self.uploads[session]), **fields)
        return {"outputs": [shown], "jobs": [{"id": "j1"}]}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    @property
    def fake(self) -> FakeGalaxy:
        return self.server.fake

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any = None, **headers: str) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refused(self) -> bool:
        self.fake.requests.append(f"{self.command} {self.path}")
        self.fake.keys.append(self.headers.get("x-api-key"))
        if self.fake.away:
            self.fake.away -= 1
            self.drain()
            self.answer(503)
            return True
        if self.headers.get("x-api-key") != KEY:
            self.drain()
            self.answer(403, {"err_msg": "Provided API key is not valid."})
            return True
        return False

    def drain(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def do_GET(self) -> None:
        if self.refused():
            return
        path = urlsplit(self.path).path.removeprefix("/api/")
        if path in self.fake.moved:
            self.answer(302, Location=self.fake.moved[path])
        elif path in self.fake.answers:
            answer = self.fake.answers[path]
            self.answer(200, answer() if callable(answer) else answer)
        elif path == "histories/h1/contents":
            self.answer(200, self.fake.contents)
        elif path == "users/current":
            self.answer(200, self.fake.user)
        elif re.fullmatch(r"datasets/(\w+)/extra_files", path):
            self.answer(200, [])
        elif match := re.fullmatch(r"datasets/(\w+)/display", path):
            if self.fake.shown[match[1]]["extension"] == "html" and "raw=true" not in self.path:
                self.packed(match[1])
            else:
                self.content(self.fake.files[match[1]])
        elif (match := re.fullmatch(r"(?:histories/h1/contents/)?datasets/(\w+)", path)) and (
            match[1] in self.fake.shown
        ):
            self.answer(200, self.fake.shown[match[1]])
        else:
            self.answer(404, {"err_msg": "not found"})

    def content(self, whole: bytes) -> None:
        self.fake.before_content()
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        start = int(asked[1]) if asked and self.fake.ranges else 0
        size = self.fake.announce(len(whole))
        if start and start >= len(whole):
            self.answer(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.send_header("ETag", self.fake.etag)
        self.end_headers()
        part = whole[start:]
        cut = self.fake.cuts.pop(0) if self.fake.cuts else None
        self.wfile.write(part if cut is None else part[:cut])
        if cut is not None or size != len(whole):
            self.close_connection = True

    def packed(self, dataset: str) -> None:
        """Answer with an archive that is made on the way, as Galaxy sends pages of HTML."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("page.html", self.fake.files[dataset])
        self.send_response(200)
        self.send_header("Content-Type", "application/x-zip-compressed")
        self.end_headers()
        self.wfile.write(archive.getvalue())
        self.close_connection = True

    def do_HEAD(self) -> None:
        if not self.refused():
            upload = self.fake.uploads[self.path.rpartition("/")[2]]
            self.answer(200, Upload_Offset=str(len(upload)))

    def do_POST(self) -> None:
        if self.refused():
            return
        path = self.path.removeprefix("/api/")
        body = self.drain()
        if path == "upload/resumable_upload":
            assert "filetype" in self.headers["upload-metadata"]
            name = base64.b64decode(self.headers["upload-metadata"].split(",")[0].split()[1]).decode()
            upload = f"up{len(self.fake.uploads)}"
            self.fake.uploads[upload] = bytearray()
            self.fake.requests.append(f"named {name}")
            self.answer(201, Location=f"http://elsewhere.example/api/{path}/{upload}")
        elif path == "tools/fetch":
            payload = json.loads(body)
            self.fake.fetched.append(payload)
            self.answer(200, self.fake.taken_in(payload))
        elif path in self.fake.answers:
            answer = self.fake.answers[path]
            self.answer(200, answer(json.loads(body)) if callable(answer) else answer)
        else:
            self.answer(404, {"err_msg": f"Could not find {path}"})

    def do_DELETE(self) -> None:
        if not self.refused():
            self.answer(200, {})

    def do_PATCH(self) -> None:
        if self.refused():
            return
        upload = self.fake.uploads[self.path.rpartition("/")[2]]
        length = int(self.headers["content-length"])
        if self.fake.largest_piece is not None and length > self.fake.largest_piece:
            self.close_connection = True
            self.drain()
            self.answer(413)
            return
        if int(self.headers["upload-offset"]) != len(upload):
            self.drain()
            self.answer(409)
            return
        cut = self.fake.cuts.pop(0) if self.fake.cuts else length
        upload += self.rfile.read(min(cut, length))
        if cut < length:
            self.close_connection = True
            self.connection.close()
            return
        self.answer(204, Upload_Offset=str(len(upload)))
