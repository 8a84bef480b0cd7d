"""scikit-learn's estimators without scikit-learn: in which forms a sample is tried, what is compared.

With scikit-learn itself: `inside/scikit.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nebulab.models.attempt import CantExport
from nebulab.models.libraries import scikit

TABLE = np.arange(6.0).reshape(3, 2)


def forms(data: Any) -> list[tuple[str, bool, bool]]:
    return [(form.precision, form.whole, form.one_table) for form in scikit._forms(data)]


def test_a_table_is_tried_with_32_bits_then_with_64() -> None:
    assert forms(TABLE) == [("float32", False, False), ("float64", False, False)]


def test_whole_numbers_are_tried_as_such_at_last() -> None:
    assert forms(TABLE.astype(int))[-1] == ("int64", True, False)


def test_a_frame_has_an_input_a_column_and_one_table_if_all_are_numbers() -> None:
    frame = pd.DataFrame(TABLE)
    assert forms(frame)[0] == ("float32", True, False)
    assert [form for form in forms(frame) if form[2]] == [("float32", True, True), ("float64", True, True)]
    assert not any(form[2] for form in forms(frame.assign(text="a")))


class Line:
    """An estimator, as far as one is needed."""

    def predict(self, rows: Any) -> Any:
        return np.asarray(rows).sum(axis=1)

    def decision_function(self, rows: Any) -> Any:
        return np.asarray(rows)[:, 0]

    def transform(self, rows: Any) -> np.ndarray:
        raise ValueError("not this model's")


def test_each_method_that_answers_is_compared() -> None:
    outputs = scikit.expected(Line(), TABLE)
    assert [output.name for output in outputs] == ["predict", "decision_function", "decision_function"]
    assert outputs[2].values.tolist() == [[0, 0], [-2, 2], [-4, 4]], "ONNX has a score of each class"


def test_the_answers_of_several_targets_are_one_array() -> None:
    class Several:
        def predict_proba(self, rows: Any) -> list[np.ndarray]:
            return [np.zeros((3, 2)), np.ones((3, 2))]

    (output,) = scikit.expected(Several(), TABLE)
    assert output.values.shape == (2, 3, 2)


def test_neighbours_are_compared_where_nothing_else_is() -> None:
    class Neighbours:
        def kneighbors(self, rows: Any) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((3, 1)), np.arange(3)[:, None]

    assert [output.is_label for output in scikit.expected(Neighbours(), TABLE)] == [True, False]


def test_a_model_whose_own_predict_fails_is_refused() -> None:
    class Broken:
        def predict(self, rows: Any) -> Any:
            raise RuntimeError("no\nmore")

    with pytest.raises(CantExport, match=r"its own predict fails on the sample: RuntimeError: no$"):
        scikit.expected(Broken(), TABLE)


def test_numbers_of_the_other_size_are_tried() -> None:
    class Picky:
        def predict(self, rows: Any) -> Any:
            if rows.dtype != np.float32:
                raise ValueError("32 bits, please")
            return rows.sum(axis=1)

    data, outputs = scikit._computed(Picky(), TABLE)
    assert data.dtype == np.float32
    assert len(outputs) == 1
