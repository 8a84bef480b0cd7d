"""Whether two values are the same: type, dtype, shape and content, NaN being NaN; runs in the kernel."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np


def same(value: Any, other: Any) -> bool:
    """Whether nobody could tell one value from the other; values of foreign classes are compared by `==`."""
    if value is other:
        return True
    if type(value) is not type(other):
        return False
    if isinstance(value, np.ndarray):
        return same_arrays(value, other)
    if isinstance(value, np.generic):
        return same_arrays(np.asarray(value), np.asarray(other))
    if isinstance(value, list | tuple):
        return len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, dict):
        return same(list(value), list(other)) and all(map(same, value.values(), other.values()))
    if isinstance(value, float | complex):
        return same_arrays(np.asarray(value), np.asarray(other))
    if isinstance(value, decimal.Decimal):  # 1.1 equals 1.10
        return str(value) == str(other)
    return bool(value == other)


def same_arrays(array: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays have the same dtype and shape, and the same items bit by bit; padding does not count."""
    return array.shape == other.shape and same_dtypes(array.dtype, other.dtype) and _same_items(array, other)


def same_dtypes(dtype: np.dtype[Any], other: np.dtype[Any]) -> bool:
    """Whether two dtypes are equal, also in what `==` leaves out: titles and alignment of structured ones."""
    if dtype != other or dtype.isalignedstruct != other.isalignedstruct:
        return False
    if dtype.kind == "T":
        return repr(dtype) == repr(other)
    if dtype.subdtype is not None and other.subdtype is not None:
        return same_dtypes(dtype.subdtype[0], other.subdtype[0])
    if dtype.fields is None or other.fields is None:
        return True
    return all(
        dtype.fields[name][2:] == other.fields[name][2:] and same_dtypes(dtype[name], other[name])
        for name in dtype.names or ()
    )


def _same_items(array: np.ndarray, other: np.ndarray) -> bool:
    dtype = array.dtype
    if array.size == 0 or dtype.itemsize == 0:
        return True
    if dtype.names is not None:
        return all(_same_items(array[name], other[name]) for name in dtype.names)
    if dtype.kind in "OT":
        return all(map(same, array.ravel().tolist(), other.ravel().tolist()))
    if dtype.char in "gG":  # its padding is whatever lay there
        return np.array_equal(array, other, equal_nan=True)
    return np.array_equal(_bits(array), _bits(other))


def _bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)
