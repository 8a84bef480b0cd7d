"""Common parts of the libraries of boosted trees: 32-bit numbers in one table, no categories; runs in the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Harder, Output
from nebulab.models.libraries import scikit
from nebulab.models.samples import Sample, sample_of, with_columns

Write = Callable[[Any, int, Path], None]
"""Writes a model with that many columns to an ONNX file."""
Splits = Mapping[int, Sequence[float]]
"""The values at which trees split, by column."""


def attempt(  # noqa: PLR0913 - each is another thing
    write: Write,
    model: Any,
    sample: Sample,
    data: np.ndarray,
    expected: list[Output],
    names: list[str],
    harder: Callable[[], Iterable[Harder]] = tuple,
) -> Attempt:
    """Return the only export.

    Parameters
    ----------
    data
        The sample as numbers, of the shape (rows, columns).
    expected
        The model's outputs for the sample.
    names
        The columns' names, as far as the model knows them.
    harder
        Hard rows.
    """
    return Attempt(
        lambda path: write(model, data.shape[1], path),
        [data.astype(np.float32)],
        expected,
        sample.source,
        features=names if len(names) == data.shape[1] else (),
        harder=harder,
    )


def harder(ask: Callable[[Any], list[Output]], data: Any, splits: Splits) -> Iterator[Harder]:
    """Yield the hard rows that a booster takes, those at its splits among them."""
    yield from scikit.harder_rows(ask, data, lambda rows: [numbers(rows).astype(np.float32)], splits)


def splits_of(columns: Sequence[str], pairs: Iterable[tuple[Any, Any]]) -> Splits:
    """Return the values at which trees split by column, from pairs of a column's name and a value."""
    places = {name: place for place, name in enumerate(columns)}
    found: dict[int, list[float]] = {}
    for name, value in pairs:
        if name in places and isinstance(value, float) and np.isfinite(value):
            found.setdefault(places[name], []).append(value)
    return found


def of_estimator(write: Write, model: Any, namespace: Mapping[str, Any], splits: Callable[[], Splits]) -> Attempt:
    """Return the export of an estimator with scikit-learn's interface.

    Raises
    ------
    Untrained
        It is not fitted.
    CantExport
        Its inputs are not numbers, or there is no sample.
    """
    scikit.check_fitted(model)
    sample = scikit.find_sample(model, namespace)
    data = numbers(sample.arguments[0])
    outputs = scikit.expected(model, sample.arguments[0])
    expected = [output for output in outputs if output.name.startswith("predict")]
    names = getattr(model, "feature_names_in_", None)
    return attempt(
        write,
        model,
        sample,
        data,
        expected,
        [] if names is None else [str(name) for name in names],
        lambda: harder(lambda rows: scikit.expected(model, rows), sample.arguments[0], splits()),
    )


def is_booster(model: Any) -> bool:
    """Whether this is a booster, as a library's own `train` returns it, and no estimator."""
    return type(model).__name__ == "Booster"


def table(model: Any, namespace: Mapping[str, Any], features: int, names: list[str]) -> Sample:
    """Return a sample: the model's own, else from a table with these columns, else random numbers."""
    sample = sample_of(model) or (with_columns(namespace, features, names) if names else None)
    sample = sample or with_columns(namespace, features, None)
    return sample or Sample((np.random.default_rng(0).normal(size=(64, features)),), "made up")


def numbers(data: Any) -> np.ndarray:
    """Return a table as 64-bit numbers.

    Raises
    ------
    CantExport
        The table holds texts, or categories, which the converters drop silently.
    """
    if hasattr(data, "dtypes") and any(str(dtype) == "category" for dtype in data.dtypes):
        raise CantExport("it was trained on categories, which the converters to ONNX would drop")
    try:
        return np.asarray(data.toarray() if hasattr(data, "toarray") else data, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CantExport("it takes other things than numbers") from error


def booster_outputs(values: np.ndarray, objective: str) -> list[Output]:
    """Return a booster's predictions as the file's labels and probabilities, which ONNX has for both of two classes."""
    if "binary" in objective:
        values = np.stack([1 - values, values], axis=1)
    if values.ndim == 2 and values.shape[1] > 1:
        return [Output("predict", values.argmax(axis=1)), Output("predict_proba", values)]
    return [Output("predict", values)]
