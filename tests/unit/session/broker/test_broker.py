"""The broker between real servers on loopback: what reaches Galaxy, and what comes back."""

from __future__ import annotations

import hashlib
import io
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from nebulab.errors import SessionError
from nebulab.session.broker.server import Broker

KEY = "the-users-own-key"
TOKEN = "good-for-this-session"
UPLOAD = "/api/upload/resumable_upload"


@dataclass
class FakeGalaxy:
    """Notes what it was asked."""

    url: str = ""
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    digest: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        whole = hashlib.sha256()
        body = b""
        async for chunk in request.content.iter_any():
            whole.update(chunk)
            body = (body + chunk)[:100_000]
        self.digest = whole.hexdigest()
        self.seen.append((request.method, request.raw_path, dict(request.headers), body))
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
    runner = web.AppRunner(app)
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


async def test_a_checked_body_arrives_unchanged(session: Session) -> None:
    text = json.dumps({"name": "größe", "x": "y" * 2_000_000}).encode()
    headers = {"x-api-key": TOKEN, "Content-Type": "application/json"}
    async with session.ask("POST", "/api/histories", data=io.BytesIO(text), headers=headers) as answer:
        assert answer.status == 200
    assert session.galaxy.digest == hashlib.sha256(text).hexdigest()
    assert session.galaxy.seen[0][2]["Content-Length"] == str(len(text))


async def test_a_text_too_large_to_check_is_told_to_be_a_file(session: Session) -> None:
    text = io.BytesIO(b'{"a": "' + b"x" * 5_000_000 + b'"}')
    async with session.ask("POST", "/api/tools", data=text) as answer:
        assert answer.status == 413
        assert "put" in (await answer.json())["err_msg"]
    assert session.galaxy.seen == []


async def test_a_form_with_a_file_streams_and_its_fields_are_checked(session: Session) -> None:
    content = b"\r\n--x\r\n\0" * 10_000
    form = aiohttp.FormData({"history_id": "1", "targets": '[{"src": "files"}]'})
    form.add_field("files_0|file_data", io.BytesIO(content), filename="a.bin")
    async with session.ask("POST", "/api/tools/fetch", data=form) as answer:
        assert answer.status == 200
    body = session.galaxy.seen[0][3]
    assert b'name="targets"\r\n\r\n[{"src": "files"}]' in body
    assert (
        b'name="files_0|file_data"; filename="a.bin"\r\nContent-Type: application/octet-stream\r\n\r\n' + content
        in body
    )
    form = aiohttp.FormData({"targets": '[{"src": "path"}]'})
    form.add_field("files_0|file_data", io.BytesIO(content), filename="a.bin")
    async with session.ask("POST", "/api/tools/fetch", data=form) as answer:
        assert answer.status == 403
        assert "path" in (await answer.json())["err_msg"]
    form = aiohttp.FormData()
    form.add_field("files_0|url_paste", b"file:///etc/passwd", filename="x")
    async with session.ask("POST", "/api/tools", data=form) as answer:
        assert answer.status == 403


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
    content = b"not json \xff" * 300_000
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
    async with session.ask("GET", "/api/users/current") as answer:
        assert await answer.json() == {"id": "1", "email": "a@b.c"}


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
