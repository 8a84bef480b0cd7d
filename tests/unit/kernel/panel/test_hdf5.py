"""The tree of an HDF5 file for a preview: shapes and types, no link followed, no end to its patience."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.kernel.panel.hdf5 import tree


def made(fill: Any) -> io.BytesIO:
    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        fill(opened)
    return file


def test_groups_and_datasets_have_their_place_and_shape() -> None:
    def fill(file: Any) -> None:
        file.create_dataset("images/train", data=np.zeros((10, 8, 8), np.float32))
        file.create_dataset("labels", data=np.arange(10))
        file.create_dataset("note", data="a text")

    assert [(n["name"], n["depth"], n["type"], n["what"]) for n in tree(made(fill))["nodes"]] == [
        ("images", 0, "group", "1 inside"),
        ("train", 1, "dataset", "10 × 8 × 8, float32"),
        ("labels", 0, "dataset", "10, int64"),
        ("note", 0, "dataset", "one value, text"),
    ]


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["inside"] = 5

    def fill(file: Any) -> None:
        file["out"] = h5py.ExternalLink(str(secret), "/inside")
        file["nowhere"] = h5py.SoftLink("/no/such")

    shown = {node["name"]: node["type"] for node in tree(made(fill))["nodes"]}
    assert shown == {"out": "link", "nowhere": "link"}


def test_a_group_that_holds_itself_has_an_end() -> None:
    def fill(file: Any) -> None:
        group = file.create_group("a")
        group["again"] = group
        group["and again"] = group

    found = tree(made(fill))
    assert (len(found["nodes"]), found["more"]) == (1000, True)
    assert max(node["depth"] for node in found["nodes"]) <= 21


def test_what_is_no_hdf5_is_told() -> None:
    with pytest.raises(OSError, match=r"."):
        tree(io.BytesIO(b"\x89HDF\r\n\x1a\n" + b"broken" * 100))
