"""LightGBM's boosters and estimators as ONNX, through onnxmltools; runs in the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, Output
from nebulab.models.libraries import boosting
from nebulab.models.libraries.base import Library


class LightGBM(Library):
    """Boosted trees of LightGBM; in a scikit-learn pipeline they are scikit-learn's."""

    kind = package = "lightgbm"
    classes = (("lightgbm.basic", "Booster"), ("lightgbm.sklearn", "LGBMModel"))
    suffixes = (".txt",)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the only export: 32-bit numbers in one table."""
        if not boosting.is_booster(model):
            yield boosting.of_estimator(_write, model, namespace, lambda: _splits(model.booster_))
            return
        names = list(model.feature_name())
        sample = boosting.table(model, namespace, model.num_feature(), names)
        data = boosting.numbers(sample.arguments[0])

        def ask(rows: np.ndarray) -> list[Output]:
            return boosting.booster_outputs(np.asarray(model.predict(rows)), str(model.params.get("objective", "")))

        yield boosting.attempt(
            _write, model, sample, data, ask(data), names, lambda: boosting.harder(ask, data, _splits(model))
        )

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the trees as LightGBM's text."""
        path = folder / f"{name}.txt"
        (model if boosting.is_booster(model) else model.booster_).save_model(path)
        return path, ""

    def read(self, path: Path) -> Any:
        """Return a booster, also for a saved estimator."""
        import lightgbm

        return lightgbm.Booster(model_file=str(path))


def _splits(booster: Any) -> boosting.Splits:
    nodes = booster.trees_to_dataframe()
    numbers = nodes[nodes["decision_type"] == "<="]
    return boosting.splits_of(booster.feature_name(), zip(numbers["split_feature"], numbers["threshold"], strict=True))


def _write(model: Any, features: int, path: Path) -> None:
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, features]))]
    path.write_bytes(convert_lightgbm(model, initial_types=types, zipmap=False).SerializeToString())
