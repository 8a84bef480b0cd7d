"""A session's outputs brought into the history, by a Galaxy that fails again meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import DatasetLost, TransferError
from nebulab.galaxy import waiting
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.settings import GalaxySettings
from nebulab.session.layout import Layout
from nebulab.session.outputs import recovery
from nebulab.session.outputs.collected import Lost, write_lost
from support.fake_galaxy import KEY, FakeGalaxy

COLLECTION = "histories/h1/contents/dataset_collections/c1"
Recover = Callable[[], int]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A session's folder with a collection of two files and a notebook, all lost."""
    for name in ("1", "2", "3"):
        (tmp_path / name).write_text(f"content {name}")
    elements = [{"name": f"a{name}", "ext": "txt", "filename": name} for name in ("1", "2")]
    notebook = {"name": "mine", "ext": "ipynb", "filename": "3"}
    layout = Layout(tmp_path)
    write_lost([Lost("outputs", elements, is_collection=True), Lost("mine.ipynb", [notebook], False)], layout)
    return layout


@pytest.fixture
def recover(fake: FakeGalaxy, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Recover:
    monkeypatch.setattr(waiting, "_FIRST_INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr(waiting, "_JOB_SECONDS", 0.0)
    fake.answers["histories/h1"] = {"id": "h1", "deleted": False}

    def run() -> int:
        with Galaxy(GalaxySettings(fake.url, KEY, patience=0.5, timeout=5)) as galaxy:
            return recovery.recover(galaxy, "h1", layout)

    return run


def forgotten(fake: FakeGalaxy, times: int) -> None:
    """Have Galaxy die while it takes in the collection, so many times: the job fails, the collection stays new."""
    take_in = fake.taken_in

    def dies(payload: dict[str, Any]) -> dict[str, Any]:
        answer = take_in(payload)
        if COLLECTION in fake.answers and payload["targets"][0]["destination"]["type"] == "hdca":
            shown = fake.answers[COLLECTION]
            if len([one for one in fake.fetched if one["targets"][0]["destination"]["type"] == "hdca"]) <= times:
                fake.answers[COLLECTION] = shown | {
                    "populated_state": "new",
                    "job_source_type": "Job",
                    "job_source_id": "j1",
                }
        return answer

    fake.taken_in = dies  # type: ignore[method-assign]
    fake.answers["jobs/j1"] = {"state": "error"}


def test_all_of_it_comes_home(fake: FakeGalaxy, recover: Recover) -> None:
    assert recover() == 3
    assert sorted(map(bytes, fake.uploads.values())) == [b"content 1", b"content 2", b"content 3"]


def test_what_a_galaxy_that_dies_again_has_lost_is_sent_again(
    fake: FakeGalaxy, recover: Recover, capsys: pytest.CaptureFixture[str]
) -> None:
    forgotten(fake, times=2)
    assert recover() == 3
    targets = [one["targets"][0] for one in fake.fetched]
    assert [target["destination"]["type"] for target in targets] == ["hdca", "hdas", "hdca", "hdca"]
    assert len(re.findall("outputs is sent again: .*its job ended in state error", capsys.readouterr().out)) == 2
    assert fake.count(f"DELETE /api/{COLLECTION}") == 2


def test_it_ends_where_galaxy_dies_each_time_and_brings_the_rest(fake: FakeGalaxy, recover: Recover) -> None:
    forgotten(fake, times=100)
    with pytest.raises(DatasetLost):
        recover()
    assert "mine.ipynb" in [one["name"] for one in fake.contents]
    assert 2 < len(fake.fetched) < 10


def test_one_that_can_not_be_read_does_not_keep_the_others(fake: FakeGalaxy, recover: Recover, layout: Layout) -> None:
    write_lost(
        [
            Lost("gone", [{"name": "gone", "ext": "txt", "filename": "nowhere"}], is_collection=False),
            Lost("mine", [{"name": "mine", "ext": "txt", "filename": "3"}], is_collection=False),
        ],
        layout,
    )
    with pytest.raises(TransferError, match="nowhere"):
        recover()
    assert [one["name"] for one in fake.contents] == ["mine"]


def test_every_name_becomes_one_of_a_file(fake: FakeGalaxy, recover: Recover, layout: Layout) -> None:
    """Flat, within 255 bytes, and none in another's place; a file that is gone keeps no other."""
    names = ["a/b", "a_b", "2_a_b", "深" * 190, "深" * 189 + "入", "...", "mine.txt", "gone"]
    elements = []
    for number, name in enumerate(names):
        (layout.root / f"file {number}").write_text(name)
        elements.append({"name": name, "ext": "txt", "filename": f"file {number}"})
    (layout.root / f"file {len(names) - 1}").unlink()
    write_lost([Lost("outputs", elements, is_collection=True)], layout)
    recover()
    assert sorted(bytes(content).decode() for content in fake.uploads.values()) == sorted(names[:-1])
    sent = [element["name"] for element in fake.fetched[0]["targets"][0]["elements"]]
    assert len(set(sent)) == len(names) - 1
    assert {"a_b.txt", "2_a_b.txt", "mine.txt", "file.txt"} <= set(sent)


def test_an_answer_that_never_came_is_asked_for_again(fake: FakeGalaxy, recover: Recover) -> None:
    """Galaxy ended while it was told to take the files in: nobody knows whether it has them."""
    take_in, asked = fake.taken_in, []

    def dies_once(payload: dict[str, Any]) -> dict[str, Any]:
        asked.append(payload)
        if len(asked) == 1:
            raise ConnectionResetError
        return take_in(payload)

    fake.taken_in = dies_once  # type: ignore[method-assign]
    assert recover() == 3
    assert len(asked) == 3
