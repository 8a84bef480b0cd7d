"""Idleness ends a session after a warning, and nothing that goes wrong with the look does."""

from __future__ import annotations

from typing import Any

import aiohttp

from nebulab.session.ending import End
from nebulab.session.journal import Journal
from nebulab.session.watches.activity import IdleWatch, list_activity
from nebulab.session.watches.idle import Idleness
from nebulab.session.watches.keeper import Keeper


class House:
    """A session of an hour, its clock, and what JupyterLab lists."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.listed: Any = ([], [])
        self.running = True
        self.journal = Journal()
        self.ends: list[End] = []
        self.idle = Idleness(3600, clock=lambda: self.now)
        self.watch = IdleWatch(
            self.idle,
            self._list,
            journal=self.journal,
            is_running=lambda: self.running,
            finish=self.ends.append,
        )

    async def _list(self) -> Any:
        if isinstance(self.listed, Exception):
            raise self.listed
        return self.listed

    def told(self) -> list[str]:
        return [str(message["text"]) for message in self.journal.messages()]


async def test_it_warns_once_and_then_ends() -> None:
    house = House()
    assert await house.watch.look() == 15
    house.now += 3300
    await house.watch.look()
    await house.watch.look()
    (warned,) = house.told()
    assert "the session ends in 5 minutes" in warned
    house.now += 300
    assert await house.watch.look() is None
    assert house.ends == [End.IDLE]
    assert "No cell has run for 60 minutes" in house.told()[-1]


async def test_a_busy_kernel_and_a_slow_start_keep_it() -> None:
    house = House()
    house.running = False
    house.now += 7200
    await house.watch.look()
    house.running = True
    house.listed = ([{"execution_state": "busy"}], [])
    for _ in range(3):
        house.now += 3000
        await house.watch.look()
    assert house.ends == []


async def test_a_jupyterlab_that_does_not_answer_is_not_idle_for_it_alone() -> None:
    house = House()
    house.listed = None
    house.now += 1800
    assert await house.watch.look() == 15
    assert house.ends == []


async def test_an_answer_of_another_form_is_told_and_looked_at_again() -> None:
    house = House()
    house.listed = ([{"last_activity": "yesterday"}], [])
    keeper = Keeper(house.watch, house.journal)
    await keeper.once()
    (told,) = house.told()
    assert told.startswith("It can't be seen whether something is computed: ValueError")
    house.listed = ([], [])
    assert await keeper.once() == 15
    assert house.told() == []


async def test_nobody_listens(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as client:
        assert await list_activity(client, f"http://127.0.0.1:{unused_tcp_port}/api", "token") is None
