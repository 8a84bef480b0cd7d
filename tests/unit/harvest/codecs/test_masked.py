"""Masked arrays keep what lies under the mask, and the mask as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.harvest.codecs import REGISTRY, encode
from nebulab.harvest.codecs.base import Differs
from support.round_trip import there_and_back


def test_what_lies_under_the_mask(tmp_path: Path) -> None:
    value: Any = np.ma.MaskedArray([1, 2, 3], mask=[False, True, False], fill_value=9)
    back = there_and_back(tmp_path, value)
    assert back.mask.tolist() == [False, True, False]
    assert back.data.tolist() == [1, 2, 3]
    assert back.fill_value == 9


def test_no_mask_stays_none_and_a_hard_one_hard(tmp_path: Path) -> None:
    assert there_and_back(tmp_path, np.ma.MaskedArray([1])).mask is np.ma.nomask
    hard = there_and_back(tmp_path, np.ma.MaskedArray([1], mask=[True], hard_mask=True))
    hard[0] = 5
    assert hard.mask.tolist() == [True]


def test_the_default_fill_value_of_texts_is_not_cut(tmp_path: Path) -> None:
    assert there_and_back(tmp_path, np.ma.MaskedArray(["a"])).fill_value == "N/A"


@pytest.mark.parametrize(
    "other",
    [
        np.ma.MaskedArray([1, 5], mask=[False, True], fill_value=9),
        np.ma.MaskedArray([1, 2], mask=[True, True], fill_value=9),
        np.ma.MaskedArray([1, 2], mask=[False, True], fill_value=8),
        np.ma.MaskedArray([1, 2], mask=[False, True], fill_value=9, hard_mask=True),
    ],
)
def test_another_part_is_found(tmp_path: Path, other: Any) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "x", np.ma.MaskedArray([1, 2], mask=[False, True], fill_value=9))
        with pytest.raises(Differs):
            REGISTRY.check(node, other)
