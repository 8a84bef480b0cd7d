"""Galaxy as the Lab's panel asks it through the broker, without a Galaxy: as many items as a test wants, hostile ones
too, and a count of what is asked."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

HISTORY = "aa00000000000001"


@dataclass
class StandInGalaxy:
    """Answers what the panel asks; `token` is what the session's broker would ask for.

    `pushes` says whether it has a stream of events, and `away` has it answer nothing but 503.
    """

    token: str
    items: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    histories: list[dict[str, Any]] = field(default_factory=list)
    pushes: bool = True
    away: bool = False
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.histories = self.histories or [{"id": HISTORY, "name": "My analysis", "update_time": "1"}]
        self.changes = 0
        self.may_send = threading.Event()
        """Contents are held back while it is not set."""
        self.may_send.set()
        galaxy = self

        class Handler(_Handler):
            pass

        Handler.galaxy = galaxy
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.away = True
        self._server.shutdown()
        self._server.server_close()

    def add(self, name: str, content: bytes = b"", **fields: Any) -> dict[str, Any]:
        """Add a dataset, as the newest of the history."""
        number = len(self.items) + 1
        item: dict[str, Any] = {
            "id": f"{number:016x}",
            "hid": number,
            "name": name,
            "state": "ok",
            "extension": "txt",
            "file_size": len(content),
            "tags": [],
            "visible": True,
            "deleted": False,
            "purged": False,
            "create_time": "2026-01-01T00:00:00",
            "update_time": "2026-01-01T00:00:00",
            "history_id": HISTORY,
            "history_content_type": "dataset",
            "hashes": [],
        } | fields
        self.items.append(item)
        self.contents[item["id"]] = content
        return item

    def tell(self) -> None:
        """Push that the history changed, or have the next look find so."""
        self.changes += 1
        self.histories[0]["update_time"] = str(self.changes + 1)

    def listed(self, query: dict[str, list[str]]) -> dict[str, Any]:
        """Return a page of the items that match."""
        filters = dict(zip(query.get("q", []), query.get("qv", []), strict=True))
        name = filters.get("name-contains", "").lower()
        found = [
            item
            for item in reversed(self.items)
            if str(item["deleted"]) == filters.get("deleted", "False")
            and str(item["visible"]) == filters.get("visible", str(item["visible"]))
            and name in item["name"].lower()
            and str(item["hid"]) == filters.get("hid-eq", str(item["hid"]))
        ]
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        return {"stats": {"total_matches": len(found)}, "contents": found[offset : offset + limit]}


class _Handler(BaseHTTPRequestHandler):
    galaxy: StandInGalaxy
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = self._begin()
        galaxy = self.galaxy
        match path.removeprefix("/api/").split("/"):
            case _ if galaxy.away:
                self._answer(503, {"err_msg": "Galaxy is away: it does not answer."})
            case ["configuration"]:
                self._answer(200, {"enable_sse_updates": galaxy.pushes})
            case ["events", "stream"] if galaxy.pushes:
                self._stream()
            case ["histories"]:
                name = dict(zip(query.get("q", []), query.get("qv", []), strict=True)).get("name-contains", "")
                self._answer(200, [each for each in galaxy.histories if name.lower() in each["name"].lower()])
            case ["histories", _, "contents"]:
                self._answer(200, galaxy.listed(query))
            case ["datasets", identifier]:
                self._answer(200, next(item for item in galaxy.items if item["id"] == identifier))
            case ["datasets", identifier, "display"]:
                galaxy.may_send.wait(60)
                self._send(200, galaxy.contents[identifier], "text/html")
            case _:
                self._answer(404, {"err_msg": f"no {path}"})

    def do_POST(self) -> None:
        path, _ = self._begin()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"null")
        if path == "/api/histories":
            made = {"id": f"{len(self.galaxy.histories) + 10:016x}", "name": body["name"], "update_time": "1"}
            self.galaxy.histories.append(made)
            self._answer(200, made)
        else:
            self._answer(404, {"err_msg": f"no {path}"})

    def do_PUT(self) -> None:
        self._begin()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        chosen = {item["id"] for item in body["items"]}
        for item in self.galaxy.items:
            if item["id"] in chosen:
                item["deleted"] = body["operation"] == "delete"
        self._answer(200, {"success_count": len(chosen), "errors": []})

    def _begin(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        self.galaxy.asked.append(f"{self.command} {parts.path}")
        # A page of an earlier test may still ask a port that was its JupyterLab's.
        is_galaxys = parts.path.startswith(("/api/configuration", "/api/events", "/api/histories", "/api/datasets"))
        if is_galaxys and self.headers["x-api-key"] != self.galaxy.token:
            self.galaxy.refused.append(self.path)
        return parts.path, parse_qs(parts.query)

    def _stream(self) -> None:
        galaxy = self.galaxy
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"event: ready\ndata: \n\n")
        told, kept = galaxy.changes, time.monotonic()
        try:
            while not galaxy.away:
                time.sleep(0.05)
                if told != galaxy.changes:
                    told = galaxy.changes
                    data = json.dumps({"history_ids": [galaxy.histories[0]["id"]]})
                    self.wfile.write(f"event: history_update\ndata: {data}\n\n".encode())
                elif time.monotonic() - kept > 10:
                    kept = time.monotonic()
                    self.wfile.write(b": keepalive\n\n")
        except OSError:
            pass
        self.close_connection = True

    def _answer(self, status: int, content: Any) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass
