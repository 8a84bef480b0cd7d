"""Single numbers, texts and paths in a file."""

from __future__ import annotations

import pathlib
from pathlib import Path

import h5py
import pytest

from nebulab.harvest.codecs import NotReadable, decode, encode
from nebulab.harvest.codecs.scalars import is_json, is_plain_text
from support.round_trip import node_of, there_and_back


@pytest.mark.parametrize("text", ["größe", "nul\0inside", "lone \udc80 surrogate"])
def test_texts_that_hdf5_can_not_hold_are_bytes(tmp_path: Path, text: str) -> None:
    attributes, _ = node_of(tmp_path, text)
    assert ("utf8" in attributes) == (not is_plain_text(text))


def test_a_number_beyond_64_bits_is_a_text_for_others(tmp_path: Path) -> None:
    assert node_of(tmp_path, 2**63)[1] == str(2**63).encode()
    assert node_of(tmp_path, 2**63 - 1)[1] == 2**63 - 1


def test_json_gives_back_only_its_own() -> None:
    assert is_json({"a": [1, 2.5, None, {"b": "c"}]})
    for value in ((1, 2), {1: 2}, {"a": "nul\0"}, [b"x"], [1 + 2j]):
        assert not is_json(value)


def test_a_path_of_another_system_stays_one(tmp_path: Path) -> None:
    back = there_and_back(tmp_path, [pathlib.PureWindowsPath("C:\\a\\b.csv"), b""])
    assert back[0].parts == ("C:\\", "a", "b.csv")


def test_a_users_own_class_of_paths_is_told(tmp_path: Path) -> None:
    class Own(type(pathlib.Path())):  # type: ignore[misc]
        pass

    remarks: list[str] = []
    with h5py.File(tmp_path / "file.h5", "w") as file:
        assert decode(encode(file, "p", Own("/a"), remarks=remarks)) == pathlib.Path("/a")
    assert "Own comes back as a plain path" in remarks[0]


def test_a_class_of_paths_that_is_not_known_is_not_guessed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = encode(file, "p", pathlib.PureWindowsPath("a"))
        node.attrs["class"] = "PureAmigaPath"
        with pytest.raises(NotReadable, match="Amiga"):
            decode(node)
