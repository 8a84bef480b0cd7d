"""A history is listed with one request, and its items are found by what a person knows of them."""

from __future__ import annotations

from typing import Any

import pytest

from nebulab.errors import DatasetFailed, DatasetNotFound, DatasetNotReady, QuotaExceeded
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Contents, Item, list_contents
from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def contents(fake: FakeGalaxy, galaxy: Galaxy) -> Contents:
    fake.add("train.tsv", b"old", extension="tabular")
    fake.add("tést data.csv", extension="csv", tags=["name:first", "plain"])
    fake.add("train.tsv", b"newer", extension="tabular")
    fake.add("train.tsv", b"hidden", visible=False)
    return list_contents(galaxy, "h1")


def test_a_listing_is_one_request(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    for number in range(1000):
        fake.add(f"{number}.txt")
    fake.requests.clear()
    assert len(list_contents(galaxy, "h1")) == 1000
    assert len(fake.requests) == 1


def test_the_newest_visible_dataset_of_a_name_is_taken(contents: Contents) -> None:
    assert contents["train.tsv"].hid == 3


def test_find_by_every_property(contents: Contents) -> None:
    assert [item.hid for item in contents.find(name="train.tsv")] == [1, 3, 4]
    assert [item.hid for item in contents.find(hid=2)] == [2]
    assert [item.hid for item in contents.find(tag="#first")] == [2]
    assert [item.hid for item in contents.find(tag="plain")] == [2]
    assert [item.hid for item in contents.find(ext="tabular")] == [1, 3]
    assert [item.hid for item in contents.find(regex="DATA")] == [2]
    assert [item.hid for item in contents.find(ext="tabular", regex="csv")] == []


def test_a_wrong_name_shows_the_nearest(contents: Contents) -> None:
    with pytest.raises(DatasetNotFound, match=r"tést data\.csv"):
        contents["Test Data.csv"]


def test_a_wrong_number_shows_the_nearest(contents: Contents) -> None:
    with pytest.raises(DatasetNotFound, match=r"4: train\.tsv"):
        contents[9]


def test_an_empty_history_says_so(galaxy: Galaxy, fake: FakeGalaxy) -> None:
    with pytest.raises(DatasetNotFound, match="empty"):
        list_contents(galaxy, "h1")["x"]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"state": "error", "misc_info": "no such column"}, DatasetFailed),
        ({"purged": True}, DatasetFailed),
        ({"state": "running"}, DatasetNotReady),
        ({"state": "paused", "misc_info": "because you were over your disk quota"}, QuotaExceeded),
        ({"state": "paused"}, DatasetNotReady),
    ],
)
def test_what_can_not_be_read_says_why(fake: FakeGalaxy, fields: dict[str, Any], error: type[Exception]) -> None:
    item = Item.from_answer(fake.add("x", **fields))
    with pytest.raises(error, match=str(fields.get("misc_info", "1: x"))):
        item.check_ready()


def test_an_empty_dataset_can_be_read(fake: FakeGalaxy) -> None:
    Item.from_answer(fake.add("x", state="empty")).check_ready()


@pytest.mark.parametrize(
    ("populated", "states", "state"),
    [
        ("ok", {"ok": 3}, "ok"),
        ("ok", {"ok": 2, "error": 1}, "error"),
        ("ok", {"running": 1}, "running"),
        ("new", {}, "new"),
    ],
)
def test_a_collection_is_as_ready_as_its_elements(populated: str, states: dict[str, int], state: str) -> None:
    answer = {
        "id": "c",
        "hid": 1,
        "name": "c",
        "visible": True,
        "deleted": False,
        "history_id": "h1",
        "history_content_type": "dataset_collection",
        "collection_type": "list",
        "populated_state": populated,
        "elements_states": states,
    }
    assert Item.from_answer(answer).state == state
