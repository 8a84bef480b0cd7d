"""Whatever a look does, the next one comes, and people hear of it."""

from __future__ import annotations

import asyncio
import errno

import pytest

from nebulab.session.journal import Journal
from nebulab.session.watches.keeper import Keeper


class Watched:
    """A watch that does what it is told at each look: raises, hangs until `goes_on`, or returns a pause."""

    trouble = "The weather can't be seen"

    def __init__(self, *looks: Exception | float | str | None) -> None:
        self._looks = list(looks)
        self.looked = 0
        self.goes_on = asyncio.Event()

    async def look(self) -> float | None:
        self.looked += 1
        what = self._looks.pop(0)
        if isinstance(what, Exception):
            raise what
        if isinstance(what, str):
            await self.goes_on.wait()
            return 0.5
        return what


def told(journal: Journal) -> list[str]:
    return [str(message["text"]) for message in journal.messages()]


async def test_it_looks_until_there_is_nothing_more() -> None:
    watched = Watched(0.0, 0.0, None)
    await Keeper(watched, journal := Journal()).keep()
    assert watched.looked == 3
    assert told(journal) == []


async def test_a_failure_is_told_with_its_traceback_and_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    error = OSError(errno.EIO, "Input/output error")
    keeper = Keeper(Watched(error, error, 3.0), journal := Journal())
    assert await keeper.once() == 1
    assert told(journal) == ["The weather can't be seen: Input/output error. Nebulab tries again."]
    shown = capsys.readouterr()
    assert "Traceback" in shown.out
    assert "raise what" in shown.out
    assert await keeper.once() == 2
    assert capsys.readouterr() == ("", ""), "the same failure is told once"
    assert await keeper.once() == 3.0
    assert told(journal) == [], "and taken back when a look goes well"


async def test_it_tries_less_and_less_often_and_never_gives_up() -> None:
    watched = Watched(*[RuntimeError("broken")] * 20, None)
    keeper = Keeper(watched, Journal())
    pauses = [await keeper.once() for _ in range(20)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(pauses[7:]) == {60}
    assert await keeper.once() is None


async def test_another_failure_has_its_own_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    keeper = Keeper(Watched(ValueError("one"), ValueError("two")), Journal())
    await keeper.once()
    await keeper.once()
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("ValueError")] == [
        "ValueError: one",
        "ValueError: two",
    ]


async def test_a_look_that_hangs_is_told_and_recovers() -> None:
    watched = Watched("hang", 0.0)
    keeper = Keeper(watched, journal := Journal(), patience=0.05)
    looking = asyncio.create_task(keeper.once())
    while not told(journal):
        await asyncio.sleep(0.01)
    assert told(journal) == [
        "The weather can't be seen: no answer for 0 seconds. Nebulab waits; a disk or Galaxy may hang."
    ]
    assert watched.looked == 1, "no second look beside one that hangs"
    watched.goes_on.set()
    assert await looking == 0.5
    assert told(journal) == []


async def test_the_sessions_end_ends_a_look_that_hangs() -> None:
    watched = Watched("hang")
    keeping = asyncio.create_task(Keeper(watched, Journal()).keep())
    while not watched.looked:
        await asyncio.sleep(0)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(keeping, 5)
