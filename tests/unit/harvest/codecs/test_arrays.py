"""NumPy's arrays in a file: slab by slab, whatever their dtype, and what is told of the rest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.harvest.codecs import arrays, encode
from nebulab.harvest.codecs.base import Differs
from support.round_trip import node_of, refusal, there_and_back
from support.values import is_same


def test_a_mapped_array_comes_back_in_memory_and_that_is_told(tmp_path: Path) -> None:
    mapped: Any = np.memmap(tmp_path / "mapped", dtype=np.int16, mode="w+", shape=(3,))
    remarks: list[str] = []
    with h5py.File(tmp_path / "file.h5", "w") as file:
        encode(file, "mapped", [mapped, mapped, b""], remarks=remarks)
    assert remarks == ["an array that is mapped from a file comes back as an array in memory"]


def test_a_structured_array_is_plain_for_other_readers(tmp_path: Path) -> None:
    """Also where HDF5 forgets its alignment, which an attribute then tells."""
    aligned: np.ndarray = np.ones(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True))
    attributes, content = node_of(tmp_path, aligned)
    assert content["b"].tolist() == [1, 1]
    assert json.loads(attributes["layout"])["aligned"]


def test_what_hdf5_has_no_numbers_for_is_refused(tmp_path: Path) -> None:
    assert "NUL" in refusal(tmp_path, np.array(["a\0b"]))
    assert "Python objects" in refusal(tmp_path, np.array([(None,)], dtype=[("a", "O")]))


@pytest.mark.parametrize("other", [np.arange(4), np.arange(3.0), np.array([0, 1, 3])])
def test_another_shape_dtype_or_item_is_found(tmp_path: Path, other: Any) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = arrays.ARRAY.write_array(file, "x", np.arange(3))
        arrays.ARRAY.check_array(node, np.arange(3))
        with pytest.raises(Differs):
            arrays.ARRAY.check_array(node, other)


def test_a_fault_in_the_last_slab_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_SLAB_BYTES", 64)
    value = np.arange(100.0).reshape(50, 2)
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = arrays.ARRAY.write_array(file, "x", value)
        node[49, 1] = -1
        with pytest.raises(Differs):
            arrays.ARRAY.check_array(node, value)
        with pytest.raises(Differs):
            arrays.check_slabs(node, value)


def test_a_large_array_is_written_in_slabs_and_not_doubled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_SLAB_BYTES", 1024)
    largest = 0
    plain = np.ascontiguousarray

    def watched(value: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal largest
        largest = max(largest, value.nbytes)
        return plain(value, *arguments, **options)

    monkeypatch.setattr(np, "ascontiguousarray", watched)
    value: np.ndarray = np.arange(100_000, dtype=np.int64).reshape(1000, 100).T
    assert is_same(np.array(value), there_and_back(tmp_path, value))
    assert 0 < largest <= 8000


_PEAK = """
import json, re, sys
import h5py, numpy as np
from nebulab.harvest.codecs import encode

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
    measured = subprocess.run(
        [sys.executable, "-c", _PEAK, str(tmp_path / "large.h5"), form], capture_output=True, text=True, check=True
    )
    before, grown = json.loads(measured.stdout)
    assert before > 305
    assert grown < 100
