"""Files, folders and objects into the history: their names, datatypes and content there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import SettingsError, TransferError
from nebulab.kernel import display
from nebulab.kernel.histories import History
from nebulab.models import libraries
from nebulab.models.attempt import Attempt, CantExport, Untrained
from nebulab.models.libraries import Library
from support.fake_galaxy import FakeGalaxy


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


def test_a_folder_becomes_a_collection(fake: FakeGalaxy, history: History) -> None:
    Path("plots").mkdir()
    for name in "ab":
        Path(f"plots/{name}.txt").write_text(name)
    dataset = history.put("plots", name="all plots")
    assert (dataset.is_collection, dataset.name) == (True, "all plots")
    assert {bytes(content) for content in fake.uploads.values()} == {b"a", b"b"}
    Path("plots/deep").mkdir()
    Path("plots/deep/c.txt").write_text("c")
    with pytest.raises(TransferError, match="files beside folders"):
        history.put("plots")


def test_parquet_hdf5_and_figures(fake: FakeGalaxy, history: History) -> None:
    import matplotlib as mpl
    import numpy as np
    import pandas as pd

    mpl.use("agg")
    import matplotlib.pyplot as plt

    series = pd.Series([1, 2], name="s")
    assert put(fake, history, series, name="s.parquet")[:2] == ("s.parquet", "parquet")
    assert history["s.parquet"].read()["s"].tolist() == [1, 2]
    put(fake, history, {"x": np.arange(3)}, name="x.h5")
    assert history["x.h5"].read()["x"].tolist() == [0, 1, 2]
    figure, axes = plt.subplots()
    assert put(fake, history, figure)[2].startswith(b"\x89PNG")
    assert put(fake, history, axes, name="f.pdf")[2].startswith(b"%PDF")
    plt.close("all")


def test_an_index_that_says_something_is_written(fake: FakeGalaxy, history: History) -> None:
    import pandas as pd

    assert put(fake, history, pd.DataFrame({"a": [1]}, index=["x"]))[2] == b"\ta\nx\t1\n"
    assert put(fake, history, pd.DataFrame({"a": [1]}, index=[0]))[2] in {b"a\n1\n", b"\ta\n0\t1\n"}


def test_what_galaxy_refuses_is_told(fake: FakeGalaxy, history: History) -> None:
    from nebulab.errors import DatasetFailed

    fake.refused_ext = "html"
    with pytest.raises(DatasetFailed, match="invalid HTML"):
        history.put("<b>page</b>\n", name="page.html", ext="html")


def test_not_waited_for(fake: FakeGalaxy, history: History) -> None:
    Path("x.txt").write_text("x")
    history.put("x.txt", wait=False)
    assert fake.count("GET /api/histories/h1/contents/datasets") == 0


def test_the_wait_is_shown(
    fake: FakeGalaxy, history: History, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(display, "_SHOWN_AFTER_SECONDS", 0.0)
    Path("x.txt").write_text("x")
    states = iter(["queued", "running", "ok"])
    show = "histories/h1/contents/datasets/d1"
    fake.answers[show] = lambda: fake.shown["d1"] | {"state": next(states)}
    history.put("x.txt")
    assert "x.txt: waits for its turn in Galaxy, 0 s" in capsys.readouterr().err


class Model:
    """A model of a library of this test."""

    trained = True


class Ours(Library):
    """Has no way to ONNX, as a library whose converter refuses a model."""

    kind, package = "ours", "numpy"
    classes = ((__name__, "Model"),)

    def is_mine(self, value: Any) -> bool:
        return isinstance(value, Model)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        raise CantExport("no converter takes it") if model.trained else Untrained("it was never fitted")

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        path = folder / f"{name}.ours"
        path.write_text("weights")
        return path, ""


def test_put_models(
    fake: FakeGalaxy, history: History, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a library whose models have no ONNX: the converters are not in the environment of these tests."""
    monkeypatch.setattr(libraries, "LIBRARIES", (Ours(),))
    model = Model()
    assert put(fake, history, model, name="my line.onnx") == ("my line.ours", "auto", b"weights")
    assert "my line: no ONNX: no converter takes it; kept as my line.ours" in capsys.readouterr().out
    assert put(fake, history, model)[0] == "model.ours"
    with pytest.raises(SettingsError, match=r"way to put a model as \.h5"):
        history.put(model, name="line.h5")
    model.trained = False
    with pytest.raises(SettingsError, match="it was never fitted"):
        history.put(model)
