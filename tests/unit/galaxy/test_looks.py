"""What is asked again and again: with which key, and that trouble is an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from nebulab.galaxy import looks

Answer = Callable[[web.Request], web.Response]
Serve = Callable[[Answer], Awaitable[str]]


@pytest.fixture
async def serve(unused_tcp_port: int) -> AsyncIterator[Serve]:
    """Start a Galaxy that gives one answer to everything; return its address."""
    runners: list[web.AppRunner] = []

    async def start(answer: Answer) -> str:
        async def handle(request: web.Request) -> web.Response:
            return answer(request)

        app = web.Application()
        app.router.add_get("/{path:.*}", handle)
        runners.append(web.AppRunner(app))
        await runners[0].setup()
        await web.TCPSite(runners[0], "127.0.0.1", unused_tcp_port).start()
        return f"http://127.0.0.1:{unused_tcp_port}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_galaxy_is_asked_with_the_users_key(serve: Serve, client: aiohttp.ClientSession) -> None:
    seen = []

    def job(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["x-api-key"]))
        return web.json_response({"state": "error"})

    url = await serve(job)
    assert await looks.job_state(client, f"{url}/galaxy", "abc", "key") == "error"
    assert seen == [("/galaxy/api/jobs/abc", "key")]


@pytest.mark.parametrize(
    ("status", "text"),
    [(500, "{}"), (502, "<html>"), (403, '{"state": "ok"}'), (302, '{"state": "ok"}'), (200, "[]"), (200, "{}")],
)
async def test_what_tells_nothing_is_no_state(
    serve: Serve, client: aiohttp.ClientSession, status: int, text: str
) -> None:
    url = await serve(lambda request: web.Response(status=status, text=text, headers={"Location": "/elsewhere"}))
    assert await looks.job_state(client, url, "abc", "key") is None


async def test_a_galaxy_that_is_away_has_no_state_and_does_not_answer(
    client: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    assert await looks.job_state(client, url, "abc", "key") is None
    assert not await looks.answers(client, url)


@pytest.mark.parametrize(("status", "works"), [(200, True), (500, False), (404, False)])
async def test_a_galaxy_answers_when_it_works(
    serve: Serve, client: aiohttp.ClientSession, status: int, works: bool
) -> None:
    seen = []

    def version(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({}, status=status)

    assert await looks.answers(client, await serve(version)) is works
    assert seen == ["/api/version"]
