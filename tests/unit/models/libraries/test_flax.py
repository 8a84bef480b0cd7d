"""Flax's modules, with stand-ins for the libraries: where linen's weights are found, what of nnx are weights."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models import sample
from nebulab.models.attempt import CantExport, Untrained
from nebulab.models.libraries.flax import Linen, Nnx

PARAMS = {"layer": {"kernel": np.ones((3, 2))}}


class Module:
    """A module of linen: its weights are an argument."""

    def apply(self, variables: Any, rows: np.ndarray) -> Any:
        return rows @ variables["params"]["layer"]["kernel"]


class TrainState:
    def __init__(self, module: Module) -> None:
        self.params, self.apply_fn = PARAMS, module.apply


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was written as safetensors; jax2onnx is there and does nothing."""
    kept: dict[str, Any] = {}

    def flatten(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
        if not isinstance(tree, dict):
            return {path: tree}
        return {key: leaf for name in tree for key, leaf in flatten(tree[name], (*path, name)).items()}

    for name, stand_in in {
        "jax2onnx": SimpleNamespace(),
        "safetensors": SimpleNamespace(),
        "safetensors.numpy": SimpleNamespace(save_file=lambda arrays, path: kept.update(arrays)),
        "flax": SimpleNamespace(),
        "flax.traverse_util": SimpleNamespace(flatten_dict=flatten),
    }.items():
        monkeypatch.setitem(sys.modules, name, stand_in)
    return kept


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("name", ["variables", "params", "weights"])
@pytest.mark.parametrize("value", [PARAMS, {"params": PARAMS}], ids=["bare", "whole"])
def test_linens_weights_are_found_by_their_usual_names(name: str, value: Any) -> None:
    (attempt,) = Linen().attempts(Module(), {"X": np.ones((9, 3)), name: value})
    assert attempt.source == "found in X"
    assert attempt.expected[0].values.tolist() == [[3.0, 3.0]] * 8


@pytest.mark.usefixtures("saved")
def test_linens_weights_are_found_in_its_own_training_state() -> None:
    module = Module()
    around = {"X": np.ones((9, 3)), "state": TrainState(module)}
    assert len(list(Linen().attempts(module, around))) == 1
    with pytest.raises(CantExport, match="its weights are in no global"):
        next(Linen().attempts(Module(), around))


class Hiding:
    """A module that is called with words and a mask, and with weights of each place that are no rows."""

    def apply(self, variables: Any, words: np.ndarray, mask: np.ndarray, places: np.ndarray) -> Any:
        return (words * mask * places).sum(axis=1)


@pytest.mark.usefixtures("saved")
def test_a_mask_and_words_are_taken_for_any_number_of_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written: list[Any] = []
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(ShapeDtypeStruct=lambda shape, dtype: (shape, str(dtype))))
    monkeypatch.setitem(
        sys.modules, "jax2onnx", SimpleNamespace(to_onnx=lambda call, specs, **_: written.extend(specs))
    )
    module = Hiding()
    sample(module, np.ones((9, 3), int), np.ones((9, 3), bool), np.ones((1, 3)))
    (attempt,) = Linen().attempts(module, {"params": PARAMS})
    attempt.write(tmp_path / "x.onnx")
    assert written == [(("B", 3), "int32"), (("B", 3), "bool"), ((1, 3), "float32")]
    assert [str(feed.dtype) for feed in attempt.feeds] == ["int32", "bool", "float32"], "as JAX has them"


def test_linens_weights_are_kept_by_their_path(saved: dict[str, Any], tmp_path: Path) -> None:
    path, remark = Linen().native(Module(), tmp_path, "net", {"params": PARAMS})
    assert path.name == "net.safetensors"
    assert list(saved) == ["params.layer.kernel"]
    assert remark.startswith("the weights alone")


class Random:
    """A dropout's key: no numbers of numpy's."""

    dtype = "key<fry>"


def nnx(monkeypatch: pytest.MonkeyPatch, leaves: list[tuple[tuple[Any, ...], Any]]) -> None:
    stand_in = SimpleNamespace(state=lambda model: model, to_flat_state=lambda state: leaves)
    monkeypatch.setitem(sys.modules, "flax", SimpleNamespace(nnx=stand_in))


def test_nnx_weights_are_kept_without_random_keys(
    monkeypatch: pytest.MonkeyPatch, saved: dict[str, Any], tmp_path: Path
) -> None:
    nnx(monkeypatch, [(("layers", 0, "kernel"), np.ones(2)), (("dropout", "key"), Random())])
    Nnx().native(object(), tmp_path, "net", {})
    assert list(saved) == ["layers.0.kernel"]


@pytest.mark.usefixtures("saved")
def test_a_module_of_nnx_without_weights_is_untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    nnx(monkeypatch, [])
    with pytest.raises(Untrained, match="no weights"):
        next(Nnx().attempts(object(), {}))
