"""Trainings on their way: their progress, their failure, and that each goes on by itself until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nebulab.errors import QuotaExceeded
from nebulab.session.lab.trainings import sends
from nebulab.session.lab.trainings.sends import Sends


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_progress_and_arrival_are_told() -> None:
    gate = asyncio.Event()

    async def act(wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        assert wish == {"name": "x"}
        yield {"stage": "preparing"}
        yield {"file": "x.csv", "done": 5, "total": 10}
        await gate.wait()
        yield {"result": {"id": "j1", "name": "x"}}

    known = Sends(act)
    known.begin({"name": "x"}, "my run")
    await settled()
    (row,) = known.rows()
    assert (row["state"], row["name"], row["file"], row["done"], row["total"]) == ("sending", "my run", "x.csv", 5, 10)
    gate.set()
    await settled()
    (row,) = known.rows()
    assert row["job"] == "j1"


async def test_one_that_arrived_is_forgotten_after_a_while(monkeypatch: Any) -> None:
    async def act(_wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"result": {"id": "j1"}}

    known = Sends(act)
    known.begin({}, "x")
    await settled()
    monkeypatch.setattr(sends, "_TOLD_SECONDS", 0)
    assert known.rows() == []


async def test_a_failure_stays_until_it_is_taken_away() -> None:
    async def act(_wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"stage": "preparing"}
        raise QuotaExceeded("Your storage is full.", "Delete something.")

    known = Sends(act)
    begun = known.begin({}, "x")
    await settled()
    (row,) = known.rows()
    assert (row["state"], row["message"], row["hint"]) == ("not sent", "Your storage is full.", "Delete something.")
    assert known.stop(begun.id)
    assert known.rows() == []
    assert not known.stop(begun.id)


async def test_what_nobody_foresaw_is_told_too() -> None:
    async def act(_wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        yield {"stage": "preparing"}
        raise KeyError("odd")

    known = Sends(act)
    known.begin({}, "x")
    await settled()
    assert known.rows()[0]["message"] == "It could not be sent."


async def test_one_that_is_stopped_ends_its_work() -> None:
    ended = asyncio.Event()

    async def act(_wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        try:
            yield {"done": 1}
            await asyncio.sleep(60)
        finally:
            ended.set()

    known = Sends(act)
    begun = known.begin({}, "x")
    await settled()
    assert known.stop(begun.id)
    await asyncio.wait_for(ended.wait(), 5)
    assert known.rows() == []
