"""scikit-learn's estimators, pipelines and searches as ONNX, through skl2onnx; runs in the kernel."""

from __future__ import annotations

import contextlib
import importlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.errors import SettingsError
from nebulab.models.attempt import Attempt, CantExport, Harder, Output, Untrained, as_array, first_line
from nebulab.models.hard_rows import EXTREMES, MISSING, ROWS, THRESHOLDS, hard_rows
from nebulab.models.libraries.base import Library
from nebulab.models.samples import Sample, sample_of, with_columns

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
_RANDOM_ROWS = 64
_CHEAP_SECONDS = 0.2
"""Time for the sample's rows up to which thousands are tried."""
_SAFE = frozenset(
    {
        "numpy.dtype",
        "numpy.mean",
        "scipy.interpolate._bsplines.BSpline",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "sklearn.cluster._kmeans._kmeans_single_lloyd",
        "sklearn.cluster._kmeans._kmeans_single_elkan",
        *(f"scipy.sparse._{form}.{form}_{kind}" for form in ("csr", "csc", "coo") for kind in ("matrix", "array")),
        *(
            f"sklearn.feature_selection._univariate_selection.{test}"
            for test in ("f_classif", "f_regression", "f_oneway", "chi2", "r_regression")
        ),
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.metrics._classification.accuracy_score",
        "sklearn.metrics._classification.balanced_accuracy_score",
        "sklearn.metrics._regression.r2_score",
    }
)
"""Types, and functions that only compute with the arrays that they are given."""
_SAFE_CLASSES = (
    "sklearn._loss.",
    "sklearn.calibration.",
    "sklearn.cluster._bisect_k_means.",
    "sklearn.ensemble._hist_gradient_boosting.",
    "sklearn.gaussian_process.",
    "sklearn.metrics._dist_metrics.",
    "sklearn.metrics._scorer.",
    "sklearn.neighbors.",
    "sklearn.neural_network._stochastic_optimizers.",
    "sklearn.tree._tree.",
    "sklearn.utils._metadata_requests.",
)
"""Modules whose classes are parts of estimators; their functions are not meant."""
_NEVER_IMPORTED = frozenset({"conftest", "externals", "tests", "_testing", "datasets"})
_OTHER_SIZE = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.float32}


class ScikitLearn(Library):
    """Estimators, pipelines and searches of scikit-learn, and of packages with its interface."""

    kind, package = "sklearn", "scikit-learn"
    classes = (("sklearn.base", "BaseEstimator"),)
    suffixes = (".skops",)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the exports of a fitted estimator: with 32-bit numbers, then with 64-bit ones."""
        check_fitted(model)
        sample = find_sample(model, namespace)
        data = sample.arguments[0]
        data, original = _computed(model, data)
        if not original:
            raise CantExport("it has neither predict nor transform")
        for form in _forms(data):
            names, types, feeds = _inputs(data, form)
            yield Attempt(
                lambda path, types=types: _write(model, types, path),  # type: ignore[misc]
                feeds,
                original,
                sample.source,
                form.precision,
                features=names,
                harder=lambda form=form: harder(model, data, lambda rows: _inputs(rows, form)[2]),  # type: ignore[misc]
            )

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the estimator with skops, whose files run no code when they are read."""
        import skops.io

        path = folder / f"{name}.skops"
        skops.io.dump(model, path)
        unknown = skops.io.get_untrusted_types(file=path)
        return path, f"reading it needs trusted={unknown}" if unknown else ""

    def read(self, path: Path) -> Any:
        """Return an estimator that holds nothing but estimators, and parts of theirs that are known to run no code.

        Raises
        ------
        SettingsError
            It holds something else.
        """
        import skops.io

        unknown = skops.io.get_untrusted_types(file=path)
        foreign = [name for name in unknown if not is_safe(name)]
        if foreign:
            raise SettingsError(
                f"{path.name} holds what is not known to be safe, and might run code: {', '.join(foreign)}.",
                "If you know who made it, load it with skops yourself: skops.io.load(path, trusted=[…]).",
            )
        return skops.io.load(path, trusted=unknown)


def is_safe(name: str) -> bool:
    """Tell whether a `.skops` file may hold what is called `name`, beyond what skops itself takes for safe.

    Safe is a class of scikit-learn that is an estimator, and what `_SAFE` names. A function is safe by that list alone:
    an estimator calls it, and `numpy.testing.measure` runs any text as code.
    """
    if name in _SAFE or (name.startswith(_SAFE_CLASSES) and _is_class_of_scikit(name)):
        return True
    return _is_class_of_scikit(name, below_estimator=True)


def _is_class_of_scikit(name: str, *, below_estimator: bool = False) -> bool:
    module, _, attribute = name.rpartition(".")
    parts = module.split(".")
    if parts[0] != "sklearn" or _NEVER_IMPORTED.intersection(parts):
        return False
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    if not isinstance(found, type) or not found.__module__.startswith("sklearn."):
        return False
    if not below_estimator:
        return True
    from sklearn.base import BaseEstimator

    return issubclass(found, BaseEstimator)


@dataclass(frozen=True)
class _Form:
    """A form of the inputs: precision, whether integers are kept, one table or an input for each column."""

    precision: str = "float32"
    whole: bool = True
    one_table: bool = False


def _forms(data: Any) -> list[_Form]:
    """Return the forms to try: 32-bit numbers first, and for a data frame an input for each column."""
    if not hasattr(data, "columns"):
        forms = [_Form("float32", whole=False), _Form("float64", whole=False)]
        if getattr(data, "dtype", np.dtype(object)).kind in "biu":
            forms.append(_Form("int64"))  # encoders of labels take nothing else
        return forms
    forms = [_Form("float32"), _Form("float32", whole=False), _Form("float64", whole=False)]
    if all(np.asarray(data[name]).dtype.kind in "biuf" for name in data.columns):
        forms += [_Form("float32", one_table=True), _Form("float64", one_table=True)]
    return forms


def check_fitted(model: Any) -> None:
    """Raise unless the estimator was fitted.

    Raises
    ------
    Untrained
        It was not fitted.
    CantExport
        scikit-learn can't tell whether it was; or it is a classifier that knows one class.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise Untrained("it is not fitted") from error
    except TypeError as error:
        raise CantExport(str(error)) from error
    classes = getattr(model, "classes_", None)
    if hasattr(model, "predict") and isinstance(classes, np.ndarray) and classes.shape == (1,):
        # Converters write two classes: the file answers 1 for 0, and with a text ONNX Runtime ends the process.
        raise CantExport(f"it was trained on one class only, and always answers {classes[0]}")


def find_sample(model: Any, namespace: Mapping[str, Any]) -> Sample:
    """Return a sample: the estimator's own, else from the globals, else random if it takes plain numbers."""
    sample = sample_of(model)
    if sample is not None:
        if not sample.arguments:
            raise CantExport("its sample has no rows by position: call nebulab.sample(model, X)")
        return sample
    features = getattr(model, "n_features_in_", None)
    names = getattr(model, "feature_names_in_", None)
    if features is None and isinstance(model, _of_labels()):
        return Sample((np.resize(model.classes_, _RANDOM_ROWS),), "its own classes")
    if features is None:
        raise CantExport("nothing tells its input: call nebulab.sample(model, X) with a few rows")
    sample = with_columns(namespace, features, None if names is None else [str(name) for name in names])
    if sample is not None:
        return sample
    if names is not None:
        raise CantExport("it was fitted on a data frame that is gone: call nebulab.sample(model, frame)")
    random = np.random.default_rng(0).normal(size=(_RANDOM_ROWS, features))
    sample = Sample((random,), "made up")
    try:
        _computed(model, random)
    except Exception as error:
        raise CantExport("it does not take plain numbers: call nebulab.sample(model, X) with a few rows") from error
    return sample


def harder(model: Any, data: Any, feeds: Callable[[Any], list[np.ndarray]]) -> Iterator[Harder]:
    """Yield the hard rows that the estimator takes; `feeds` returns rows as the file's inputs."""
    yield from harder_rows(lambda rows: expected(model, rows), data, feeds, thresholds(model))


def harder_rows(
    ask: Callable[[Any], list[Output]],
    data: Any,
    feeds: Callable[[Any], list[np.ndarray]],
    splits: Mapping[int, Sequence[float]],
) -> Iterator[Harder]:
    """Yield the hard rows that a model of tables takes; those that it refuses are no matter of the file's.

    Parameters
    ----------
    ask
        Returns the model's outputs for rows.
    feeds
        Returns rows as the file's inputs.
    splits
        The values at which its trees split, by column.
    """
    start = time.monotonic()
    ask(data)
    cheap = time.monotonic() - start < _CHEAP_SECONDS
    # Where the last bit decides, and of what nothing was learned, a difference is told and refutes nothing.
    told = {THRESHOLDS, EXTREMES} | (set() if _has_missing(data) else {MISSING})
    for kind, rows in hard_rows(data, splits, ROWS if cheap else _RANDOM_ROWS):
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            yield Harder(kind, feeds(rows), ask(rows), adversarial=kind in told)


def _has_missing(data: Any) -> bool:
    values = np.asarray(data.select_dtypes("number") if hasattr(data, "select_dtypes") else data)
    return values.dtype.kind == "f" and bool(np.isnan(values).any())


def thresholds(model: Any) -> dict[int, list[float]]:
    """Return the values at which an estimator's trees split, by column; none if it has no trees of its own."""
    found: dict[int, list[float]] = {}
    members = [model, *np.ravel(getattr(model, "estimators_", []))]
    splits: list[tuple[Any, Any]] = []
    for tree in [member.tree_ for member in members if hasattr(member, "tree_")]:
        splits += zip(tree.feature, tree.threshold, strict=True)
    for predictor in np.ravel(getattr(model, "_predictors", [])):
        nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
        splits += zip(nodes["feature_idx"], nodes["num_threshold"], strict=True)
    for column, value in splits:
        if column >= 0 and np.isfinite(value):
            found.setdefault(int(column), []).append(float(value))
    return found


def _of_labels() -> tuple[Any, ...]:
    """Return the encoders of labels, whose `fit` is not decorated and leaves no sample."""
    from sklearn.preprocessing import LabelBinarizer, LabelEncoder

    return LabelEncoder, LabelBinarizer


def _computed(model: Any, data: Any) -> tuple[Any, list[Output]]:
    """Return the sample, in the precision that the estimator takes, and the outputs for it."""
    try:
        return data, expected(model, data)
    except CantExport:
        # Some estimators accept one precision only, which need not be that of the sample.
        if not (isinstance(data, np.ndarray) and data.dtype in _OTHER_SIZE):
            raise
        data = data.astype(_OTHER_SIZE[data.dtype])
        return data, expected(model, data)


def expected(model: Any, data: Any) -> list[Output]:
    """Return the outputs of the estimator's methods for the sample."""
    outputs = []
    for method in METHODS:
        if not hasattr(model, method):
            continue
        try:
            values = getattr(model, method)(data)
        except Exception as error:  # a method that is there, but not for this model
            if method == "predict":
                raise CantExport(f"its own predict fails on the sample: {first_line(error)}") from error
            continue
        if isinstance(values, list):
            values = np.stack([as_array(value) for value in values])
        values = as_array(values)
        outputs.append(Output(method, values))
        if method == "decision_function" and values.ndim == 1:
            # ONNX has a score for each of two classes.
            outputs.append(Output(method, np.stack([-values, values], axis=1)))
    if not outputs and hasattr(model, "kneighbors"):
        distances, rows = model.kneighbors(data)
        outputs += [Output("kneighbors", rows), Output("kneighbors", distances)]
    return outputs


def _inputs(data: Any, form: _Form) -> tuple[list[str], list[tuple[str, Any]], list[np.ndarray]]:
    """Return the columns' names, skl2onnx's input types, and the feeds for ONNX Runtime."""
    from skl2onnx.common import data_types

    precision = np.dtype(form.precision)
    floats = data_types.FloatTensorType if form.precision == "float32" else data_types.DoubleTensorType
    if hasattr(data, "columns") and form.one_table:
        table = np.asarray(data).astype(precision)
        return [str(name) for name in data.columns], [("input", floats([None, table.shape[1]]))], [table]
    if hasattr(data, "columns"):
        types, feeds = [], []
        for name in data.columns:
            column = np.asarray(data[name])
            kind: Any
            if column.dtype.kind == "f" or (column.dtype.kind in "iu" and not form.whole):
                kind, values = floats, column.astype(precision)
            elif column.dtype.kind in "iu":
                kind, values = data_types.Int64TensorType, column.astype(np.int64)
            elif column.dtype.kind == "b":
                kind, values = data_types.BooleanTensorType, column
            else:
                kind, values = data_types.StringTensorType, column.astype(str).astype(object)
            types.append((str(name), kind([None, 1])))
            feeds.append(values.reshape(-1, 1))
        return [], types, feeds
    values = np.asarray(data.toarray() if hasattr(data, "toarray") else data)
    if values.dtype.kind in "OUST":
        texts = values.astype(str).astype(object)
        shape = [None] if texts.ndim == 1 else [None, texts.shape[1]]
        return [], [("input", data_types.StringTensorType(shape))], [texts]
    kind = data_types.Int64TensorType if precision == np.int64 else floats
    return [], [("input", kind([None, *values.shape[1:]]))], [values.astype(precision)]


def _write(model: Any, types: list[tuple[str, Any]], path: Path) -> None:
    from skl2onnx import to_onnx

    from nebulab.models import converters

    converters.register()
    texts = converters.text_options()
    plain = {id(model): {"zipmap": False}} if hasattr(model, "classes_") else {}
    choices: list[dict[str, Any]] = [
        {"options": plain | texts},
        {"options": plain | texts, "target_opset": converters.OF_BOOSTING},
    ]
    if plain:
        choices.append({"options": texts})  # for a wrapper without options of its own
    for number, choice in enumerate(choices, start=1):
        try:
            onnx_model = to_onnx(model, initial_types=types, **choice)
            break
        except (NameError, ValueError, KeyError, RuntimeError):
            if number == len(choices):
                raise
    path.write_bytes(onnx_model.SerializeToString())
