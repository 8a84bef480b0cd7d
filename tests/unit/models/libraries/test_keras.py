"""Keras' models, with a stand-in for them and for the library."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models import sample
from nebulab.models.attempt import CantExport, Untrained
from nebulab.models.libraries.keras import Keras


class Model:
    """A network whose answer is the sum of each row."""

    def __init__(self, shape: tuple[int | None, ...] | None = (None, 3), dtype: str = "float32") -> None:
        self.built = True
        self.variables: list[Any] = []
        self.layers: list[Any] = []
        self.inputs = [] if shape is None else [SimpleNamespace(shape=shape, dtype=dtype)]
        self.exported: list[dict[str, Any]] = []

    def __call__(self, rows: np.ndarray, training: bool = True) -> Any:
        if rows.shape[1:] != (3,):
            raise ValueError("3 columns")
        return rows.sum(axis=1)

    def export(self, path: str, **options: Any) -> None:
        print("chatter")
        self.exported.append(options)

    def save(self, path: Path) -> None:
        path.write_text("network")


@pytest.fixture(autouse=True)
def _backend(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    name = getattr(request, "param", "jax")
    models = SimpleNamespace(load_model=lambda path, compile: ("read", path, compile))
    monkeypatch.setitem(
        sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: name), models=models)
    )


def attempts(model: Model, **namespace: Any) -> list[Any]:
    return list(Keras().attempts(model, namespace))


@pytest.mark.parametrize(("_backend", "exports"), [("jax", 1), ("tensorflow", 1), ("torch", 2)], indirect=["_backend"])
def test_on_pytorch_keras_own_export_is_the_second_way(exports: int) -> None:
    assert len(attempts(Model())) == exports


def test_an_array_of_the_inputs_shape_is_found() -> None:
    (attempt,) = attempts(Model(), other=np.zeros((9, 2)), x_test=np.ones((9, 3)))
    assert attempt.source == "found in x_test"
    assert [(feed.shape, feed.dtype) for feed in attempt.feeds] == [((8, 3), np.float32)]
    assert attempt.expected[0].values.tolist() == [3.0] * 8


def test_rows_are_made_up_where_none_fit() -> None:
    assert attempts(Model())[0].source == "made up"
    assert attempts(Model(dtype="int64"))[0].feeds[0].dtype == np.int64


def test_a_mask_hides_something_and_is_no_table() -> None:
    around = {"X": np.ones((9, 3)), "counts": np.ones((9, 3), int)}
    made_up = attempts(Model(dtype="bool"), **around)[0]
    assert (made_up.source, made_up.feeds[0].dtype) == ("made up", bool)
    assert 0 < made_up.feeds[0].sum() < made_up.feeds[0].size
    found = attempts(Model(dtype="bool"), **around, mask=np.eye(3, dtype=bool))[0]
    assert found.source == "found in mask"
    assert found.feeds[0].tolist() == np.eye(3, dtype=bool).tolist()


def test_numbers_that_onnx_runtime_has_not_are_refused_with_what_to_type() -> None:
    model = Model()
    model.layers = [SimpleNamespace(compute_dtype="bfloat16")]
    with pytest.raises(CantExport, match=r"bfloat16.*set_dtype_policy\('float32'\)"):
        attempts(model)


def test_without_inputs_what_the_model_takes_is_found() -> None:
    (attempt,) = attempts(Model(None), a=np.zeros((9, 2)), b=np.ones((9, 3)))
    assert attempt.source == "found in b"


def test_what_nobody_has_called_asks_for_rows() -> None:
    with pytest.raises(CantExport, match=r"nebulab\.sample") as refused:
        attempts(Model(None))
    assert not isinstance(refused.value, Untrained)
    model = Model(None)
    sample(model, np.ones((2, 3)))
    assert attempts(model)[0].source == "given by the user"


def test_what_was_never_built_is_untrained() -> None:
    model = Model()
    model.built = False
    with pytest.raises(Untrained, match="never built"):
        attempts(model)


def test_on_jax_the_file_is_keras_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Model()
    attempts(model)[0].write(tmp_path / "x.onnx")
    assert model.exported == [{"format": "onnx", "verbose": False}]
    assert capsys.readouterr().out == ""


def test_its_own_format(tmp_path: Path) -> None:
    path, remark = Keras().native(Model(), tmp_path, "net", {})
    assert (path.name, path.read_text(), remark) == ("net.keras", "network", "")


def test_a_file_is_read_without_its_optimizer() -> None:
    assert Keras().read(Path("net.keras")) == ("read", Path("net.keras"), False)
