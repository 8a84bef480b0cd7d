"""XGBoost's boosters, with a stand-in for the library."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models.libraries.xgboost import XGBoost

TABLE = np.arange(8.0).reshape(4, 2)


class Booster:
    feature_names = ("length", "width")

    def num_features(self) -> int:
        return 2

    def predict(self, data: np.ndarray) -> Any:
        return np.linspace(0, 1, len(data))

    def save_config(self) -> str:
        return json.dumps({"learner": {"objective": {"name": "binary:logistic"}}})

    def save_model(self, path: Path) -> None:
        path.write_text("trees")


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(
        DMatrix=lambda data, feature_names: data, Booster=lambda model_file: ("read", model_file)
    )
    monkeypatch.setitem(sys.modules, "xgboost", stand_in)


def attempts(namespace: dict[str, Any]) -> list[Any]:
    return list(XGBoost().attempts(Booster(), namespace))


def test_a_booster_has_one_export_with_its_columns_names() -> None:
    (attempt,) = attempts({"X": TABLE})
    assert (attempt.source, attempt.features) == ("found in X", ["length", "width"])
    assert [output.name for output in attempt.expected] == ["predict", "predict_proba"]


def test_its_own_format(tmp_path: Path) -> None:
    path, remark = XGBoost().native(Booster(), tmp_path, "trees", {})
    assert (path.name, path.read_text(), remark) == ("trees.ubj", "trees", "")


def test_a_file_is_read_as_a_booster() -> None:
    assert XGBoost().read(Path("trees.ubj")) == ("read", Path("trees.ubj"))
