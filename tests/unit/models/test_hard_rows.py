"""Rows on which converters go wrong, made from a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nebulab.models.hard_rows import (
    EMPTY,
    EQUAL,
    EXTREMES,
    MISSING,
    NEW,
    OPPOSITE,
    THRESHOLDS,
    UNSEEN,
    WORDS,
    ZEROS,
    hard_inputs,
    hard_rows,
)

TABLE = np.random.default_rng(0).normal(size=(64, 2))


def test_each_kind_is_what_it_is_called() -> None:
    made = dict(hard_rows(TABLE, {1: [0.25]}, rows=500))
    assert list(made) == [NEW, ZEROS, EXTREMES, MISSING, THRESHOLDS]
    assert made[NEW].shape == (500, 2)
    assert len(np.setdiff1d(made[NEW], TABLE.astype(np.float32))) > 100, "values between those of the sample"
    assert (made[ZEROS] == 0).any(axis=1).all()
    assert (np.abs(made[EXTREMES]) > 9 * np.abs(TABLE).max(axis=0)).any(axis=1).all()
    assert np.isnan(made[MISSING]).any(axis=1).all()
    around = np.float32(0.25)
    beside = [np.nextafter(around, np.float32(side)) for side in (-np.inf, np.inf)]
    assert set(np.unique(made[THRESHOLDS][:, 1])) == {around, *beside}


def test_numbers_are_exact_in_32_bits_and_of_the_samples_type() -> None:
    for _, rows in hard_rows(TABLE):
        assert rows.dtype == np.float64
        assert np.array_equal(rows, rows.astype(np.float32), equal_nan=True)


def test_a_frame_keeps_its_columns_and_has_words_never_seen() -> None:
    frame = pd.DataFrame({"x": TABLE[:, 0], "count": range(64), "word": list("abcd") * 16})
    made = dict(hard_rows(frame))
    assert list(made) == [NEW, ZEROS, EXTREMES, MISSING, WORDS]
    for rows in made.values():
        assert list(rows.columns) == ["x", "count", "word"]
        assert rows["count"].dtype == frame["count"].dtype
    assert (made[WORDS]["word"] == UNSEEN).all()


@pytest.mark.parametrize("data", [["a text"], np.zeros(3), np.zeros((0, 2))])
def test_of_anything_else_there_are_none(data: Any) -> None:
    assert list(hard_rows(data)) == []


def test_a_networks_hard_rows_have_the_samples_shapes() -> None:
    images = np.random.default_rng(0).normal(size=(8, 4, 4)).astype(np.float32)
    words: Any = np.ones((8, 3), int)
    made = dict(hard_inputs([images, words]))
    assert list(made) == [EMPTY, OPPOSITE, EQUAL, EXTREMES, MISSING]
    for first, second in made.values():
        assert (first.shape, first.dtype) == (images.shape, images.dtype)
        assert second is words
    assert not made[EMPTY][0].any()
    assert (made[OPPOSITE][0] == -images).all()
    assert (made[EQUAL][0] == made[EQUAL][0][..., :1]).all()
    assert (made[EXTREMES][0] == images * 10).all()
    assert np.isnan(made[MISSING][0]).any(axis=(1, 2)).all()
    assert list(hard_inputs([words])) == [], "of whole numbers there are none"
