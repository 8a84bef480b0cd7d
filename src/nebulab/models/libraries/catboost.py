"""CatBoost's models as ONNX, through its own writer; runs in the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Output, Untrained
from nebulab.models.libraries import boosting
from nebulab.models.libraries.base import Library


class CatBoost(Library):
    """Boosted trees of CatBoost: its estimators, and the plain class that files are read as."""

    kind = package = "catboost"
    classes = (("catboost.core", "CatBoost"),)
    suffixes = (".cbm",)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the only export: 32-bit numbers in one table."""
        if not model.is_fitted():
            raise Untrained("it is not trained")
        if model.get_cat_feature_indices():
            raise CantExport("it was trained on categories, which ONNX has no form for")
        names = [str(name) for name in model.feature_names_]
        sample = boosting.table(model, namespace, len(names), names)
        rows = sample.arguments[0]
        yield boosting.attempt(
            _write,
            model,
            sample,
            boosting.numbers(rows),
            _outputs(model, rows),
            names,
            lambda: boosting.harder(lambda other: _outputs(model, other), rows, model.get_borders()),
        )

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the trees in CatBoost's own format."""
        path = folder / f"{name}.cbm"
        model.save_model(path)
        return path, ""

    def read(self, path: Path) -> Any:
        """Return a model of the plain class, also for a saved estimator."""
        import catboost

        return catboost.CatBoost().load_model(str(path))


def _outputs(model: Any, data: Any) -> list[Output]:
    """Return labels and probabilities, asked for by name: `predict` of the plain class returns raw values."""
    if not len(model.classes_):
        return [Output("predict", np.asarray(model.predict(data)))]
    labels = np.asarray(model.predict(data, prediction_type="Class"))
    return [
        Output("predict", labels.reshape(len(labels), -1).squeeze()),
        Output("predict_proba", np.asarray(model.predict(data, prediction_type="Probability"))),
    ]


def _write(model: Any, features: int, path: Path) -> None:
    model.save_model(str(path), format="onnx")
