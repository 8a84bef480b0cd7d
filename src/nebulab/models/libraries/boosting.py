"""What the libraries of boosted trees have in common: 32-bit numbers in one table, and no categories; runs in the
kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Output
from nebulab.models.libraries import scikit
from nebulab.models.samples import Sample, known, with_columns

Write = Callable[[Any, int, Path], None]
"""Writes a model with so many columns to an ONNX file."""


def attempt(
    write: Write, model: Any, sample: Sample, data: np.ndarray, expected: list[Output], names: list[str]
) -> Attempt:
    """Return the one export that there is.

    Parameters
    ----------
    data
        The sample as numbers, of the shape (rows, columns).
    expected
        What the model computed on the sample.
    names
        The columns' names, as far as the model knows them.
    """
    return Attempt(
        lambda path: write(model, data.shape[1], path),
        [data.astype(np.float32)],
        expected,
        sample.source,
        features=names if len(names) == data.shape[1] else (),
    )


def of_estimator(write: Write, model: Any, namespace: Mapping[str, Any]) -> Attempt:
    """Return the export of an estimator that scikit-learn's tools take too.

    Raises
    ------
    Untrained
        It is not fitted.
    CantExport
        It takes other things than numbers, or nothing tells its input.
    """
    scikit.check_fitted(model)
    sample = scikit.find_sample(model, namespace)
    data = numbers(sample.arguments[0])
    expected = [one for one in scikit.expected(model, sample.arguments[0]) if one.name.startswith("predict")]
    names = getattr(model, "feature_names_in_", None)
    return attempt(write, model, sample, data, expected, [] if names is None else [str(name) for name in names])


def is_booster(model: Any) -> bool:
    """Whether this is what a library's own `train` returns, and no estimator."""
    return type(model).__name__ == "Booster"


def table(model: Any, namespace: Mapping[str, Any], features: int, names: list[str]) -> Sample:
    """Return rows to try a model on: known ones, else a table of these columns, else random numbers."""
    sample = known(model) or (with_columns(namespace, features, names) if names else None)
    sample = sample or with_columns(namespace, features, None)
    return sample or Sample((np.random.default_rng(0).normal(size=(64, features)),), "made up")


def numbers(data: Any) -> np.ndarray:
    """Return a table as 64-bit numbers.

    Raises
    ------
    CantExport
        It holds categories, which the converters drop silently, or texts.
    """
    if hasattr(data, "dtypes") and any(str(dtype) == "category" for dtype in data.dtypes):
        raise CantExport("it was trained on categories, which the converters to ONNX would drop")
    try:
        return np.asarray(data.toarray() if hasattr(data, "toarray") else data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CantExport("it takes other things than numbers") from error


def booster_outputs(values: np.ndarray, objective: str) -> list[Output]:
    """Return what a booster predicted, as the file's labels and probabilities: ONNX has both of two classes."""
    if "binary" in objective:
        values = np.stack([1 - values, values], axis=1)
    if values.ndim == 2 and values.shape[1] > 1:
        return [Output("predict", values.argmax(axis=1)), Output("predict_proba", values)]
    return [Output("predict", values)]
