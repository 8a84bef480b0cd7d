"""The predecessor's functions, called as its notebooks call them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import galaxy_ie_helpers
from nebulab.errors import DatasetNotFound, DatasetNotReady, NotAllowed, SettingsError
from nebulab.kernel import find_matching_history_ids, get, get_galaxy_connection, get_user_history, put
from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def cache(fake: FakeGalaxy, tmp_path: Path) -> Path:
    fake.add("train.tsv", b"1", extension="tabular")
    fake.add("test.tsv", b"2", extension="csv")
    fake.add("Train again", b"3")
    fake.add("train running", state="running")
    fake.add("train gone", deleted=True)
    return tmp_path / "cache"


def test_one_dataset_gives_its_path(cache: Path) -> None:
    assert get(1) == str(cache / "1")
    assert Path(get("1")).read_bytes() == b"1"


def test_several_datasets_give_a_list(cache: Path) -> None:
    assert get([1, 2]) == [str(cache / "1"), str(cache / "2")]


def test_by_name(cache: Path) -> None:
    assert get("test.tsv", identifier_type="name") == str(cache / "test.tsv")


def test_by_regular_expression(cache: Path) -> None:
    assert get("train", identifier_type="regex") == [str(cache / "1"), str(cache / "3")]


def test_datatypes(cache: Path) -> None:
    assert get(1, retrieve_datatype=True) == ([str(cache / "1")], "tabular")
    assert get([1, 2], retrieve_datatype=True) == ([str(cache / "1"), str(cache / "2")], {1: "tabular", 2: "csv"})


def test_look_ups_cost_one_request_each(cache: Path, fake: FakeGalaxy) -> None:
    get([1, 2])
    fake.requests.clear()
    get([1, 2])
    assert len(fake.requests) == 1


def test_another_history_has_a_folder_of_its_own(
    cache: Path, fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HISTORY_ID", "h0")
    assert get(1, history_id="h1") == str(cache / "h1" / "1")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((99,), DatasetNotFound), ((4,), DatasetNotReady), (("one",), SettingsError), ((1, "tag"), SettingsError)],
)
def test_mistakes_are_told(cache: Path, arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        get(*arguments)


def test_put(cache: Path, fake: FakeGalaxy) -> None:
    Path("a.txt").write_text("a")
    Path("b.txt").write_text("b")
    assert put(["a.txt", "b.txt"], file_type="txt") is None  # type: ignore[func-returns-value]  # the predecessor's returned None
    assert [fetched["targets"][0]["elements"][0]["name"] for fetched in fake.fetched] == ["a.txt", "b.txt"]


def test_matching_numbers_and_ids(cache: Path) -> None:
    assert find_matching_history_ids("TRAIN") == [1, 3]
    assert find_matching_history_ids(["train", "test"], identifier_type="id") == ["d1", "d2", "d3"]


def test_the_user_s_history(cache: Path, fake: FakeGalaxy) -> None:
    assert [dataset["name"] for dataset in get_user_history()][:2] == ["train.tsv", "test.tsv"]
    assert fake.count("GET /api/histories/h1/contents?visible=true") == 1


def test_a_bioblend_connection(fake: FakeGalaxy) -> None:
    assert get_galaxy_connection(obj=False).url == f"{fake.url}/api"
    assert get_galaxy_connection().gi.key


def test_a_connection_with_a_wrong_key_is_refused(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "wrong")
    with pytest.raises(NotAllowed):
        get_galaxy_connection()


def test_no_history_is_told(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HISTORY_ID")
    with pytest.raises(SettingsError, match="HISTORY_ID"):
        get(1)


def test_the_old_package_has_the_same_functions() -> None:
    assert galaxy_ie_helpers.get is get
    assert galaxy_ie_helpers.put is put
