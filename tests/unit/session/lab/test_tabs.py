"""Open tabs are asked to save and awaited: those that answer, those that are closed, those that say nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from nebulab.session.lab.tabs import Tabs


class Sent(list[dict[str, Any]]):
    def __call__(self, data: dict[str, Any]) -> None:
        self.append(data)


@pytest.fixture
def sent() -> Sent:
    return Sent()


async def _asked(tabs: Tabs, sent: Sent, seconds: float = 5) -> tuple[asyncio.Task[dict[str, int]], str]:
    saving = asyncio.create_task(tabs.save(seconds, ending=True))
    while not sent:
        await asyncio.sleep(0)
    return saving, sent[-1]["request"]


async def test_without_a_tab_nothing_is_awaited(sent: Sent) -> None:
    began = time.monotonic()
    assert await Tabs(sent).save(5, ending=True) == {"tabs": 0, "silent": 0, "unsaved": 0}
    assert time.monotonic() - began < 1


async def test_all_tabs_are_awaited_and_what_they_could_not_save_is_told(sent: Sent) -> None:
    tabs = Tabs(sent)
    tabs.see("a")
    tabs.see("b")
    saving, request = await _asked(tabs, sent)
    assert sent[0]["ending"]
    tabs.answer(request, "a", 0)
    tabs.answer(request, "a", 5)
    await asyncio.sleep(0.02)
    assert not saving.done()
    tabs.answer("an earlier request", "b", 0)
    tabs.answer(request, "b", 2)
    assert await saving == {"tabs": 2, "silent": 0, "unsaved": 2}


async def test_a_tab_that_is_closed_meanwhile_is_awaited_no_longer(sent: Sent) -> None:
    tabs = Tabs(sent)
    tabs.see("a")
    saving, _ = await _asked(tabs, sent)
    tabs.forget("a")
    assert (await saving)["silent"] == 0


async def test_a_silent_tab_holds_the_end_up_no_longer_than_it_may(sent: Sent) -> None:
    tabs = Tabs(sent)
    tabs.see("a")
    began = time.monotonic()
    assert (await tabs.save(0.1, ending=True))["silent"] == 1
    assert 0.1 <= time.monotonic() - began < 2


async def test_a_tab_that_was_not_seen_for_long_counts_as_closed(sent: Sent) -> None:
    now = 0.0
    tabs = Tabs(sent, lambda: now)
    tabs.see("a")
    now = 76
    assert (await tabs.save(5, ending=False))["tabs"] == 0


def test_nobody_can_make_it_know_tabs_without_end(sent: Sent) -> None:
    tabs = Tabs(sent)
    for number in range(1000):
        tabs.see(str(number))
    assert len(tabs._seen) == 100
