"""Of a job's outputs the history shows what it is told to; a Galaxy that is in trouble ends no session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from nebulab.galaxy.showing import Wanted, show_only

JOB = {
    "history_id": "h1",
    "outputs": {"notebook": {"id": "d1", "src": "hda"}, "log": {"id": "d2", "src": "hda"}},
    "output_collections": {"models": {"id": "c1", "src": "hdca"}, "tables": {"id": "c2", "src": "hdca"}},
}


class Galaxy:
    """Answers for one job, and notes what is changed."""

    def __init__(self) -> None:
        self.job: Any = JOB
        self.status = 200
        self.changed: list[tuple[str, Any]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        assert request.headers["x-api-key"] == "key"
        if request.method == "PUT":
            self.changed.append((request.path, await request.json()))
            return web.json_response({"success_count": 1, "errors": []}, status=self.status)
        assert request.path == "/api/jobs/j1"
        return web.json_response(self.job)


@pytest.fixture
async def galaxy(unused_tcp_port: int) -> AsyncIterator[Galaxy]:
    made = Galaxy()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port).start()
    made.url = f"http://127.0.0.1:{unused_tcp_port}"
    yield made
    await runner.cleanup()


def item(name: str, kind: str) -> dict[str, str]:
    return {"id": name, "history_content_type": kind}


async def test_all_but_the_named_outputs_are_hidden(galaxy: Galaxy) -> None:
    async with aiohttp.ClientSession() as client:
        assert await show_only(client, galaxy.url, "key", "j1", Wanted(["notebook", "models"]))
    hidden = [item("d2", "dataset"), item("c2", "dataset_collection")]
    assert galaxy.changed == [("/api/histories/h1/contents/bulk", {"operation": "hide", "items": hidden})]


async def test_datasets_of_a_failed_job_are_deleted_since_galaxy_shows_hidden_ones(galaxy: Galaxy) -> None:
    async with aiohttp.ClientSession() as client:
        assert await show_only(client, galaxy.url, "key", "j1", Wanted(["notebook"], delete_others=True))
    hidden = [item("c1", "dataset_collection"), item("c2", "dataset_collection")]
    assert [change for _, change in galaxy.changed] == [
        {"operation": "hide", "items": hidden},
        {"operation": "delete", "items": [item("d2", "dataset")]},
    ]


async def test_of_a_workflows_step_only_what_is_empty_is_hidden(galaxy: Galaxy) -> None:
    galaxy.job = JOB | {"params": {"__workflow_invocation_uuid__": '"abc"'}}
    async with aiohttp.ClientSession() as client:
        assert await show_only(client, galaxy.url, "key", "j1", Wanted(["notebook"], ["tables"]))
    hidden = [item("c2", "dataset_collection")]
    assert [change for _, change in galaxy.changed] == [{"operation": "hide", "items": hidden}]


async def test_nothing_is_asked_where_all_are_shown(galaxy: Galaxy) -> None:
    async with aiohttp.ClientSession() as client:
        assert await show_only(client, galaxy.url, "key", "j1", Wanted(["notebook", "log", "models", "tables"]))
    assert galaxy.changed == []


@pytest.mark.parametrize(
    "job", [None, [], {}, {"outputs": []}, {"outputs": {"a": None}}, {"outputs": {"a": {"id": 1}}}]
)
async def test_an_answer_of_another_form_is_no_error(galaxy: Galaxy, job: object) -> None:
    galaxy.job = job
    async with aiohttp.ClientSession() as client:
        assert not await show_only(client, galaxy.url, "key", "j1", Wanted([]))


async def test_a_galaxy_that_refuses_or_is_away_is_no_error(galaxy: Galaxy) -> None:
    galaxy.status = 500
    async with aiohttp.ClientSession() as client:
        assert not await show_only(client, galaxy.url, "key", "j1", Wanted([]))
        assert not await show_only(client, "http://127.0.0.1:1", "key", "j1", Wanted([]))
