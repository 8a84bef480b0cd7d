"""Lists, tuples, sets and dictionaries: the plainest form that loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.harvest.codecs import REGISTRY, encode
from nebulab.harvest.codecs.base import Differs
from support.round_trip import node_of, refusal


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ([1, 2, 3], [1, 2, 3]),
        ([[1.5, 2], [3, 4]], b"[[1.5, 2], [3, 4]]"),
        ([[1.5, 2.5], [3.5, 4.5]], [[1.5, 2.5], [3.5, 4.5]]),
        (["a", "b"], [b"a", b"b"]),
        ([1, None], b"[1, null]"),
        ([b"x", None], ["0", "1"]),
        ({"a": [1]}, b'{"a": [1]}'),
        ({1: "a"}, ["keys", "values"]),
        ({3, 1, 2}, ["members"]),
    ],
)
def test_other_readers_see(tmp_path: Path, value: Any, content: Any) -> None:
    seen = node_of(tmp_path, value)[1]
    assert (seen.tolist() if isinstance(seen, np.ndarray) else seen) == content


def test_rows_of_different_lengths_are_one_data_set(tmp_path: Path) -> None:
    attributes, content = node_of(tmp_path, [[1], [2, 3], []])
    assert attributes["ragged"]
    assert [row.tolist() for row in content] == [[1], [2, 3], []]


def test_too_many_objects_are_refused(tmp_path: Path) -> None:
    assert "up to 10,000" in refusal(tmp_path, [b"x"] * 10_001)
    assert "up to 10,000" in refusal(tmp_path, dict.fromkeys(range(10_001)))


@pytest.mark.parametrize(
    ("value", "other"),
    [
        ([1, 2], [1, 3]),
        ([1, 2], [1.0, 2.0]),
        ([True, 1], [True, True]),
        ([[1], [2, 3]], [[1], [2, 4]]),
        (["a", "b"], ["a", "c"]),
        ([b"x"], [b"x", b"y"]),
        ((b"x", [1]), (b"x", [2])),
        ({"a": 1}, {"a": 1.0}),
        ({1: 2}, {1: 3}),
        ({1: 2}, {2: 2}),
        ({1, "a"}, {1, "b"}),
    ],
)
def test_another_member_is_found(tmp_path: Path, value: Any, other: Any) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "x", value)
        REGISTRY.check(node, value)
        with pytest.raises(Differs):
            REGISTRY.check(node, other)
