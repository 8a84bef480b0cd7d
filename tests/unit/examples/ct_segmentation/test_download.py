"""The download, from a real server that breaks off, lies about length and content, is slow, or is not there."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np
import pytest
from ct import download

CONTENT = np.random.default_rng(0).bytes(300_000)
CHECKSUM = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT with the fault that the path names."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"))()

    def _send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def _from(self) -> int:
        wanted = self.headers.get("Range", "")
        self.asked.append(wanted)
        return int(wanted[6:-1]) if wanted else 0

    def _part(self, body: bytes, begin: int, length: int | None = None) -> None:
        self._send(
            206 if begin else 200, body, length, Content_Range=f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
        )

    def good(self) -> None:
        begin = self._from()
        self._part(CONTENT[begin:], begin)

    def breaks_off(self) -> None:
        begin = self._from()
        self._part(CONTENT[begin : begin + 100_000], begin, len(CONTENT) - begin)

    def short(self) -> None:
        """Says that a third is all."""
        begin = self._from()
        self._part(CONTENT[begin : begin + 100_000], begin)

    def long(self) -> None:
        self._from()
        self._send(200, CONTENT + b"more")

    def stuck(self) -> None:
        """Breaks off always at the same place, and knows no ranges."""
        self._from()
        self._send(200, CONTENT[:1000], len(CONTENT))

    def no_ranges(self) -> None:
        self._from()
        self._send(200, CONTENT)

    def other_part(self) -> None:
        begin = self._from()
        self._part(CONTENT if not begin else CONTENT[begin - 1 :], begin - 1 if begin else 0)

    def other_content(self) -> None:
        self._from()
        self._send(200, bytes(len(CONTENT)))

    def slow(self) -> None:
        begin = self._from()
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        for start in range(begin, len(CONTENT), 100_000):
            self.wfile.write(CONTENT[start : start + 100_000])
            self.wfile.flush()
            time.sleep(0.15)

    def stalls(self) -> None:
        begin = self._from()
        if begin:
            self._part(CONTENT[begin:], begin)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:50_000])
        self.wfile.flush()
        time.sleep(0.8)
        self.close_connection = True

    def gone(self) -> None:
        self._send(404, b"")

    def overloaded(self) -> None:
        self._from()
        self._send(503, b"")

    def record(self) -> None:
        file = {
            "key": "ct.h5",
            "size": len(CONTENT),
            "checksum": CHECKSUM,
            "links": {"self": f"{self.headers['Host']}/good"},
        }
        self._send(200, json.dumps({"files": [file]}).encode())

    def no_record(self) -> None:
        self._send(200, b'{"files": [{}]}')


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.01)
    Server.asked.clear()
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


def wanted(server: str, fault: str, checksum: str = CHECKSUM) -> download.Wanted:
    return download.Wanted(f"{server}/{fault}", len(CONTENT), checksum)


@pytest.mark.parametrize("fault", ["good", "breaks_off", "short", "no_ranges", "slow"])
def test_the_file_arrives_whole(server: str, tmp_path: Path, fault: str) -> None:
    told: list[tuple[int, int | None]] = []
    path = download.fetch(wanted(server, fault), tmp_path / "new" / "ct.h5", lambda *done: told.append(done))
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [each.name for each in path.parent.iterdir()] == ["ct.h5"]


def test_it_goes_on_where_it_broke_off(server: str, tmp_path: Path) -> None:
    download.fetch(wanted(server, "breaks_off"), tmp_path / "ct.h5")
    assert Server.asked == ["", "bytes=100000-", "bytes=200000-"]


def test_a_later_call_goes_on_and_a_whole_file_is_not_fetched_again(server: str, tmp_path: Path) -> None:
    (tmp_path / "ct.h5.part").write_bytes(CONTENT[:120_000])
    download.fetch(wanted(server, "good"), tmp_path / "ct.h5")
    assert Server.asked == ["bytes=120000-"]
    download.fetch(wanted(server, "good"), tmp_path / "ct.h5")
    assert len(Server.asked) == 1


def test_a_server_that_goes_silent_is_left_and_asked_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_TIMEOUT", httpx.Timeout(0.3))
    assert download.fetch(wanted(server, "stalls"), tmp_path / "ct.h5").read_bytes() == CONTENT
    assert Server.asked[0] == ""
    assert Server.asked[-1].startswith("bytes=")


def test_another_part_than_was_asked_for_is_not_appended(server: str, tmp_path: Path) -> None:
    (tmp_path / "ct.h5.part").write_bytes(CONTENT[:1000])
    assert download.fetch(wanted(server, "other_part"), tmp_path / "ct.h5").read_bytes() == CONTENT
    assert Server.asked == ["bytes=1000-", ""]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("other_content", "is not what was announced"),
        ("long", "sends more than the 300,000 bytes"),
        ("gone", "answers 404"),
        ("stuck", r"1,000 of 300,000 bytes are here; run this again later"),
        ("overloaded", "the server answers 503"),
    ],
)
def test_what_goes_wrong_is_told_and_no_file_is_left_that_looks_right(
    server: str, tmp_path: Path, fault: str, told: str
) -> None:
    with pytest.raises(download.DownloadError, match=told):
        download.fetch(wanted(server, fault), tmp_path / "ct.h5")
    assert not (tmp_path / "ct.h5").exists()
    assert (tmp_path / "ct.h5.part").exists() == (fault == "stuck")


def test_a_server_that_is_not_there_is_told(tmp_path: Path, server: str) -> None:
    with pytest.raises(download.DownloadError, match="can't be reached"):
        download.fetch(wanted("http://127.0.0.1:9", "good"), tmp_path / "ct.h5")


def test_a_full_disk_and_an_unknown_checksum_are_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(download.DownloadError, match="are free in"):
        download.fetch(download.Wanted(f"{server}/good", 1 << 60, CHECKSUM), tmp_path / "ct.h5")
    with pytest.raises(download.DownloadError, match="'crc:1' can't be verified"):
        download.fetch(wanted(server, "good", "crc:1"), tmp_path / "ct.h5")


def test_a_record_tells_size_and_checksum(server: str) -> None:
    found = download.of_record("ct.h5", f"{server}/record")
    assert (found.size, found.checksum) == (len(CONTENT), CHECKSUM)
    with pytest.raises(download.DownloadError, match=r"has no 'no\.h5'; it has ct\.h5"):
        download.of_record("no.h5", f"{server}/record")
    for address in (f"{server}/no_record", f"{server}/gone", "http://127.0.0.1:9/"):
        with pytest.raises(download.DownloadError, match="upload it to your history"):
            download.of_record("ct.h5", address)
