"""What the panel shows of Galaxy's answers, and the query by which it asks."""

from __future__ import annotations

from typing import Any

import pytest

from nebulab.session.lab.galaxy import rows

DATASET: dict[str, Any] = {
    "id": "0a",
    "hid": 5,
    "name": "petals.tsv",
    "state": "ok",
    "extension": "tabular",
    "file_size": 120,
    "tags": ["name:iris", "group:a"],
    "visible": True,
    "deleted": False,
    "purged": False,
    "create_time": "2026-11-29T10:00:00",
    "update_time": "2026-11-29T11:00:00",
    "history_id": "11",
    "history_content_type": "dataset",
}
COLLECTION: dict[str, Any] = DATASET | {
    "id": "0c",
    "hid": 7,
    "name": "samples",
    "history_content_type": "dataset_collection",
    "collection_type": "list",
    "collection_id": "0e",
    "populated_state": "ok",
    "element_count": 3,
    "elements_states": {"ok": 2, "running": 1},
    "elements_datatypes": ["tabular"],
}


def asked(search: str, *, deleted: bool = False, hidden: bool = False) -> dict[str, str]:
    query = rows.listing(search, deleted=deleted, hidden=hidden, offset=0, limit=100)
    return dict(zip(query["q"], query["qv"], strict=True))


@pytest.mark.parametrize(
    ("search", "filter_"),
    [
        ("", {}),
        ("  ", {}),
        ("petals", {"name-contains": "petals"}),
        ("12", {"hid-eq": "12"}),
        ("#12", {"hid-eq": "12"}),
        ("#iris", {"tag-contains": "iris"}),
        ("tag:group:a", {"tag-contains": "group:a"}),
        ("ext:csv", {"extension-eq": "csv", "history_content_type-eq": "dataset"}),
        ("12 petals", {"name-contains": "12 petals"}),
    ],
)
def test_a_search_is_one_filter_of_galaxys(search: str, filter_: dict[str, str]) -> None:
    assert asked(search) == {"deleted": "False", "visible": "True"} | filter_


def test_hidden_and_deleted_items_are_listed_alone() -> None:
    assert asked("", hidden=True) == {"deleted": "False", "visible": "False"}
    assert asked("", deleted=True) == {"deleted": "True"}


def test_a_dataset_becomes_a_row() -> None:
    row = rows.row(DATASET, "11")
    assert (row["hid"], row["kind"], row["state"], row["extension"], row["size"]) == (
        5,
        "dataset",
        "ok",
        "tabular",
        120,
    )
    assert row["tags"] == ["#iris", "group:a"]
    assert row["load"].startswith("petals = history[5].read()")


def test_a_collection_has_its_elements_worst_state_and_the_id_by_which_it_opens() -> None:
    row = rows.row(COLLECTION, "11")
    assert (row["kind"], row["state"], row["elements"], row["collection_id"]) == ("collection", "running", 3, "0e")
    assert row["size"] is None


def test_elements_are_loaded_through_their_collection() -> None:
    answer = {"element_identifier": "a.csv", "element_type": "hda", "object": {"id": "0f", "state": "ok", "tags": []}}
    row = rows.element(answer, "history[7]", "first")
    assert (row["id"], row["state"], row["extension"], row["path"]) == ("0f", "ok", "csv", "first/a.csv")
    assert row["load"].startswith("a = history[7]['first/a.csv'].read()")


def test_a_collection_inside_a_collection_opens_too() -> None:
    inner = {"id": "2b", "element_count": 4, "collection_type": "list", "elements_states": {"ok": 3, "error": 1}}
    answer = {"element_identifier": "first", "element_type": "dataset_collection", "object": inner}
    row = rows.element(answer, "history[7]", "")
    assert (row["kind"], row["collection_id"], row["elements"], row["state"]) == ("collection", "2b", 4, "error")


def test_an_element_that_is_gone_is_told() -> None:
    row = rows.element({"element_identifier": "x", "element_type": "hda", "object": None}, "history[7]", "")
    assert (row["id"], row["state"]) == ("", "discarded")
