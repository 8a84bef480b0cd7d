"""CatBoost's models, with a stand-in for them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models.attempt import CantExport, Untrained
from nebulab.models.libraries.catboost import CatBoost

TABLE = np.arange(8.0).reshape(4, 2)


class Model:
    feature_names_ = ("0", "1")

    def __init__(self, fitted: bool = True, categories: tuple[int, ...] = (), classes: tuple[str, ...] = ()) -> None:
        self.fitted, self.categories, self.classes_ = fitted, categories, classes
        self.saved: dict[str, Any] = {}

    def is_fitted(self) -> bool:
        return self.fitted

    def get_cat_feature_indices(self) -> tuple[int, ...]:
        return self.categories

    def predict(self, data: np.ndarray, prediction_type: str = "RawFormulaVal") -> Any:
        answers = {
            "Class": np.array([["a"]] * len(data)),
            "Probability": np.full((len(data), 2), 0.5),
            "RawFormulaVal": data[:, 0],
        }
        return answers[prediction_type]

    def save_model(self, path: Any, **options: str) -> None:
        self.saved = {"path": path} | options


def test_an_untrained_model_is_told_as_such() -> None:
    with pytest.raises(Untrained, match="not trained"):
        next(CatBoost().attempts(Model(fitted=False), {}))


def test_categories_have_no_form_in_onnx() -> None:
    with pytest.raises(CantExport, match="categories") as refused:
        next(CatBoost().attempts(Model(categories=(1,)), {}))
    assert not isinstance(refused.value, Untrained), "it is kept in its own format"


def test_a_classifier_is_asked_for_labels_and_probabilities_by_name(tmp_path: Path) -> None:
    model = Model(classes=("a", "b"))
    (attempt,) = CatBoost().attempts(model, {"X": TABLE})
    assert [(one.name, one.values.shape) for one in attempt.expected] == [("predict", (4,)), ("predict_proba", (4, 2))]
    attempt.write(tmp_path / "x.onnx")
    assert model.saved == {"path": str(tmp_path / "x.onnx"), "format": "onnx"}


def test_a_regressor_has_one_output() -> None:
    (attempt,) = CatBoost().attempts(Model(), {"X": TABLE})
    assert [one.values.tolist() for one in attempt.expected] == [TABLE[:, 0].tolist()]


def test_its_own_format(tmp_path: Path) -> None:
    assert CatBoost().native(Model(), tmp_path, "trees", {}) == (tmp_path / "trees.cbm", "")


def test_a_file_is_read_as_the_plain_class(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = SimpleNamespace(load_model=lambda path: ("read", path))
    monkeypatch.setitem(sys.modules, "catboost", SimpleNamespace(CatBoost=lambda: plain))
    assert CatBoost().read(Path("trees.cbm")) == ("read", "trees.cbm")
