"""The portal's GPU hours in a session: asked for with the ticket, told before and at the limit, and never invented."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from nebulab.session.ending import End
from nebulab.session.journal import Journal
from nebulab.session.watches import hours
from nebulab.session.watches.hours import HoursWatch, NoHours
from nebulab.session.watches.keeper import Keeper

TOLD: dict[str, Any] = {
    "used": 12.0,
    "limit": 40.0,
    "days": 7,
    "in_words": "12.0 of 40 GPU hours in the last 7 days",
    "near": False,
    "refused": False,
    "back": None,
}
NEAR = TOLD | {"near": True, "in_words": "33.0 of 40 GPU hours in the last 7 days"}
UP = TOLD | {"near": True, "refused": True, "back": "2026-12-03T14:00:00Z"}


class House:
    """A session, its clock, and a portal's answers."""

    def __init__(self, *, ends: bool = False) -> None:
        self.now = 1000.0
        self.answer: Any = TOLD
        self.journal = Journal()
        self.ends: list[End] = []
        self.watch = HoursWatch(
            self._asked, ends=ends, journal=self.journal, finish=self.ends.append, clock=lambda: self.now
        )

    async def _asked(self) -> hours.Hours:
        if isinstance(self.answer, Exception):
            raise self.answer
        return hours.read(self.answer)

    async def after(self, minutes: float, answer: Any) -> list[str]:
        self.now += minutes * 60
        self.answer = answer
        self.pause = await self.watch.look()
        return [str(message["text"]) for message in self.journal.messages()]


async def test_it_tells_before_the_limit_at_it_and_takes_it_back() -> None:
    house = House()
    assert await house.after(0, TOLD) == []
    assert house.watch.to_json() == {"text": TOLD["in_words"], "near": False, "refused": False, "back": ""}
    (near,) = await house.after(5, NEAR)
    assert near.startswith("Most of your GPU hours are used: 33.0 of 40") and "What runs then goes on." in near
    assert await house.after(5, NEAR) == [near], "once"
    (used_up,) = await house.after(5, UP)
    assert "is refused until 03 Dec 14:00 UTC" in used_up and "This session goes on." in used_up
    assert house.watch.ends_in is None
    assert await house.after(600, TOLD) == []
    assert house.ends == [] and house.pause == 300


async def test_where_sessions_end_half_an_hour_passes_from_the_warning_on() -> None:
    house = House(ends=True)
    (near,) = await house.after(0, NEAR)
    assert "this session ends half an hour later" in near
    (used_up,) = await house.after(5, UP)
    assert "This session ends in 30 minutes" in used_up
    assert house.watch.ends_in == 1800
    await house.after(28, UP)
    assert (house.watch.ends_in, house.pause, house.ends) == (120, 120, [])
    await house.after(2, UP)
    assert house.ends == [End.HOURS] and house.pause is None


async def test_hours_that_come_back_meanwhile_end_nothing() -> None:
    house = House(ends=True)
    await house.after(0, UP)
    assert await house.after(29, TOLD) == []
    assert house.watch.ends_in is None
    await house.after(5, TOLD)
    assert house.ends == []


async def test_a_portal_that_is_away_changes_nothing_and_ends_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    house = House(ends=True)
    (told,) = await house.after(0, UP)
    assert await house.after(60, OSError("refused")) == [told]
    assert await house.after(5, ValueError("<html>")) == [told]
    assert house.ends == []
    assert capfd.readouterr().out.count("can't be asked") == 1
    await house.after(0, UP)
    assert house.ends == [End.HOURS]


async def test_a_ticket_that_opens_nothing_shows_none_until_it_opens_again(capfd: pytest.CaptureFixture[str]) -> None:
    """A web server that is begun anew answers 404 too."""
    house = House(ends=True)
    await house.after(0, NEAR)
    for _ in range(2):
        assert await house.after(5, NoHours("404 not found")) == []
        assert house.pause == 300 and house.watch.to_json() is None and house.watch.ends_in is None
    assert capfd.readouterr().out.count("404 not found") == 1
    assert len(await house.after(5, NEAR)) == 1


async def test_an_end_that_was_told_comes_though_the_ticket_opens_nothing_any_more() -> None:
    """Its user can have that: by erasing the portal's data of them."""
    house = House(ends=True)
    (told,) = await house.after(0, UP)
    assert await house.after(5, NoHours("403 erased")) == [told]
    assert house.ends == []
    await house.after(25, NoHours("403 erased"))
    assert house.ends == [End.HOURS]


async def test_after_the_end_a_portal_that_is_away_is_asked_once_a_minute() -> None:
    house = House(ends=True)
    await house.after(0, UP)
    await house.after(60, OSError("refused"))
    assert house.pause == 60


async def test_an_answer_that_is_none_is_no_trouble_of_the_keepers() -> None:
    house = House()
    house.answer = {"used": "x"}
    assert await Keeper(house.watch, house.journal).once() == 300
    assert house.journal.messages() == []


Served = Callable[[Callable[[web.Request], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    runners = []

    async def serve(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str:
        application = web.Application()
        application.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(application)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return "http://{}:{}/gpu".format(*runner.addresses[0])

    yield serve
    for runner in runners:
        await runner.cleanup()


async def test_the_ticket_goes_to_the_portal_alone(served: Served) -> None:
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("Authorization")))
        return web.json_response(TOLD)

    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.1:1/")

    portal, other = await served(answer), await served(elsewhere)
    async with aiohttp.ClientSession() as client:
        found = await hours.ask(client, portal, "v1.ticket")
        assert (found.used, found.limit, found.refused) == (12.0, 40.0, False)
        with pytest.raises(OSError, match="302"):
            await hours.ask(client, other, "v1.ticket")
    assert asked == [("/gpu/api/hours/mine", "Bearer v1.ticket")]


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_what_the_portal_says_of_a_ticket_stands_in_the_log(served: Served, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"error": "This ticket's time is over."}, status=status)

    portal = await served(answer)
    async with aiohttp.ClientSession() as client:
        with pytest.raises(NoHours, match="time is over"):
            await hours.ask(client, portal, "v1.ticket")


async def test_a_large_or_broken_answer_is_none(served: Served) -> None:
    async def large(request: web.Request) -> web.Response:
        return web.Response(text='{"used": ' + "1" * 100_000 + "}", content_type="application/json")

    async def broken(request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    async with aiohttp.ClientSession() as client:
        for each in (large, broken):
            with pytest.raises((OSError, ValueError)):
                await hours.ask(client, await served(each), "v1.ticket")
        with pytest.raises(OSError):
            await hours.ask(client, "http://127.0.0.1:1", "v1.ticket")
