"""Frames of pandas in HDF5: one data set of numbers where it can be, else column by column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from nebulab.harvest.codecs import REGISTRY, encode
from nebulab.harvest.codecs.base import Differs
from nebulab.harvest.codecs.frames import check_same
from support.round_trip import node_of, refusal, there_and_back


def test_numbers_are_one_data_set(tmp_path: Path) -> None:
    attributes, content = node_of(tmp_path, pd.DataFrame({"a": [1.5, 2], "b": [3, 4.5]}))
    assert list(attributes["columns"]) == ["a", "b"]
    assert content.tolist() == [[1.5, 3], [2, 4.5]]


def test_frames_in_a_dictionary_are_kept(tmp_path: Path) -> None:
    value = {"train": pd.DataFrame({"a": [1, 2]}), "test": [pd.Series([1.5], name="s")]}
    back = there_and_back(tmp_path, value)
    pd.testing.assert_frame_equal(back["train"], value["train"])
    pd.testing.assert_series_equal(back["test"][0], value["test"][0])


def test_a_column_without_a_form_is_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"fine": [1, 2], "spans": pd.arrays.IntervalArray.from_breaks([0, 1, 2])})
    assert "'spans'" in refusal(tmp_path, frame)


def test_a_series_of_numbers_keeps_its_frequency_out_of_it(tmp_path: Path) -> None:
    days = pd.Series([1, 2, 3], index=pd.date_range("2026-01-01", periods=3))
    assert there_and_back(tmp_path, days).index.tolist() == days.index.tolist()


@pytest.mark.parametrize(
    "other",
    [
        pd.DataFrame({"a": [1, 3], "b": ["x", None]}),
        pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "c": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[1, 2]),
    ],
)
def test_another_frame_is_found(tmp_path: Path, other: Any) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "x", pd.DataFrame({"a": [1, 2], "b": ["x", None]}))
        with pytest.raises(Differs):
            REGISTRY.check(node, other)


def test_objects_of_another_type_are_found() -> None:
    first = pd.DataFrame({"a": np.array([{"k": 1}, True], dtype=object)})
    with pytest.raises(AssertionError, match="'a'"):
        check_same(first, pd.DataFrame({"a": np.array([{"k": 1.0}, True], dtype=object)}))
    with pytest.raises(AssertionError, match="'a'"):
        check_same(first, pd.DataFrame({"a": np.array([{"k": 1}, 1], dtype=object)}))
