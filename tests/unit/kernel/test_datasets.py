"""One dataset or collection of a history: what it is, and its content in every form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import DatasetFailed, DatasetNotFound, DatasetNotReady
from nebulab.kernel.histories import History
from support.fake_galaxy import FakeGalaxy


def test_what_galaxy_tells_of_it(fake: FakeGalaxy, history: History) -> None:
    fake.add("a.tsv", b"12345", extension="tabular", tags=["name:x", "plain"])
    dataset = history[1]
    assert (dataset.id, dataset.hid, dataset.ext, dataset.size, dataset.is_collection) == ("d1", 1, "tabular", 5, False)
    assert dataset.tags == ["#x", "plain"]
    assert repr(dataset) == "<1: a.tsv [tabular, ok]>"


def test_open_and_path(fake: FakeGalaxy, history: History, tmp_path: Path) -> None:
    fake.add("x.txt", b"line 1\nline 2\n")
    with history[1].open() as stream:
        assert stream.readline() == b"line 1\n"
    assert not (tmp_path / "cache").exists()
    assert history[1].path.name == "x.txt"
    assert history[1].path.read_text() == "line 1\nline 2\n"


def test_not_ready_and_ready_later(fake: FakeGalaxy, history: History) -> None:
    shown = fake.add("x.txt", b"later", state="running")
    dataset = history[1]
    with pytest.raises(DatasetNotReady, match="wait"):
        dataset.read()
    states = iter(["running", "ok", "ok", "ok"])
    fake.answers["histories/h1/contents/datasets/d1"] = lambda: shown | {"state": next(states)}
    assert dataset.read(wait=True) == "later"
    assert dataset.state == "ok"


def test_in_error(fake: FakeGalaxy, history: History) -> None:
    fake.add("x", state="error", misc_info="the tool said no")
    with pytest.raises(DatasetFailed, match="the tool said no"):
        history[1].read()


def test_one_that_can_not_become_ready_is_told_before_it_is_used(fake: FakeGalaxy, history: History) -> None:
    fake.add("running", state="running")
    fake.add("purged", purged=True, deleted=False)
    history[1].check_not_failed()
    with pytest.raises(DatasetFailed):
        history[2].check_not_failed()


def test_an_unchanged_dataset_is_downloaded_once(fake: FakeGalaxy, history: History) -> None:
    fake.add("x.txt", b"content")
    assert history[1].path == history[1].path
    assert fake.count("GET /api/datasets/d1/display") == 1


@pytest.fixture
def collection(fake: FakeGalaxy) -> FakeGalaxy:
    """A list of two datasets and, deeper, a pair."""
    for name, content in (("a", b"[1]"), ("f", b"2"), ("r", b"3")):
        fake.add(name, content, extension="json", visible=False)
    listed: dict[str, Any] = {
        "id": "c1",
        "hid": 4,
        "name": "samples",
        "collection_type": "list:paired",
        "populated_state": "ok",
        "elements_states": {"ok": 3},
        "visible": True,
        "deleted": False,
        "history_id": "h1",
        "history_content_type": "dataset_collection",
    }
    fake.contents.append(listed)

    def element(name: str, number: int) -> dict[str, Any]:
        return {"element_identifier": name, "element_type": "hda", "object": fake.shown[f"d{number}"]}

    pair = {"elements": [element("forward", 2), element("reverse", 3)], "populated": True}
    elements = [
        element("alone", 1),
        {"element_identifier": "pair", "element_type": "dataset_collection", "object": pair},
    ]
    fake.answers["histories/h1/contents/dataset_collections/c1"] = listed | {"elements": elements}
    fake.answers["dataset_collections/c1"] = listed | {"elements": elements}
    return fake


def test_a_collection_gives_its_elements_by_name(collection: FakeGalaxy, history: History) -> None:
    samples = history["samples"]
    assert samples.is_collection
    assert [element.name for element in samples.elements] == ["alone", "pair/forward", "pair/reverse"]
    assert samples["pair/forward"].read() == 2
    assert samples.read() == {"alone": [1], "pair/forward": 2, "pair/reverse": 3}
    with pytest.raises(DatasetNotFound, match="It has: alone, pair/forward"):
        samples["pair"]
    with pytest.raises(DatasetNotReady, match="is a collection"):
        samples.open()


def test_a_dataset_has_no_elements(fake: FakeGalaxy, history: History) -> None:
    fake.add("x.txt")
    assert history[1].elements == []
    with pytest.raises(DatasetNotFound, match="Is it a collection"):
        history[1]["x"]


def test_no_model_is_told(fake: FakeGalaxy, history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is handed to the models' own reader, under a name that tells what it is."""
    paths: list[Path] = []
    monkeypatch.setattr("nebulab.models.load", paths.append)
    fake.add("m.onnx", b"onnx", extension="onnx")
    history[1].model()
    assert paths[0].read_bytes() == b"onnx"
    assert paths[0].suffix == ".onnx"
