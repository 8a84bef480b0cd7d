"""Arrays of Python objects and of StringDType in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.harvest.codecs import REGISTRY, encode
from nebulab.harvest.codecs.base import Differs
from support.round_trip import node_of, refusal


def test_texts_are_texts_for_other_readers(tmp_path: Path) -> None:
    _, content = node_of(tmp_path, np.array([["x"], ["y"]], dtype=object))
    assert content.tolist() == [[b"x"], [b"y"]]


def test_missing_texts_are_described(tmp_path: Path) -> None:
    dtype: Any = np.dtypes.StringDType
    assert "dtype" not in node_of(tmp_path, np.array(["a"], dtype=dtype()))[0]
    assert node_of(tmp_path, np.array(["a", None], dtype=dtype(na_object=None)))[0]["dtype"] == (
        '{"coerce": true, "na_object": null}'
    )
    assert "can't be described" in refusal(tmp_path, np.array(["a"], dtype=dtype(na_object=object())))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (["x", "y"], ["x", "z"]),
        ([1, "a"], [1.0, "a"]),
        ([b"1", None], [b"1", 0]),
        ([[1, "a"]], [1, "a"]),
    ],
)
def test_another_object_is_found(tmp_path: Path, value: list[Any], other: list[Any]) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "x", np.array(value, dtype=object))
        REGISTRY.check(node, np.array(value, dtype=object))
        with pytest.raises(Differs):
            REGISTRY.check(node, np.array(other, dtype=object))
