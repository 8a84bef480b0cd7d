"""Every kind of value goes into HDF5 and comes back the same: type, dtype, shape, content."""

from __future__ import annotations

import datetime
import decimal
import fractions
import json
import pathlib
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nebulab.harvest import encoding
from nebulab.harvest.encoding import NotStorable, decode, encode

UTC = datetime.UTC


def there_and_back(folder: Path, value: Any) -> Any:
    with h5py.File(folder / "values.h5", "w", libver="latest") as file:
        encode(file, "value", value)
    with h5py.File(folder / "values.h5") as file:
        return decode(file["value"])


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype == object:
            return all(same(a, b) for a, b in zip(one.ravel(), other.ravel(), strict=True))
        return one.tobytes() == other.tobytes() if one.dtype.kind in "fcVmM" else bool(np.all(one == other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, float | np.floating) and np.isnan(one):
        return bool(np.isnan(other))
    return bool(one == other)


VALUES = [
    None,
    True,
    7,
    -(2**63),
    2**100,
    1.5,
    float("nan"),
    float("-inf"),
    1 + 2j,
    "text",
    "",
    "größe ✓",
    "nul\0inside",
    "lone \udc80 surrogate",
    b"bytes\0\xff",
    b"",
    bytearray(b"changeable"),
    decimal.Decimal("1.10"),
    fractions.Fraction(1, 3),
    uuid.UUID(int=5),
    datetime.datetime(2026, 11, 23, 8, 30, 1, 5),
    datetime.datetime(2026, 11, 23, tzinfo=UTC),
    datetime.date(2026, 11, 23),
    datetime.time(8, 30),
    datetime.timedelta(days=-1, microseconds=3),
    pathlib.Path("/a/b"),
    range(3, 30, 4),
    np.float32(0.1),
    np.int8(-3),
    np.bool_(True),
    np.datetime64("2026-11-23T08:30", "ns"),
    np.arange(12, dtype=np.int16).reshape(3, 4),
    np.zeros((0, 5)),
    np.array(3.0),
    np.arange(20.0).reshape(4, 5)[:, ::2],
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.array([1, 2], dtype=">i4"),
    np.array([1.5, float("nan")], dtype=np.float16),
    np.array([1 + 2j, 3], dtype=np.complex64),
    np.array([True, False]),
    np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]"),
    np.array([1, 2], dtype="timedelta64[ms]"),
    np.array(["a", "bcd", "é"]),
    np.array([b"ab", b"c"]),
    np.array([["a", None], [1, 2.5]], dtype=object),
    np.array(["x", "y"], dtype=object),
    np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
    np.array([(1, "2026-01-01")], dtype=[("a", "i4"), ("when", "datetime64[s]")]),
    [],
    [1, 2, 3],
    [1.5, 2.0],
    [1, 2.5],
    [True, False],
    [np.float32(1.5), np.float32(2.5)],
    [[1, 2], [3, 4]],
    [[1], [2, 3], []],
    [[1.5], [2.5, 3.5]],
    [2**70, 1],
    ["a", "b"],
    ["a", 1, None, [1.5, {"k": "v"}]],
    [np.arange(3), np.arange(4.0)],
    (1, 2),
    ("a", (1, [2])),
    [(1, 2), (3, 4)],
    {1, 2, 3},
    frozenset({"a"}),
    {},
    {"a": 1, "b": [1, 2], "c": {"d": None}},
    {"x": np.arange(3), 5: "five"},
    {"a/b": np.arange(2)},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{str(value)[:24]!a}")
def test_a_value_comes_back_the_same(tmp_path: Path, value: Any) -> None:
    back = there_and_back(tmp_path, value)
    assert same(back, value), f"{value!r} came back as {back!r}"


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia", "lil", "dok"])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_a_sparse_matrix_comes_back_in_its_form(tmp_path: Path, form: str, kind: str) -> None:
    dense: np.ndarray = np.diag([1.0, 0, 2, 3]).astype(np.float32)
    value = getattr(scipy.sparse, f"{form}_{kind}")(dense)
    back = there_and_back(tmp_path, value)
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert np.array_equal(back.toarray(), dense)


def test_a_masked_array_keeps_its_mask_and_what_lies_under_it(tmp_path: Path) -> None:
    value: np.ma.MaskedArray = np.ma.MaskedArray([1, 2, 3], mask=[False, True, False], fill_value=9)
    back = there_and_back(tmp_path, value)
    assert back.mask.tolist() == [False, True, False]
    assert back.data.tolist() == [1, 2, 3]
    assert back.fill_value == 9


@pytest.mark.parametrize("value", [pd.Timestamp("2026-11-23 08:30:00.000000001"), pd.Timedelta("1ns")])
def test_pandas_moments_keep_their_nanoseconds(tmp_path: Path, value: Any) -> None:
    assert there_and_back(tmp_path, value) == value


def test_any_reader_sees_plain_arrays_numbers_and_texts(tmp_path: Path) -> None:
    """What reads the predecessor's files knows nothing of our attributes."""
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        encode(file, "X_train", np.arange(6.0).reshape(2, 3))
        encode(file, "loss", [np.float32(0.5), np.float32(0.25)])
        encode(file, "epochs", 3)
        encode(file, "name", "forest")
    with h5py.File(tmp_path / "plain.h5") as file:
        assert file["X_train"][()].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert file["loss"][()].tolist() == [0.5, 0.25]
        assert file["epochs"][()] == 3
        assert file["name"].asstr()[()] == "forest"


def test_a_file_of_another_writer_is_read_too(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["group/numbers"] = np.arange(3)
        file["word"] = "text"
    with h5py.File(tmp_path / "other.h5") as file:
        assert decode(file["group"])["numbers"].tolist() == [0, 1, 2]
        assert decode(file["word"]) == "text"


class Opaque:
    pass


def endless() -> list[Any]:
    value: list[Any] = [Opaque]
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Opaque(), "Opaque"),
        ([1, Opaque()], "Opaque"),
        ({"a": {"b": Opaque()}}, "Opaque"),
        (np.array([Opaque()]), "Opaque"),
        (endless(), "form"),
        (np.matrix([[1]]), "matrix"),
        (np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")]), "Python objects"),
        (np.array(["a\0b"]), "NUL"),
        (datetime.datetime(2026, 1, 1, tzinfo=__import__("zoneinfo").ZoneInfo("Europe/Berlin")), "zone"),
        (type("Named", (list,), {})([1]), "Named"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_what_can_not_be_kept_says_why_and_leaves_nothing(tmp_path: Path, value: Any, reason: str) -> None:
    with h5py.File(tmp_path / "values.h5", "w") as file:
        with pytest.raises(NotStorable, match=reason):
            encode(file, "value", value)
        assert list(file) == []


def test_a_large_array_is_written_in_slabs_and_not_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_SLAB_BYTES", 1024)
    largest = 0
    plain = np.ascontiguousarray

    def watched(value: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal largest
        largest = max(largest, value.nbytes)
        return plain(value, *arguments, **options)

    monkeypatch.setattr(np, "ascontiguousarray", watched)
    value: np.ndarray = np.arange(100_000, dtype=np.int64).reshape(1000, 100).T
    assert same(there_and_back(tmp_path, value), np.array(value))
    assert 0 < largest <= 8000


_PEAK = """
import json, re, sys
import h5py, numpy as np
from nebulab.harvest.encoding import encode

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

array = np.arange(40_000_000, dtype=np.float64).reshape(4000, 10_000)
array = array.T if sys.argv[2] == "transposed" else array
open("/proc/self/clear_refs", "w").write("5")  # the peak from now on
before = peak()
with h5py.File(sys.argv[1], "w") as file:
    encode(file, "array", array)
with h5py.File(sys.argv[1]) as file:
    assert file["array"][-1, -1] == array[-1, -1]
print(json.dumps([before, peak() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells the peak of a part of a run")
@pytest.mark.parametrize("form", ["plain", "transposed"])
def test_the_memory_grows_by_a_part_of_a_large_array(tmp_path: Path, form: str) -> None:
    """305 MiB; written as a whole the transposed one would take as much again."""
    told = subprocess.run(
        [sys.executable, "-c", _PEAK, str(tmp_path / "large.h5"), form], capture_output=True, text=True, check=True
    )
    before, grown = json.loads(told.stdout)
    assert before > 305
    assert grown < 100
