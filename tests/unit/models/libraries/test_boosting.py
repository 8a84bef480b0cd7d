"""What the libraries of boosted trees share: tables of numbers, rows to try, labels out of probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nebulab.models import sample
from nebulab.models.attempt import CantExport, Output, Untrained
from nebulab.models.hard_rows import EXTREMES, MISSING, NEW, THRESHOLDS, ZEROS
from nebulab.models.libraries import boosting
from nebulab.models.samples import Sample

TABLE = np.arange(12.0).reshape(4, 3)


class Booster:
    pass


def test_a_booster_is_known_by_its_name() -> None:
    assert boosting.is_booster(Booster())
    assert not boosting.is_booster(object())


@pytest.mark.parametrize(
    "data", [TABLE, TABLE.astype(int), pd.DataFrame(TABLE), scipy.sparse.csr_matrix(TABLE), TABLE.tolist()]
)
def test_numbers_are_64_bits(data: Any) -> None:
    numbers = boosting.numbers(data)
    assert numbers.dtype == np.float64
    assert numbers.tolist() == TABLE.tolist()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pd.DataFrame({"a": pd.Categorical(["x", "y"])}), "categories"),
        (np.array([["x"], ["y"]]), "other things than numbers"),
        ([["x"], [None]], "other things than numbers"),
    ],
)
def test_what_are_no_numbers_is_refused(data: Any, reason: str) -> None:
    with pytest.raises(CantExport, match=reason) as refused:
        boosting.numbers(data)
    assert not isinstance(refused.value, Untrained), "it is kept in its own format"


def test_rows_to_try() -> None:
    model, frame = Booster(), pd.DataFrame(TABLE, columns=["a", "b", "c"])
    around = {"X": TABLE, "frame": frame}
    assert boosting.table(model, around, 3, ["a", "b", "c"]).source == "found in frame"
    assert boosting.table(model, around, 3, []).source == "found in X"
    assert boosting.table(model, around, 3, ["other"]).source == "found in X"
    made_up = boosting.table(model, {}, 3, [])
    assert (made_up.source, made_up.arguments[0].shape) == ("made up", (64, 3))
    sample(model, TABLE[:2])
    assert boosting.table(model, around, 3, []).source == "given by the user"


@pytest.mark.parametrize(
    ("values", "objective", "labels", "probabilities"),
    [
        ([0.25, 0.75], "binary:logistic", [0, 1], [[0.75, 0.25], [0.25, 0.75]]),
        ([[0.2, 0.5, 0.3]], "multi:softprob", [1], [[0.2, 0.5, 0.3]]),
    ],
)
def test_labels_and_probabilities(values: Any, objective: str, labels: list[int], probabilities: Any) -> None:
    label, probability = boosting.booster_outputs(np.array(values), objective)
    assert (label.name, label.values.tolist()) == ("predict", labels)
    assert (probability.name, probability.values.tolist()) == ("predict_proba", probabilities)


def test_a_regression_has_one_output() -> None:
    (output,) = boosting.booster_outputs(np.array([1.5, 2.5]), "reg:squarederror")
    assert (output.name, output.values.tolist()) == ("predict", [1.5, 2.5])


@pytest.mark.parametrize(("names", "kept"), [(["a", "b", "c"], ["a", "b", "c"]), ([], []), (["a"], [])])
def test_the_export_is_32_bits_in_one_table(tmp_path: Path, names: list[str], kept: list[str]) -> None:
    written: list[Any] = []
    expected = [Output("predict", np.zeros(4))]
    attempt = boosting.attempt(
        lambda *given: written.extend(given), "model", Sample((), "made up"), TABLE, expected, names
    )
    assert [feed.dtype for feed in attempt.feeds] == [np.float32]
    assert (attempt.precision, attempt.fixed_batch, list(attempt.features)) == ("float32", False, kept)
    attempt.write(tmp_path)
    assert written == ["model", 3, tmp_path]


def test_splits_are_by_column() -> None:
    pairs = [("b", 0.5), ("a", 1.5), ("b", 2.5), ("Leaf", float("nan")), ("a", float("inf")), ("a", "1||2")]
    assert boosting.splits_of(["a", "b"], pairs) == {1: [0.5, 2.5], 0: [1.5]}


def test_a_booster_is_tried_on_hard_rows() -> None:
    table = np.random.default_rng(0).normal(size=(64, 2))
    found = list(boosting.harder(lambda rows: [Output("predict", rows[:, 0])], table, {0: [0.25]}))
    assert [each.kind for each in found] == [NEW, ZEROS, EXTREMES, MISSING, THRESHOLDS]
    assert [each.adversarial for each in found] == [False, False, True, True, True]
    for each in found:
        assert each.feeds[0].dtype == np.float32
        assert np.array_equal(each.feeds[0][:, 0], each.expected[0].values, equal_nan=True)
