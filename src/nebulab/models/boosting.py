"""XGBoost's, LightGBM's and CatBoost's models as ONNX, through onnxmltools and CatBoost's own writer; runs in the
kernel."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models import scikit
from nebulab.models.attempt import Attempt, CantExport, Output
from nebulab.models.samples import Sample, known, with_columns


def attempts(kind: str, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    """Yield the one export that there is for a trained model: 32-bit numbers in one table.

    Raises
    ------
    CantExport
        It is not trained, or has categorical columns, which the converters drop silently.
    """
    write = {"xgboost": _write_xgboost, "lightgbm": _write_lightgbm, "catboost": _write_catboost}[kind]
    if _is_booster(model):
        names = list(model.feature_names or []) if kind == "xgboost" else list(model.feature_name())
        features = model.num_features() if kind == "xgboost" else model.num_feature()
        sample = known(model) or _table(namespace, features, names)
        data = _numbers(sample.arguments[0])
        expected = _booster_outputs(kind, model, data)
    else:
        if kind != "catboost":
            scikit.check_fitted(model)
        elif not model.is_fitted():
            raise CantExport("it is not trained")
        elif model.get_cat_feature_indices():
            raise CantExport("it was trained on categories, which ONNX has no form for")
        sample = known(model) or _estimator_sample(kind, model, namespace)
        data = _numbers(sample.arguments[0])
        if kind == "catboost":
            expected = _catboost_outputs(model, sample.arguments[0])
        else:
            expected = [one for one in scikit.expected(model, sample.arguments[0]) if one.name.startswith("predict")]
        names = [str(name) for name in _names_of(model)]
    yield Attempt(
        lambda path: write(model, data.shape[1], path),
        [data.astype(np.float32)],
        expected,
        sample.source,
        features=names if len(names) == data.shape[1] else (),
    )


def native(kind: str, model: Any, folder: Path, name: str) -> tuple[Path, str]:
    """Write the model in its library's own format."""
    suffix = {"xgboost": "ubj", "lightgbm": "txt", "catboost": "cbm"}[kind]
    path = folder / f"{name}.{suffix}"
    (model.booster_ if hasattr(model, "booster_") else model).save_model(path)
    return path, ""


def _is_booster(model: Any) -> bool:
    return type(model).__name__ == "Booster"


def _names_of(model: Any) -> list[str]:
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = getattr(model, "feature_names_", None)
    return [] if names is None else list(names)


def _estimator_sample(kind: str, model: Any, namespace: Mapping[str, Any]) -> Sample:
    if kind == "catboost":
        return _table(namespace, len(model.feature_names_), list(model.feature_names_))
    return scikit.find_sample(model, namespace)


def _table(namespace: Mapping[str, Any], features: int, names: list[str]) -> Sample:
    found = with_columns(namespace, features, names) if names else None
    found = found or with_columns(namespace, features, None)
    return found or Sample((np.random.default_rng(0).normal(size=(64, features)),), "made up")


def _numbers(data: Any) -> np.ndarray:
    if hasattr(data, "dtypes") and any(str(dtype) == "category" for dtype in data.dtypes):
        raise CantExport("it was trained on categories, which the converters to ONNX would drop")
    try:
        return np.asarray(data.toarray() if hasattr(data, "toarray") else data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CantExport("it takes other things than numbers") from error


def _catboost_outputs(model: Any, data: Any) -> list[Output]:
    """Ask for labels and probabilities by name: the plain class, which files are read as, gives raw values."""
    if not len(model.classes_):
        return [Output("predict", np.asarray(model.predict(data)))]
    labels = np.asarray(model.predict(data, prediction_type="Class"))
    return [
        Output("predict", labels.reshape(len(labels), -1).squeeze()),
        Output("predict_proba", np.asarray(model.predict(data, prediction_type="Probability"))),
    ]


def _booster_outputs(kind: str, model: Any, data: np.ndarray) -> list[Output]:
    if kind == "lightgbm":
        values = np.asarray(model.predict(data))
        objective = str(model.params.get("objective", ""))
    else:
        import json

        import xgboost

        values = np.asarray(model.predict(xgboost.DMatrix(data, feature_names=model.feature_names)))
        objective = json.loads(model.save_config())["learner"]["objective"]["name"]
    if "binary" in objective:
        values = np.stack([1 - values, values], axis=1)
    if values.ndim == 2 and values.shape[1] > 1:
        return [Output("predict", values.argmax(axis=1)), Output("predict_proba", values)]
    return [Output("predict", values)]


def _write_xgboost(model: Any, features: int, path: Path) -> None:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    # The converter knows columns by number only.
    plain = copy.deepcopy(model)
    booster = plain if _is_booster(plain) else plain.get_booster()
    booster.feature_names = [f"f{column}" for column in range(features)]
    made = convert_xgboost(plain, initial_types=[("input", FloatTensorType([None, features]))])
    path.write_bytes(made.SerializeToString())


def _write_lightgbm(model: Any, features: int, path: Path) -> None:
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("input", FloatTensorType([None, features]))]
    path.write_bytes(convert_lightgbm(model, initial_types=types, zipmap=False).SerializeToString())


def _write_catboost(model: Any, features: int, path: Path) -> None:
    model.save_model(str(path), format="onnx")
