"""A keeper: whatever a look raises, the chore goes on, and says what is wrong until it works again."""

from __future__ import annotations

import logging
import threading

import pytest

from nebulab.portal.work.keeper import Keeper


def test_a_look_that_raises_is_told_logged_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    fails = [True, True, True, False]

    def look() -> float:
        if fails.pop(0):
            raise OSError("no route")
        return 5.0

    keeper = Keeper("Mails", look)
    with caplog.at_level(logging.INFO):
        pauses = [keeper.once() for _ in range(3)]
        assert pauses == [1.0, 2.0, 4.0]
        assert keeper._trouble == "OSError: no route"
        assert keeper.once() == 5.0
    assert keeper._trouble == ""
    assert [record.getMessage() for record in caplog.records] == ["Mails: OSError: no route", "Mails: works again"]


def test_the_pause_has_an_end() -> None:
    def look() -> float:
        raise ValueError

    keeper = Keeper("Mails", look)
    assert [keeper.once() for _ in range(30)][-1] == 60.0


def test_it_looks_again_and_again_and_at_once_when_woken() -> None:
    looked, wanted = threading.Event(), [0.0, 0.0, 3600.0, 3600.0]

    def look() -> float:
        if len(wanted) in {2, 1}:
            looked.set()
        return wanted.pop(0)

    keeper = Keeper("Mails", look)
    assert keeper.health().trouble == "It does not run."
    keeper.start()
    assert looked.wait(5)
    looked.clear()
    keeper.wake()
    assert looked.wait(5)
    assert keeper.health().trouble == ""
    keeper.stop()


def test_a_look_that_hangs_is_told() -> None:
    hangs, free = threading.Event(), threading.Event()

    def look() -> float:
        hangs.set()
        free.wait(5)
        return 3600.0

    keeper = Keeper("Mails", look, patience=0.0)
    keeper.start()
    assert hangs.wait(5)
    assert keeper.health().trouble == "It waits for an answer."
    free.set()
    keeper.stop()
