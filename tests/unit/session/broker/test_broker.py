"""The broker between real servers on loopback: what reaches Galaxy, and what comes back."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging
import re
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from nebulab.errors import SessionError
from nebulab.session.broker import passage
from nebulab.session.broker.judgement import Allowed, Asked
from nebulab.session.broker.server import Broker
from support import forms

KEY = "the-users-own-key"
TOKEN = "good-for-this-session"
UPLOAD = "/api/upload/resumable_upload"


@dataclass
class FakeGalaxy:
    """Notes what it was asked."""

    url: str = ""
    seen: list[tuple[str, str, CIMultiDict[str], bytes]] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    digest: str = ""
    whole: bytes = b""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        whole = hashlib.sha256()
        body = b""
        pieces = []
        async for chunk in request.content.iter_any():
            whole.update(chunk)
            pieces.append(chunk)
            body = (body + chunk)[:100_000]
        self.digest = whole.hexdigest()
        self.whole = b"".join(pieces)
        self.seen.append((request.method, request.raw_path, CIMultiDict(request.headers), body))
        return await self.answer(request) if self.answer else web.json_response({"done": True})


@dataclass
class Session:
    """A running broker, its Galaxy, and a client with the token."""

    broker: Broker
    galaxy: FakeGalaxy
    client: aiohttp.ClientSession
    extended: list[bool]

    def ask(self, method: str, path: str, **options: Any) -> aiohttp.client._RequestContextManager:
        options.setdefault("headers", {"x-api-key": TOKEN})
        return self.client.request(method, self.broker.address + path, allow_redirects=False, **options)


@pytest.fixture(params=["", "/galaxy"], ids=["Galaxy at the root", "Galaxy below a path"])
async def session(request: pytest.FixtureRequest) -> AsyncIterator[Session]:
    galaxy = FakeGalaxy()
    app = web.Application()
    app.router.add_route("*", request.param + "/{rest:.*}", galaxy.handle)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    galaxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}{request.param}"
    extended: list[bool] = []
    broker = Broker(
        galaxy.url + "/",
        KEY,
        TOKEN,
        status=lambda: {"state": "idle", "ends_in_seconds": 60},
        extend=lambda: extended.append(True),
    )
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    await broker.start(sock)
    async with aiohttp.ClientSession() as client:
        yield Session(broker, galaxy, client, extended)
    await broker.stop()
    await runner.cleanup()


def prefix(session: Session) -> str:
    return session.galaxy.url.partition("127.0.0.1")[2].partition("/")[2].join(("/", "")).rstrip("/")


async def test_the_users_key_takes_the_place_of_the_token(session: Session) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Cookie": "galaxysession=x", "X-Forwarded-For": "1.2.3.4"}
    async with session.ask("GET", f"/api/histories?v=dev&key={TOKEN}", headers=headers) as answer:
        assert answer.status == 200
    [(method, path, sent, _)] = session.galaxy.seen
    assert (method, path) == ("GET", prefix(session) + "/api/histories?v=dev")
    assert sent["x-api-key"] == KEY
    assert not {"Authorization", "Cookie", "X-Forwarded-For"} & set(sent)
    assert TOKEN not in str(session.galaxy.seen)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"x-api-key": ""}, {"Authorization": "Bearer wrong"}])
async def test_without_the_token_nothing_is_answered(session: Session, headers: dict[str, str]) -> None:
    for path in ("/api/histories", "/nebulab/session", "/", "/api/histories?key=wrong"):
        async with session.ask("GET", path, headers=headers) as answer:
            assert answer.status == 401
            assert "err_msg" in await answer.json()
    async with session.ask("POST", "/nebulab/session/extend", headers=headers) as answer:
        assert answer.status == 401
    assert session.galaxy.seen == []
    assert session.extended == []


async def test_a_refusal_says_what_and_why_and_does_not_reach_galaxy(session: Session) -> None:
    async with session.ask("GET", "/api/users/current/api_key") as answer:
        assert answer.status == 403
        said = await answer.json()
    assert "api_key" in said["err_msg"]
    assert said["err_code"] == 403005
    targets = {"targets": [{"elements": [{"src": "path", "path": "/etc/passwd"}]}]}
    for options in ({"json": targets}, {"data": {"targets": json.dumps(targets["targets"])}}):
        async with session.ask("POST", "/api/tools/fetch", **options) as answer:
            assert answer.status == 403
    assert session.galaxy.seen == []


async def test_a_judged_body_means_what_it_meant(session: Session) -> None:
    content = {"name": "größe", "x": "y" * 2_000_000}
    headers = {"x-api-key": TOKEN, "Content-Type": "application/json; charset=utf-8"}
    async with session.ask(
        "POST", "/api/histories", data=io.BytesIO(json.dumps(content).encode()), headers=headers
    ) as answer:
        assert answer.status == 200
    sent = json.dumps(content, separators=(",", ":")).encode()
    assert session.galaxy.digest == hashlib.sha256(sent).hexdigest()
    [(_, _, headers_sent, _)] = session.galaxy.seen
    assert headers_sent["Content-Length"] == str(len(sent))
    assert headers_sent["Content-Type"] == "application/json"


async def test_a_text_too_large_to_judge_is_told_to_be_a_file(session: Session) -> None:
    text = io.BytesIO(b'{"a": "' + b"x" * 5_000_000 + b'"}')
    headers = {"x-api-key": TOKEN, "Content-Type": "application/json"}
    async with session.ask("POST", "/api/tools", data=text, headers=headers) as answer:
        assert answer.status == 413
        assert "put" in (await answer.json())["err_msg"]
    assert session.galaxy.seen == []


async def test_a_form_with_a_file_streams_and_its_fields_are_checked(session: Session) -> None:
    content = b"\r\n--x\r\n\0" * 10_000
    form = aiohttp.FormData({"history_id": "1", "targets": '[{"src": "files"}]'})
    form.add_field("files_0|file_data", io.BytesIO(content), filename="a.bin")
    async with session.ask("POST", "/api/tools/fetch", data=form) as answer:
        assert answer.status == 200
    [(_, _, sent, _)] = session.galaxy.seen
    assert sent["Content-Length"] == str(len(session.galaxy.whole))
    assert forms.read(sent["Content-Type"], session.galaxy.whole) == [
        ("history_id", b"1", ""),
        ("targets", b'[{"src": "files"}]', ""),
        ("files_0|file_data", content, "a.bin"),
    ]
    form = aiohttp.FormData({"targets": '[{"src": "path"}]'})
    form.add_field("files_0|file_data", io.BytesIO(content), filename="a.bin")
    async with session.ask("POST", "/api/tools/fetch", data=form) as answer:
        assert answer.status == 403
        assert "path" in (await answer.json())["err_msg"]
    form = aiohttp.FormData()
    form.add_field("files_0|url_paste", b"file:///etc/passwd", filename="x")
    async with session.ask("POST", "/api/tools", data=form) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_form_streams_with_a_length(session: Session, announced: bool) -> None:
    """Galaxy's older routes read no form whose length they are not told."""
    content = secrets.token_bytes(9_000_000)
    parts = [
        forms.Part("history_id", b"1"),
        forms.Part("key", TOKEN.encode()),
        forms.Part("files_0|file_data", content, "a b.bin"),
    ]
    body = forms.write(parts)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    headers = {"x-api-key": TOKEN, "Content-Type": "multipart/form-data; boundary=xyz"}
    async with session.ask(
        "POST", "/api/tools", data=io.BytesIO(body) if announced else chunks(), headers=headers
    ) as answer:
        assert answer.status == 200, await answer.text()
    [(_, _, sent, _)] = session.galaxy.seen
    assert ("Content-Length" in sent) is announced
    assert forms.read(sent["Content-Type"], session.galaxy.whole) == [parts[0], parts[2]]


async def test_a_large_form_that_is_refused_late_is_none_for_galaxy(session: Session) -> None:
    """What comes before the refused field was sent on; without its end Galaxy takes none of it."""
    form = aiohttp.FormData()
    form.add_field("files_0|file_data", io.BytesIO(b"x" * 9_000_000), filename="a.bin")
    form.add_field("run_as", "1")
    async with session.ask("POST", "/api/tools", data=form) as answer:
        assert answer.status == 403
        assert "run_as" in (await answer.json())["err_msg"]
    assert session.galaxy.seen == []


async def test_an_upload_goes_on_at_the_broker(session: Session) -> None:
    async def created(request: web.Request) -> web.Response:
        return web.Response(
            status=201, headers={"Location": f"{session.galaxy.url}{UPLOAD}/abc", "Set-Cookie": "galaxysession=x"}
        )

    session.galaxy.answer = created
    headers = {"x-api-key": TOKEN, "Tus-Resumable": "1.0.0", "Upload-Length": "3000000"}
    async with session.ask("POST", UPLOAD, headers=headers) as answer:
        assert answer.status == 201
        assert answer.headers["Location"] == f"{session.broker.address}{UPLOAD}/abc"
        assert "Set-Cookie" not in answer.headers
    assert session.galaxy.seen[0][2]["Upload-Length"] == "3000000"
    session.galaxy.answer = None
    content = b"not json \xff" * 700_000
    headers["Content-Type"] = "application/offset+octet-stream"
    for method, body in (("HEAD", None), ("OPTIONS", None), ("PATCH", io.BytesIO(content))):
        path = UPLOAD if method == "OPTIONS" else f"{UPLOAD}/abc"
        async with session.ask(method, path, headers=headers | {"Upload-Offset": "0"}, data=body) as answer:
            assert answer.status == 200, method
    assert session.galaxy.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("where", ["https://elsewhere.example/data", "/api/histories/1"])
async def test_other_redirections_pass(session: Session, where: str) -> None:
    async def moved(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": where})

    session.galaxy.answer = moved
    async with session.ask("GET", "/api/datasets/1/display") as answer:
        assert answer.headers["Location"] == where


async def test_a_link_that_galaxy_gave_with_its_own_path_works(session: Session) -> None:
    async with session.ask("GET", f"{prefix(session)}/api/datasets/1/display") as answer:
        assert answer.status == 200
    assert session.galaxy.seen[0][1] == f"{prefix(session)}/api/datasets/1/display"


async def test_the_description_of_the_user_holds_no_credential(session: Session) -> None:
    async def user(request: web.Request) -> web.Response:
        return web.json_response({"id": "1", "email": "a@b.c", "api_key": KEY, "preferences": {"drive|password": "x"}})

    session.galaxy.answer = user
    headers = {"x-api-key": TOKEN, "Range": "bytes=0-", "Accept": "text/html"}
    for path in ("/api/users/current", "/api/users/curren%74", "/api/user%73/current?x=1"):
        async with session.ask("GET", path, headers=headers) as answer:
            assert await answer.json() == {"id": "1", "email": "a@b.c"}
    assert not any("Range" in sent for _, _, sent, _ in session.galaxy.seen)


@pytest.mark.parametrize(("status", "body"), [(206, b'{"preferences": "x'), (200, b"<html>preferences"), (302, b"[1]")])
async def test_a_description_of_the_user_that_is_not_understood_is_not_passed_on(
    session: Session, status: int, body: bytes
) -> None:
    async def user(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    session.galaxy.answer = user
    async with session.ask("GET", "/api/users/current") as answer:
        assert answer.status == 503
        assert "preferences" not in await answer.text()


async def test_galaxy_away_is_told_in_galaxys_own_form(session: Session) -> None:
    async def breaks_off(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    session.galaxy.answer = breaks_off
    for path in ("/api/histories", "/api/users/current"):
        async with session.ask("GET", path) as answer:
            assert answer.status == 503
            said = await answer.json()
        assert "Galaxy is away" in said["err_msg"]
        assert isinstance(said["err_code"], int)


async def test_status_and_extension(session: Session) -> None:
    async with session.ask("GET", "/nebulab/session") as answer:
        assert await answer.json() == {"state": "idle", "ends_in_seconds": 60}
    async with session.ask("POST", "/nebulab/session/extend") as answer:
        assert answer.status == 200
    assert session.extended == [True]
    assert session.galaxy.seen == []


def test_a_broker_shows_no_secret() -> None:
    broker = Broker("http://localhost:1", KEY, TOKEN, status=dict, extend=lambda: None)
    assert KEY not in repr(broker)
    assert TOKEN not in repr(broker)
    with pytest.raises(SessionError):
        _ = broker.address


async def speak(session: Session, *pieces: bytes) -> bytes:
    """Send raw bytes to the broker, and return its first answer."""
    host, _, port = session.broker.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        assert length is not None
        answered = head + await reader.readexactly(int(length[1]))
    writer.close()
    return answered


@pytest.mark.parametrize(
    "malformed",
    [
        f"GET /api/histories?key={TOKEN} HTTP/9.9\r\n\r\n",
        f"GET /api/histories?key={TOKEN}\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET http://[::1/?key={TOKEN} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nx-api-key {TOKEN}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\x00\r\n\r\n",
        f"POST /api/tools HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\nContent-Length: {TOKEN}\r\n\r\n",
        f"POST /api/tools HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n",
    ],
)
async def test_a_malformed_request_leaves_no_token_in_a_log(
    session: Session, malformed: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    answered = await speak(session, malformed.encode("latin-1"))
    assert answered.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answered
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(capfd.readouterr())


async def test_an_error_of_ours_leaves_its_kind_and_place_in_the_log(
    session: Session, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(asked: Asked) -> Allowed:
        raise ValueError(asked.target)

    monkeypatch.setattr(passage, "judge", fails)
    async with session.ask("GET", f"/api/histories?key={TOKEN}") as answer:
        assert answer.status == 500
        assert TOKEN not in await answer.text()
    assert "ValueError in fails (test_broker.py:" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_body_that_stops_coming_is_not_waited_for(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage.Passage, "patience", 0.2)
    head = "POST /api/tools HTTP/1.1\r\nHost: x\r\nx-api-key: {}\r\nContent-Type: {}\r\nContent-Length: 9000000\r\n\r\n"
    form = forms.write([forms.Part("files_0|file_data", b"x" * 5_000_000, "a")])[:-20]
    for kind, begun in (("application/json", b"{"), ("multipart/form-data; boundary=xyz", form)):
        answered = await speak(session, head.format(TOKEN, kind).encode() + begun)
        assert b" 408 " in answered.partition(b"\r\n")[0]
        assert b"stopped coming" in answered
    piece = head.format(TOKEN, "application/offset+octet-stream").replace("POST /api/tools", f"PATCH {UPLOAD}/abc")
    answered = await speak(session, piece.encode() + b"x")
    assert b" 408 " in answered.partition(b"\r\n")[0]
    assert session.galaxy.seen == []


async def test_a_body_that_comes_slowly_arrives(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage.Passage, "patience", 1.0)

    async def slowly() -> AsyncIterator[bytes]:
        for piece in (b'{"na', b'me": ', b'"x"}'):
            yield piece
            await asyncio.sleep(0.5)

    headers = {"x-api-key": TOKEN, "Content-Type": "application/json"}
    async with session.ask("POST", "/api/histories", data=slowly(), headers=headers) as answer:
        assert answer.status == 200
    assert session.galaxy.whole == b'{"name":"x"}'


async def test_a_request_with_two_lengths_is_one_for_nobody(session: Session) -> None:
    """Request smuggling: one server would read by Content-Length, the next by chunks."""
    smuggled = f"GET /api/users/current/api_key HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\n\r\n"
    head = (
        f"POST /api/histories HTTP/1.1\r\nHost: x\r\nx-api-key: {TOKEN}\r\nContent-Length: 5\r\n"
        "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
    )
    answered = await speak(session, (head + smuggled).encode())
    assert b" 400 " in answered.partition(b"\r\n")[0]
    assert session.galaxy.seen == []
