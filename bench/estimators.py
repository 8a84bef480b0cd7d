"""Estimators: how many of scikit-learn's are exported and proven; runs itself in the kernels' environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.table import Row


def measure(environments: Path, checkout: Path) -> list[Row]:
    """Export all estimators; the goal is that each one which skl2onnx has a converter for is proven."""
    finished = subprocess.run(
        [str(environments / "kernels" / "bin" / "python"), __file__],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(checkout / "src"), str(checkout)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, Any]] = json.loads(finished.stdout.splitlines()[-1])
    counts = Counter(one["fate"] for one in found.values())
    for name, one in sorted(found.items(), key=lambda item: (item[1]["fate"], item[0])):
        print(f"{one['fate']:13} {name:32} {one['reason'][:110]}", file=sys.stderr)
    known = [one for one in found.values() if one["converter"]]
    proven = sum(one["fate"] == "model" for one in known)
    return [
        Row.at_least("estimators with a converter: proven", proven, len(known), "", "with a converter", goal=1.0),
        Row.figure(f"of {len(found)} estimators: kept natively", counts["native model"], "", goal=len(found)),
        Row.figure(f"of {len(found)} estimators: failed", counts["not kept"], "", goal=0),
    ]


def _inside() -> None:
    """Fit, export and prove every estimator; print the fate of each as JSON."""
    import tempfile
    import warnings

    from skl2onnx._supported_operators import sklearn_operator_name_map
    from sklearn.utils import all_estimators

    from nebulab.models import keep, sample, samples

    warnings.simplefilter("ignore")
    samples.watch()
    table, label = _table()
    others = _others(table, label)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, cls in all_estimators():
            data: Any = table
            if name in others:
                make, data = others[name]
                fitted = make(cls)
            else:
                fitted = _fitted(cls, table, label)
            converter = cls in sklearn_operator_name_map
            if fitted is None:
                if converter:
                    found[name] = {"fate": "not fitted", "reason": "the bench has no data for it", "converter": True}
                continue
            if data is not table:
                sample(fitted, data)
            kept = keep(name, fitted, Path(folder), {"X_train": table})
            found[name] = {"fate": kept.fate, "reason": kept.reason, "converter": converter}
    print(json.dumps(found))


def _table() -> tuple[Any, Any]:
    """Return 60 rows of positive numbers, and two classes that two of the columns tell apart."""
    import numpy as np

    table = np.abs(np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    whole = table[:, 0] + table[:, 1]
    return table, (whole > np.median(whole)).astype(int)


def _fitted(cls: Any, table: Any, label: Any) -> Any:
    """Return an estimator fitted with its default settings, or None for one that needs other data or estimators."""
    import numpy as np

    for target in (label, table[:, 1], np.c_[label, 1 - label], None):
        try:
            return cls().fit(table) if target is None else cls().fit(table, target)
        except Exception:  # noqa: BLE001 - scikit-learn's estimators raise whatever they meet
            continue
    return None


def _others(table: Any, label: Any) -> dict[str, tuple[Callable[[Any], Any], Any]]:
    """Return how to make the estimators that need other data, other settings or an estimator, and rows to try each."""
    import numpy as np
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    random = np.random.default_rng(0)
    value = table @ np.arange(5)
    both, values = np.c_[label, 1 - label], np.c_[value, -value]
    kinds = random.integers(0, 4, (60, 3))
    similar = table @ table.T
    texts = ["a cat and a dog", "the dog barks", "Über den Wolken", "cats, dogs and birds"] * 15
    counts = [{"cat": 1.0, "dog": 2.0}, {"dog": 1.0}] * 30
    words = np.array([["cat", "dog"], ["bird", "cat"]] * 30)
    classify, regress = LogisticRegression(), LinearRegression()
    classifiers = [("line", LogisticRegression()), ("bayes", GaussianNB())]
    regressors = [("line", LinearRegression()), ("same", LinearRegression(positive=True))]
    scalers = [("one", StandardScaler()), ("two", MinMaxScaler())]
    return {
        "ClassifierChain": (lambda cls: cls(classify).fit(table, both), table),
        "ColumnTransformer": (lambda cls: cls([("a", StandardScaler(), [0, 1]), ("b", "drop", [2])]).fit(table), table),
        "CountVectorizer": (lambda cls: cls().fit(texts), texts),
        "DictVectorizer": (lambda cls: cls().fit(counts), counts),
        "FeatureHasher": (lambda cls: cls(16, input_type="string").fit(words), words),
        "FeatureUnion": (lambda cls: cls(scalers).fit(table), table),
        "FixedThresholdClassifier": (lambda cls: cls(classify).fit(table, label), table),
        "FrozenEstimator": (lambda cls: cls(LogisticRegression().fit(table, label)), table),
        "GaussianRandomProjection": (lambda cls: cls(2, random_state=0).fit(table), table),
        "GridSearchCV": (lambda cls: cls(classify, {"C": [1, 2]}).fit(table, label), table),
        "HashingVectorizer": (lambda cls: cls(n_features=16).fit(texts), texts),
        "IsotonicRegression": (lambda cls: cls().fit(table[:, 0], value), table[:, 0]),
        "KernelCenterer": (lambda cls: cls().fit(similar), similar),
        "LabelBinarizer": (lambda cls: cls().fit(kinds[:, 0]), kinds[:, 0]),
        "LabelEncoder": (lambda cls: cls().fit(kinds[:, 0]), kinds[:, 0]),
        # Otherwise it has no answer for other rows than its own.
        "LocalOutlierFactor": (lambda cls: cls(novelty=True).fit(table), table),
        "MultiOutputClassifier": (lambda cls: cls(classify).fit(table, both), table),
        "MultiOutputRegressor": (lambda cls: cls(regress).fit(table, values), table),
        "OneHotEncoder": (lambda cls: cls().fit(kinds), kinds),
        "OneVsOneClassifier": (lambda cls: cls(classify).fit(table, kinds[:, 0]), table),
        "OneVsRestClassifier": (lambda cls: cls(classify).fit(table, kinds[:, 0]), table),
        "OutputCodeClassifier": (lambda cls: cls(classify, random_state=0).fit(table, kinds[:, 0]), table),
        "Pipeline": (lambda cls: cls([("scale", StandardScaler()), ("line", classify)]).fit(table, label), table),
        "RFE": (lambda cls: cls(classify).fit(table, label), table),
        "RFECV": (lambda cls: cls(classify).fit(table, label), table),
        "RandomizedSearchCV": (lambda cls: cls(classify, {"C": [1, 2]}, n_iter=2).fit(table, label), table),
        "RegressorChain": (lambda cls: cls(regress).fit(table, values), table),
        "SelectFromModel": (lambda cls: cls(classify).fit(table, label), table),
        "SelfTrainingClassifier": (lambda cls: cls(classify).fit(table, np.where(label, 1, -label)), table),
        "SequentialFeatureSelector": (lambda cls: cls(regress).fit(table, value), table),
        "SparseCoder": (lambda cls: cls(np.eye(5)), table),
        "SparseRandomProjection": (lambda cls: cls(2, random_state=0).fit(table), table),
        "StackingClassifier": (lambda cls: cls(classifiers).fit(table, label), table),
        "StackingRegressor": (lambda cls: cls(regressors).fit(table, value), table),
        "TfidfVectorizer": (lambda cls: cls().fit(texts), texts),
        "TunedThresholdClassifierCV": (lambda cls: cls(classify).fit(table, label), table),
        "VotingClassifier": (lambda cls: cls(classifiers).fit(table, label), table),
        "VotingRegressor": (lambda cls: cls(regressors).fit(table, value), table),
    }


if __name__ == "__main__":
    _inside()
