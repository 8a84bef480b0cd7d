"""A downloaded file as an object: by Galaxy's datatype, else by its name, else by its content."""

from __future__ import annotations

import bz2
import gzip
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from nebulab.kernel.reading import read_file


@pytest.mark.parametrize(
    ("name", "ext", "content", "value"),
    [
        ("x", "json", b'{"a": [1]}', {"a": [1]}),
        ("x.json", "txt", b"[1]", [1]),
        ("x.json", "tabular", b"[1]", "a frame"),
        ("x", "txt", "tést".encode(), "tést"),
        ("x", "binary", b"\xff\x00", b"\xff\x00"),
        ("x.unknown", "fasta", b">1\nACGT", ">1\nACGT"),
    ],
)
def test_the_datatype_decides_unless_it_says_nothing(
    tmp_path: Path, name: str, ext: str, content: bytes, value: Any
) -> None:
    (tmp_path / name).write_bytes(content)
    found = read_file(tmp_path / name, ext, {})
    assert isinstance(found, pd.DataFrame) if value == "a frame" else found == value, found


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, bytes])
@pytest.mark.parametrize("ext", ["tabular", "tabular.gz"])
def test_a_table_may_be_packed_whatever_it_is_called(tmp_path: Path, pack: Any, ext: str) -> None:
    (tmp_path / "x").write_bytes(pack(b"a\tb\n1\t2\n"))
    assert read_file(tmp_path / "x", ext, {}).to_dict("list") == {"a": [1], "b": [2]}


def test_options_go_to_pandas_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a;b\n1;2\n")
    assert list(read_file(tmp_path / "x", "csv", {"sep": ";"})) == ["a", "b"]
    with pytest.raises(TypeError, match="no table, and takes no options: sep"):
        read_file(tmp_path / "x", "txt", {"sep": ";"})


def test_an_empty_table_is_a_frame_without_columns(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert read_file(tmp_path / "x", "tabular", {}).shape == (0, 0)


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(3))
    np.savez(tmp_path / "a.npz", x=np.arange(2), y=np.arange(4))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/x"] = np.arange(5)
        file["y"] = 7
    assert read_file(tmp_path / "a.npy", "npy", {}).tolist() == [0, 1, 2]
    assert {name: len(array) for name, array in read_file(tmp_path / "a.npz", "npz", {}).items()} == {"x": 2, "y": 4}
    found = read_file(tmp_path / "a.h5", "h5", {})
    assert found["group/x"].tolist() == [0, 1, 2, 3, 4]
    assert found["y"] == 7


def test_an_array_of_objects_runs_no_code_of_its_writer(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="pickle"):
        read_file(tmp_path / "a.npy", "npy", {})


def test_a_notebook_is_json(tmp_path: Path) -> None:
    (tmp_path / "n").write_text(json.dumps({"cells": []}))
    assert read_file(tmp_path / "n", "ipynb", {}) == {"cells": []}
