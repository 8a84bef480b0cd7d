"""Sparse arrays and matrices keep their form, their parts and their number of dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse

from nebulab.harvest.codecs import REGISTRY, decode, encode
from nebulab.harvest.codecs.base import Differs
from support.round_trip import node_of, there_and_back


@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 2, 3)])
def test_any_number_of_dimensions(tmp_path: Path, shape: tuple[int, ...]) -> None:
    dense = np.arange(6.0).reshape(shape)
    back = there_and_back(tmp_path, scipy.sparse.coo_array(dense))
    assert back.shape == shape
    assert np.array_equal(back.toarray(), dense)


def test_explicit_zeros_and_their_order_stay(tmp_path: Path) -> None:
    value = scipy.sparse.csr_array((np.array([0.0, 5]), np.array([2, 0]), np.array([0, 2])), shape=(1, 3))
    back = there_and_back(tmp_path, value)
    assert back.data.tolist() == [0, 5]
    assert back.indices.tolist() == [2, 0]


def test_the_parts_are_plain_arrays_for_others(tmp_path: Path) -> None:
    assert node_of(tmp_path, scipy.sparse.eye_array(3, format="csr"))[1] == ["data", "indices", "indptr"]
    assert node_of(tmp_path, scipy.sparse.eye_array(3, format="dok"))[1] == ["col", "data", "row"]


def test_one_dimension_as_the_first_version_wrote_it(tmp_path: Path) -> None:
    """It wrote rows too, and could not read them."""
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node: Any = encode(file, "x", scipy.sparse.coo_array(np.array([0, 7.0])))
        assert sorted(node) == ["col", "data", "row"]
        assert decode(node).toarray().tolist() == [0, 7]


@pytest.mark.parametrize("other", ["csc", "coo"])
def test_another_form_is_found(tmp_path: Path, other: str) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "x", scipy.sparse.eye_array(3, format="csr"))
        with pytest.raises(Differs):
            REGISTRY.check(node, scipy.sparse.eye_array(3, format=other))
