"""scikit-learn's estimators: found, kept, refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler

from nebulab.errors import SettingsError
from nebulab.models import is_model, keep, load
from nebulab.models.attempt import CantExport, Untrained
from nebulab.models.files import read_model, verify
from nebulab.models.libraries import library_of
from nebulab.models.libraries.scikit import ScikitLearn, find_sample

TABLE = np.random.default_rng(0).normal(size=(60, 3))
LABEL = (TABLE[:, 0] > 0).astype(int)
LINE = LogisticRegression().fit(TABLE, LABEL)


def check_an_estimator_is_a_model(folder: Path) -> None:
    assert isinstance(library_of(LINE), ScikitLearn)
    assert is_model(make_pipeline(StandardScaler(), LogisticRegression()))
    assert not is_model(LogisticRegression), "the class itself"


def check_a_model_is_proven_and_its_card_tells_how(folder: Path) -> None:
    kept = keep("line", LINE, folder, {"X_test": TABLE, "test_accuracy": 0.9})
    assert kept.files == ["models/line.onnx", "cards/line.json", "cards/line.html", "cards/line.txt"]
    told = json.loads((folder / "cards/line.json").read_text())
    assert (told["kind"], told["verified"], told["metrics"]) == ("sklearn", True, {"test_accuracy": 0.9})
    assert list(told["versions"])[:2] == ["python", "scikit-learn"]
    assert told["proof"]["sample"] == "found in X_test"
    assert [path.name for path in (folder / "models").iterdir()] == ["line.onnx"], "nothing is left over"
    assert verify(folder / "models/line.onnx", None, None).proven


def check_what_is_not_fitted_is_not_kept(folder: Path) -> None:
    kept = keep("line", LogisticRegression(), folder)
    assert (kept.fate, kept.files, kept.reason) == ("not kept", [], "it is not fitted")
    try:
        list(ScikitLearn().attempts(LogisticRegression(), {}))
    except Untrained:
        return
    raise AssertionError("it was exported")


def check_labels_come_back_as_what_they_were(folder: Path) -> None:
    for labels in (LABEL.astype("u1"), LABEL.astype(float), LABEL.astype(bool), np.where(LABEL, "yes", "no"), LABEL):
        forest = RandomForestClassifier(3, random_state=0).fit(TABLE, labels)
        kept = keep("forest", forest, folder, {"X": TABLE})
        assert kept.fate == "model", kept.reason
        predicted = load(folder / kept.files[0]).predict(TABLE)
        assert predicted.dtype.kind == labels.dtype.kind
        assert predicted.dtype.itemsize == labels.dtype.itemsize
        assert np.array_equal(predicted, forest.predict(TABLE))


def check_a_classifier_of_one_class_is_told(folder: Path) -> None:
    """ONNX Runtime ends the whole process for a forest of one text."""
    for label in (0, "a"):
        kept = keep("forest", RandomForestClassifier(3).fit(TABLE, [label] * 60), folder)
        assert kept.fate == "native model"
        assert f"trained on one class only, and always answers {label}" in kept.reason


def check_a_frame_gives_an_input_a_column(folder: Path) -> None:
    frame = pd.DataFrame({"length": TABLE[:, 0], "kind": ["a", "b"] * 30})
    columns = make_column_transformer((StandardScaler(), ["length"]), (OneHotEncoder(), ["kind"]))
    kept = keep("pipe", make_pipeline(columns, LogisticRegression()).fit(frame, LABEL), folder, {"X": frame})
    assert kept.fate == "model", kept.reason
    told = json.loads((folder / "cards/pipe.json").read_text())
    assert {one["name"]: one["type"] for one in told["inputs"]} == {"length": "float", "kind": "string"}


def check_rows_are_made_up_where_none_are_at_hand(folder: Path) -> None:
    assert find_sample(LINE, {}).source == "made up"
    assert find_sample(LabelEncoder().fit(["a", "b"]), {}).source == "its own classes"


def check_a_frame_that_is_gone_is_asked_for(folder: Path) -> None:
    fitted = LogisticRegression().fit(pd.DataFrame(TABLE, columns=["a", "b", "c"]), LABEL)
    try:
        find_sample(fitted, {})
    except CantExport as error:
        assert not isinstance(error, Untrained)
        assert "nebulab.sample(model, frame)" in str(error)
        return
    raise AssertionError("a sample was found")


def check_what_has_no_converter_is_kept_in_its_own_format(folder: Path) -> None:
    from sklearn.cluster import SpectralClustering

    kept = keep("parts", SpectralClustering(2).fit(TABLE), folder)
    assert kept.fate == "native model"
    assert kept.files == ["native_models/parts.skops", "cards/parts.json", "cards/parts.html", "cards/parts.txt"]
    assert kept.reason.startswith("no ONNX: ")


def check_skops_is_read_back(folder: Path) -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(TABLE, LABEL)
    path, _ = ScikitLearn().native(forest, folder, "forest", {})
    assert np.array_equal(read_model(path).predict(TABLE), forest.predict(TABLE))


def check_skops_of_what_estimators_hold_is_read_back(folder: Path) -> None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_selection import SelectKBest
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    for number, model in enumerate(
        (
            CalibratedClassifierCV(LogisticRegression(), cv=2),
            HistGradientBoostingClassifier(max_iter=3),
            make_pipeline(SplineTransformer(), SelectKBest(k=2), LogisticRegression()),
            GaussianProcessClassifier(),
            KNeighborsClassifier(),
            MLPClassifier(max_iter=2),
        )
    ):
        path, _ = ScikitLearn().native(model.fit(TABLE, LABEL), folder, f"model {number}", {})
        assert np.array_equal(read_model(path).predict(TABLE), model.predict(TABLE)), model


def check_skops_that_runs_code_is_refused(folder: Path) -> None:
    """`measure` executes the text that it is given, and each of these is a function of a package one trusts."""
    import numpy.testing
    import scipy.optimize
    import sklearn.datasets
    import sklearn.utils
    from sklearn.preprocessing import FunctionTransformer

    for function in (
        numpy.testing.measure,
        np.fromfile,
        np.apply_along_axis,
        scipy.optimize.fmin,
        sklearn.datasets.load_svmlight_file,
        sklearn.utils.check_array,
    ):
        path, _ = ScikitLearn().native(FunctionTransformer(function), folder, function.__name__, {})
        try:
            read_model(path)
        except SettingsError as error:
            assert function.__name__ in str(error)
            assert "might run code" in str(error)
        else:
            raise AssertionError(f"{function} was read")


class Own(LogisticRegression):  # type: ignore[misc]
    """A class of the notebook's."""


def check_skops_of_a_class_of_somebodys_is_refused(folder: Path) -> None:
    path, remark = ScikitLearn().native(Own().fit(TABLE, LABEL), folder, "own", {})
    assert "Own" in remark
    try:
        read_model(path)
    except SettingsError as error:
        assert "not known to be safe" in str(error)
        return
    raise AssertionError("it was read")
