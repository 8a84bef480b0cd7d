"""What the user is told, and what is taken back when it is true no longer."""

from __future__ import annotations

import pytest

from nebulab.session.journal import Journal, in_words


def texts(journal: Journal) -> list[object]:
    return [message["text"] for message in journal.messages()]


def test_what_lasts_is_told_once_until_it_is_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal()
    journal.tell("first")
    journal.tell_while("disk", "9 of 10 used")
    journal.tell_while("disk", "9.1 of 10 used")
    journal.tell("last")
    assert texts(journal) == ["first", "9 of 10 used", "last"]
    journal.take_back("disk")
    journal.take_back("disk")
    assert texts(journal) == ["first", "last"]
    journal.tell_while("disk", "9.2 of 10 used")
    assert texts(journal) == ["first", "last", "9.2 of 10 used"]
    said = capsys.readouterr().err.splitlines()
    assert said == [f"nebulab: {text}" for text in ("first", "9 of 10 used", "last", "9.2 of 10 used")]


def test_the_oldest_give_way() -> None:
    journal = Journal()
    journal.tell_while("disk", "full")
    for number in range(60):
        journal.tell(str(number))
    assert texts(journal) == [str(number) for number in range(10, 60)]
    journal.take_back("disk")
    assert len(texts(journal)) == 50


def test_sizes_are_told_in_words() -> None:
    assert [in_words(size) for size in (0, 3 * 2**20, 300 * 2**20, 5 * 2**29)] == [
        "0.0 MB",
        "3.0 MB",
        "300 MB",
        "2.5 GB",
    ]
