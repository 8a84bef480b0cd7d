"""Two values are the same only if nobody could tell one from the other."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pytest

from nebulab.harvest.codecs.comparing import same, same_dtypes

ALIGNED = np.dtype([("a", "i1"), ("b", "f8")], align=True)
PADDED = np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8]})
TITLED: Any = np.dtype([(("title", "a"), "i1")])


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ([1, 2], (1, 2)),
        ([1, [2]], [1, [2.0]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: "x"}, {1.0: "x"}),
        (decimal.Decimal("1.1"), decimal.Decimal("1.10")),
        (np.float32(1), np.float64(1)),
        (np.arange(3), np.arange(3, dtype=np.int32)),
        (np.zeros((1, 3)), np.zeros(3)),
        (np.array([0.0]), np.array([-0.0])),
        (np.array([1, 2.0], dtype=object), np.array([1.0, 2.0], dtype=object)),
        (np.array(["a"]), np.array(["b"])),
    ],
)
def test_told_apart(value: Any, other: Any) -> None:
    assert not same(value, other)
    assert not same(other, value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: float("nan"),
        lambda: complex(float("nan"), 1),
        lambda: [{"a": (1, float("nan"))}],
        lambda: np.array([np.nan, -0.0]),
        lambda: np.array([np.nan], dtype=np.longdouble),
        lambda: np.array([[1, "x", None]], dtype=object),
        lambda: np.array(["NaT"], dtype="datetime64[s]"),
        lambda: np.ones(2, dtype=ALIGNED),
        lambda: np.zeros((0, 2)),
    ],
)
def test_the_same(make: Any) -> None:
    assert same(make(), make())


def test_padding_does_not_count() -> None:
    first: np.ndarray = np.zeros(2, dtype=PADDED)
    second = first.copy()
    first.view(np.uint8)[1] = 9  # between the fields
    assert same(first, second)


def test_dtypes_differ_in_what_equality_leaves_out() -> None:
    assert ALIGNED == PADDED
    assert not same_dtypes(ALIGNED, PADDED)
    assert not same_dtypes(np.dtype([("s", ALIGNED, (2,))]), np.dtype([("s", PADDED, (2,))]))
    assert not same_dtypes(TITLED, np.dtype([("a", "i1")]))
    missing = np.dtypes.StringDType(na_object=None)
    assert not same_dtypes(missing, np.dtypes.StringDType())
