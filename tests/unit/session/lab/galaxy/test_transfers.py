"""The panel's transfers: queued, told, cancelled, begun again; each ends with a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from nebulab.errors import NebulabError, TransferError
from nebulab.session.lab.galaxy.transfers import Transfers


class Work:
    """Does what a test says, and notes what was begun and ended."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def act(self, wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self.begun.append(wish["name"])
        try:
            yield {"done": 5, "total": 10}
            await self.go.wait()
            if self.error is not None:
                raise self.error
            yield {"result": {"path": f"data/{wish['name']}"}}
        finally:
            self.ended.append(wish["name"])


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
async def transfers(work: Work, told: list[dict[str, Any]]) -> Transfers:
    ticks = iter(range(10**6))
    return Transfers(work.act, told.append, lambda: next(ticks))


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not probe():
            await asyncio.sleep(0.002)


def states(transfers: Transfers) -> list[str]:
    return [each["state"] for each in transfers.shown()]


async def test_two_run_and_the_others_wait(transfers: Transfers, work: Work) -> None:
    for name in "abcd":
        transfers.start("download", name, {"name": name})
    await until(lambda: len(work.begun) == 2)
    await asyncio.sleep(0.02)
    assert states(transfers) == ["running", "running", "waiting", "waiting"]
    work.go.set()
    await until(lambda: states(transfers) == ["done"] * 4)
    assert work.begun == ["a", "b", "c", "d"]


async def test_the_page_is_told_how_far_it_is_and_its_end(
    transfers: Transfers, work: Work, told: list[dict[str, Any]]
) -> None:
    transfers.start("download", "a.csv", {"name": "a.csv", "secret": "never shown"})
    work.go.set()
    await until(lambda: states(transfers) == ["done"])
    shown = [each["transfer"] for each in told]
    assert [each["state"] for each in shown] == ["waiting", "running", "running", "done"]
    assert (shown[2]["done"], shown[2]["total"]) == (5, 10)
    assert shown[-1]["path"] == "data/a.csv"
    assert "never shown" not in str(told) + str(transfers.shown())


@pytest.mark.parametrize("waiting", [False, True])
async def test_a_cancel_ends_the_work_and_keeps_the_others(transfers: Transfers, work: Work, waiting: bool) -> None:
    numbers = [transfers.start("upload", name, {"name": name}).id for name in "abc"]
    await until(lambda: len(work.begun) == 2)
    transfers.cancel(numbers[2 if waiting else 0])
    await until(lambda: "cancelled" in states(transfers))
    assert work.ended == ([] if waiting else ["a"])
    work.go.set()
    await until(lambda: states(transfers).count("done") == 2)


async def test_one_that_is_cancelled_at_once_is_told(transfers: Transfers) -> None:
    transfers.cancel(transfers.start("upload", "a", {"name": "a"}).id)
    await until(lambda: states(transfers) == ["cancelled"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (TransferError("The disk is full.", "Delete a file."), "The disk is full."),
        (RuntimeError("unforeseen"), "RuntimeError: unforeseen"),
    ],
)
async def test_a_failure_says_why_and_can_be_tried_again(
    transfers: Transfers, work: Work, error: Exception, message: str
) -> None:
    work.error = error
    work.go.set()
    number = transfers.start("upload", "a", {"name": "a"}).id
    await until(lambda: states(transfers) == ["failed"])
    [shown] = transfers.shown()
    assert shown["message"] == message and shown["hint"]
    work.error = None
    transfers.again(number)
    await until(lambda: states(transfers) == ["done"])
    assert transfers.shown()[0]["message"] == ""
    transfers.cancel(number)
    assert transfers.shown() == []


async def test_what_is_unknown_is_no_error(transfers: Transfers) -> None:
    transfers.cancel(99)
    transfers.again(99)


async def test_not_everything_is_kept(transfers: Transfers, work: Work) -> None:
    work.go.set()
    for number in range(80):
        transfers.start("download", str(number), {"name": str(number)})
        await until(lambda: states(transfers)[-1] == "done")
    assert len(transfers.shown()) <= 51


async def test_a_queue_has_an_end(transfers: Transfers) -> None:
    for number in range(200):
        transfers.start("download", str(number), {"name": str(number)})
    with pytest.raises(NebulabError, match="wait already"):
        transfers.start("download", "one more", {"name": "x"})
    for each in transfers.shown():
        transfers.cancel(each["id"])
    await until(lambda: set(states(transfers)) == {"cancelled"})
