"""What the page names in a request: nothing that leads out of Galaxy's ids or of the working folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError

from nebulab.session.lab.galaxy.wishes import MOST_CHOSEN, checked_id, chosen, inside

ROOT = Path("/work")


def test_what_is_as_it_should_be_passes() -> None:
    assert checked_id("0a1b2c3d4e5f6071") == "0a1b2c3d4e5f6071"
    items = [{"id": "0a", "kind": "dataset"}, {"id": "0b", "kind": "collection", "more": 1}]
    assert chosen({"items": items}) == [("0a", "dataset"), ("0b", "collection")]
    assert inside(ROOT, "") == ROOT
    assert inside(ROOT, "data/a table.csv") == ROOT / "data" / "a table.csv"


@pytest.mark.parametrize(
    "given", ["", "..", "0a/../../users", "0A", "0a?x=1", "0a\n", "menu", None, 5, ["0a"], "a" * 65]
)
def test_what_is_no_id_is_refused(given: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        checked_id(given)
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    "items",
    [
        None,
        [],
        "0a",
        ["0a"],
        [{"id": "0a"}],
        [{"id": "..", "kind": "dataset"}],
        [{"id": "0a", "kind": ["dataset"]}],
        [{"id": "0a", "kind": "library"}],
        [{"id": "0a", "kind": "dataset"}] * (MOST_CHOSEN + 1),
    ],
)
def test_what_names_no_items_is_refused(items: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        chosen({"items": items})
    assert caught.value.status_code == 400


@pytest.mark.parametrize("given", ["/etc/passwd", "..", "a/../../b", "a\0b", None, 5, ["a"]])
def test_a_path_outside_the_working_folder_is_refused(given: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        inside(ROOT, given)
    assert caught.value.status_code == 400
