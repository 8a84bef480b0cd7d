"""What Galaxy's answers mean for a session."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web

from nebulab.session.watchdog import Verdict, ask, judge


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("running", Verdict.RUNNING),
        ("queued", Verdict.RUNNING),
        ("error", Verdict.LOST),
        ("ok", Verdict.LOST),
        ("deleted", Verdict.DELETED),
        ("deleting", Verdict.DELETED),
        ("stopped", Verdict.STOPPED),
        ("a state of next year's Galaxy", Verdict.UNKNOWN),
    ],
)
def test_a_jobs_state_is_judged(state: str, verdict: Verdict) -> None:
    assert judge(200, {"state": state}) is verdict


@pytest.mark.parametrize(
    ("status", "answer"), [(500, {}), (502, "<html>"), (403, {"err_msg": "no"}), (200, []), (200, {})]
)
def test_what_tells_nothing_ends_nothing(status: int, answer: object) -> None:
    assert judge(status, answer) is Verdict.UNKNOWN


async def test_galaxy_is_asked_with_the_users_key(unused_tcp_port: int) -> None:
    seen = []

    async def job(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["x-api-key"]))
        return web.json_response({"state": "error"})

    app = web.Application()
    app.router.add_get("/galaxy/api/jobs/{id}", job)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    try:
        async with aiohttp.ClientSession() as client:
            verdict = await ask(client, f"http://127.0.0.1:{unused_tcp_port}/galaxy", "abc", "key")
    finally:
        await runner.cleanup()
    assert (verdict, seen) == (Verdict.LOST, [("/galaxy/api/jobs/abc", "key")])


async def test_a_galaxy_that_is_away_ends_nothing(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as client:
        assert await ask(client, f"http://127.0.0.1:{unused_tcp_port}", "abc", "key") is Verdict.UNKNOWN
