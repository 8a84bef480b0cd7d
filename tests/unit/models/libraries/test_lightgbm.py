"""LightGBM's boosters, with a stand-in for the library."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models.libraries.lightgbm import LightGBM

TABLE = np.arange(8.0).reshape(4, 2)


class Booster:
    params = {"objective": "regression"}  # noqa: RUF012 - as LightGBM's

    def feature_name(self) -> list[str]:
        return ["length", "width"]

    def num_feature(self) -> int:
        return 2

    def predict(self, data: np.ndarray) -> Any:
        return data.sum(axis=1)

    def save_model(self, path: Path) -> None:
        path.write_text("trees")


class Estimator:
    booster_ = Booster()


def test_a_booster_has_one_export_with_its_columns_names() -> None:
    (attempt,) = LightGBM().attempts(Booster(), {"X": TABLE})
    assert (attempt.source, attempt.features) == ("found in X", ["length", "width"])
    assert [output.values.tolist() for output in attempt.expected] == [TABLE.sum(axis=1).tolist()]


@pytest.mark.parametrize("model", [Booster(), Estimator()])
def test_its_own_format(tmp_path: Path, model: object) -> None:
    path, remark = LightGBM().native(model, tmp_path, "trees", {})
    assert (path.name, path.read_text(), remark) == ("trees.txt", "trees", "")


def test_a_file_is_read_as_a_booster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", SimpleNamespace(Booster=lambda model_file: ("read", model_file)))
    assert LightGBM().read(Path("trees.txt")) == ("read", "trees.txt")
