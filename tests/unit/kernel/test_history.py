"""`history` in a notebook: shown, looked into, read and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import DatasetFailed, DatasetNotFound, DatasetNotReady, SettingsError, TransferError
from nebulab.galaxy import waiting
from nebulab.kernel.histories import History
from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def history(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(waiting, "_FIRST_INTERVAL_SECONDS", 0.01)
    return History()


def test_shown_as_a_table(fake: FakeGalaxy, history: History) -> None:
    fake.add("<b>train</b>", b"12345", extension="tabular", tags=["name:x"])
    fake.add("hidden", visible=False)
    html = history._repr_html_()
    assert html is not None
    assert "&lt;b&gt;train&lt;/b&gt;" in html
    assert "#x" in html
    assert "hidden" not in html
    assert repr(history).splitlines() == [
        "My history (1 item, 5 B)",
        "    1  <b>train</b>  [tabular, 5 B, ok] #x",
    ]


def test_shown_without_a_galaxy(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HISTORY_ID")
    assert "HISTORY_ID" in repr(history)
    assert history._repr_html_() is None


def test_looked_into(fake: FakeGalaxy, history: History) -> None:
    fake.add("a.tsv", extension="tabular", tags=["name:x"])
    fake.add("b.tsv", visible=False)
    assert history[1].name == history["a.tsv"].name == "a.tsv"
    assert [dataset.hid for dataset in history.find(tag="#x", ext="tabular")] == [1]
    assert [dataset.hid for dataset in history.find(hidden=True)] == [1, 2]
    assert len(history) == 1
    assert "a.tsv" in history
    assert history._ipython_key_completions_() == ["a.tsv"]
    with pytest.raises(DatasetNotFound, match=r"a\.tsv"):
        history["A.tsv "]


@pytest.mark.parametrize(
    ("name", "ext", "content", "value"),
    [
        ("x.json", "json", b'{"a": [1]}', {"a": [1]}),
        ("x.json", "txt", b"[1]", [1]),
        ("x", "txt", "tést\n".encode(), "tést\n"),
        ("x", "binary", b"\xff\x00", b"\xff\x00"),
    ],
)
def test_read(fake: FakeGalaxy, history: History, name: str, ext: str, content: bytes, value: object) -> None:
    fake.add(name, content, extension=ext)
    assert history[1].read() == value


@pytest.mark.parametrize(
    ("name", "ext", "content", "options"),
    [
        ("x", "tabular", b"a\tb\n1\t2\n", {}),
        ("x.csv", "csv", b"a,b\n1,2\n", {}),
        ("x.tsv", "txt", b"a\tb\n1\t2\n", {}),
        ("x", "csv", b"a;b\n1;2\n", {"sep": ";"}),
    ],
)
def test_read_tables(
    fake: FakeGalaxy, history: History, name: str, ext: str, content: bytes, options: dict[str, Any]
) -> None:
    fake.add(name, content, extension=ext)
    assert history[1].read(**options).to_dict("list") == {"a": [1], "b": [2]}


def test_read_what_has_no_header(fake: FakeGalaxy, history: History) -> None:
    fake.add("x", b"# made by hand\nchr1\t1\t5\n", extension="bed")
    assert history[1].read().values.tolist() == [["chr1", 1, 5]]


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


def test_errors_show_no_traceback_in_a_notebook(history: History) -> None:
    with pytest.raises(DatasetNotFound) as raised:
        history[5]
    assert raised.value._render_traceback_() == [
        "DatasetNotFound: The history has no dataset with number 5.\nThe history is empty."
    ]


def put(fake: FakeGalaxy, history: History, thing: object, **options: object) -> tuple[str, str, bytes]:
    dataset = history.put(thing, **options)  # type: ignore[arg-type]
    return dataset.name, dataset.ext, fake.files[dataset.id]


def test_put_files(fake: FakeGalaxy, history: History) -> None:
    Path("notes.txt").write_text("n")
    Path("model.onnx").write_bytes(b"o")
    assert put(fake, history, "notes.txt") == ("notes.txt", "auto", b"n")
    assert put(fake, history, Path("model.onnx"), name="m", tags="#x") == ("m", "onnx", b"o")
    assert history.find(tag="x")[0].tags == ["#x"]


def test_put_text_bytes_and_json(fake: FakeGalaxy, history: History) -> None:
    assert put(fake, history, "tést\n") == ("text.txt", "auto", "tést\n".encode())
    assert put(fake, history, b"\x00", name="x.dat") == ("x.dat", "auto", b"\x00")
    name, ext, content = put(fake, history, {"é": [1]}, name="x.json")
    assert (name, ext, json.loads(content)) == ("x.json", "json", {"é": [1]})


def test_put_frames_and_arrays(fake: FakeGalaxy, history: History) -> None:
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert put(fake, history, frame) == ("table.tsv", "tabular", b"a\tb\n1\tx\n2\ty\n")
    assert put(fake, history, frame, name="t.csv") == ("t.csv", "csv", b"a,b\n1,x\n2,y\n")
    assert put(fake, history, frame.set_index("b"), name="t.csv")[2] == b"b,a\nx,1\ny,2\n"
    assert put(fake, history, np.arange(3), name="a.npy")[:2] == ("a.npy", "npy")
    assert history["a.npy"].read().tolist() == [0, 1, 2]
    put(fake, history, {"x": np.arange(3)})
    assert history["arrays.npz"].read()["x"].tolist() == [0, 1, 2]


def test_put_what_can_not_be_put(history: History) -> None:
    import pandas as pd

    with pytest.raises(TransferError, match="no file"):
        history.put("modle.onnx", name="model")
    with pytest.raises(SettingsError, match=r"can't be put"):
        history.put(object())
    with pytest.raises(SettingsError, match="tsv"):
        history.put(pd.DataFrame(), name="x.xlsx")
    with pytest.raises(SettingsError, match="as JSON"):
        history.put({"a": object()}, name="x.json")
