"""Arrays and random keys of the real JAX in a file, and the small numbers of ml_dtypes."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from nebulab.harvest.codecs import NotReadable, decode
from support.round_trip import check_examples, check_values
from support.values import small_numbers


def check_round_trips(folder: Path) -> None:
    check_examples(folder, "jax")


def check_small_numbers(folder: Path) -> None:
    check_values(folder, "array", small_numbers())


def check_numbers_of_64_bits_are_not_cut_silently(folder: Path) -> None:
    with h5py.File(folder / "file.h5", "w") as file:
        node = file.create_dataset("x", data=np.array([2.0**60 + 1]))
        node.attrs["nebulab"], node.attrs["dtype"] = "jax", "<f8"
        try:
            decode(node)
        except NotReadable as error:
            assert "JAX_ENABLE_X64" in str(error)
        else:
            raise AssertionError("64 bits became 32")
