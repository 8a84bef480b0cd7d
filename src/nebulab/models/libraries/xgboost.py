"""XGBoost's boosters and estimators as ONNX, through onnxmltools; runs in the kernel."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, Output
from nebulab.models.libraries import boosting
from nebulab.models.libraries.base import Library


class XGBoost(Library):
    """Boosted trees of XGBoost; in a scikit-learn pipeline they are scikit-learn's."""

    kind = package = "xgboost"
    classes = (("xgboost.core", "Booster"), ("xgboost.sklearn", "XGBModel"))
    suffixes = (".ubj", ".json")

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the only export: 32-bit numbers in one table."""
        if not boosting.is_booster(model):
            yield boosting.of_estimator(_write, model, namespace, lambda: _splits(model.get_booster()))
            return
        names = list(model.feature_names or [])
        sample = boosting.table(model, namespace, model.num_features(), names)
        data = boosting.numbers(sample.arguments[0])
        yield boosting.attempt(
            _write,
            model,
            sample,
            data,
            _outputs(model, data),
            names,
            lambda: boosting.harder(lambda rows: _outputs(model, rows), data, _splits(model)),
        )

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the trees as UBJSON."""
        path = folder / f"{name}.ubj"
        model.save_model(path)
        return path, ""

    def read(self, path: Path) -> Any:
        """Return a booster, also for a saved estimator."""
        import xgboost

        return xgboost.Booster(model_file=path)


def _outputs(model: Any, data: np.ndarray) -> list[Output]:
    import xgboost

    values = np.asarray(model.predict(xgboost.DMatrix(data, feature_names=model.feature_names)))
    return boosting.booster_outputs(values, json.loads(model.save_config())["learner"]["objective"]["name"])


def _splits(booster: Any) -> boosting.Splits:
    with contextlib.suppress(Exception):  # a linear booster has no trees
        nodes = booster.trees_to_dataframe()
        columns = booster.feature_names or [f"f{column}" for column in range(booster.num_features())]
        return boosting.splits_of(columns, zip(nodes["Feature"], nodes["Split"], strict=True))
    return {}


def _write(model: Any, features: int, path: Path) -> None:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    # The converter takes columns by number only.
    plain = copy.deepcopy(model)
    booster = plain if boosting.is_booster(plain) else plain.get_booster()
    booster.feature_names = [f"f{column}" for column in range(features)]
    onnx_model = convert_xgboost(plain, initial_types=[("input", FloatTensorType([None, features]))])
    path.write_bytes(onnx_model.SerializeToString())
