"""Structured dtypes as text: the form of older versions where it suffices, else one that tells everything."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nebulab.harvest.codecs.base import NotReadable
from nebulab.harvest.codecs.comparing import same_dtypes
from nebulab.harvest.codecs.dtypes import describe_fields, fields_of, is_native, is_small, lost_by_hdf5, small

TITLED: Any = [(("title", "a"), "U3"), ("b", "f8", (2, 2))]


@pytest.mark.parametrize(
    ("dtype", "form"),
    [
        (np.dtype([("a", "i4"), ("when", "datetime64[s]")]), "fields"),
        (np.dtype([("p", [("x", "f4"), ("y", "U1")]), ("n", "U2", (3,))]), "fields"),
        (np.dtype(TITLED), "fields"),
        (np.dtype([("a", "i1"), ("t", "U2")], align=True), "layout"),
        (np.dtype({"names": ["a", "b"], "formats": ["i4", "U1"], "offsets": [8, 0], "itemsize": 24}), "layout"),
        (np.dtype([("s", np.dtype([("a", "i1"), ("b", "M8[D]")], align=True), (2,))]), "layout"),
    ],
)
def test_described_and_made_again(dtype: np.dtype[Any], form: str) -> None:
    described = describe_fields(dtype)
    assert list(described) == [form]
    again = fields_of(described)
    assert again is not None
    assert same_dtypes(again, dtype)


def test_what_the_first_version_wrote_is_read() -> None:
    again = fields_of({"fields": '[["p", [["x", "<f4"], ["y", "<f4"]]], ["n", "<U2"]]'})
    assert again == np.dtype([("p", [("x", "f4"), ("y", "f4")]), ("n", "U2")])
    assert fields_of({"dtype": "<f8"}) is None


def test_hdf5_has_no_type_for_texts_and_moments() -> None:
    assert is_native(np.dtype([("a", "i4"), ("b", "S3"), ("c", [("d", "c8", (2,))])]))
    assert not is_native(np.dtype([("a", "i4"), ("b", "U3")]))
    assert not is_native(np.dtype([("c", [("d", "M8[s]")])]))


def test_hdf5_loses_the_alignment_alone() -> None:
    plain = np.dtype([("a", "i1"), ("b", "f8")])
    assert lost_by_hdf5(plain) == {}
    assert json.loads(lost_by_hdf5(np.dtype(plain.descr, align=True))["layout"])["offsets"] == [0, 8]


def test_a_small_number_needs_its_package() -> None:
    assert not is_small(np.dtype("f2"))
    with pytest.raises(NotReadable, match="ml_dtypes"):
        small("float3_of_nobody")
