"""Every kind of value goes into HDF5 and comes back the same: type, dtype, shape, content."""

from __future__ import annotations

import datetime
import json
import re
import zoneinfo
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.harvest.codecs import REGISTRY, NotReadable, NotStorable, decode, encode
from nebulab.harvest.codecs.base import Codec, Writer
from nebulab.harvest.codecs.scalars import Number
from support.round_trip import check_examples, refusal, there_and_back
from support.values import EXAMPLES, is_same

DATA = Path(__file__).with_name("data")
KERNELS_ONLY = ("torch", "tensorflow", "keras", "jax")
"""Libraries whose kinds `inside/` checks."""
KINDS = [codec.kind for codec in REGISTRY.codecs]


def test_every_kind_has_examples_and_no_other() -> None:
    assert sorted(KINDS) == sorted(EXAMPLES)


def test_a_codec_needs_a_reader() -> None:
    half = type("Half", (Codec,), {"kind": "half", "write": Number.write})
    with pytest.raises(TypeError, match="read"):
        half()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(KERNELS_ONLY)])
def test_values_of_a_kind_come_back_the_same(tmp_path: Path, kind: str) -> None:
    check_examples(tmp_path, kind)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(KERNELS_ONLY)])
def test_kinds_of_the_kernels_libraries_are_checked_beside_them(kind: str) -> None:
    checks = Path(__file__).with_name("inside") / f"{kind.partition(' ')[0]}.py"
    called = re.search(r"check_examples\(folder, (.*)\)", checks.read_text())
    assert called is not None
    assert f'"{kind}"' in called[1]


def test_a_file_of_the_first_version_is_read(tmp_path: Path) -> None:
    """`values-1.0.h5` was written by version 1.0.0's own code, a value of each kind that it knew."""
    with h5py.File(DATA / "values-1.0.h5") as file:
        for name, node in file.items():
            kind, place = name.rsplit(" ", 1)
            assert is_same(EXAMPLES[kind]()[int(place)], decode(node)), name


UNORDERED = ("set", "frozenset")
"""Their members come in another order in each process, by the hashes of texts."""


def test_what_is_written_is_what_the_first_version_wrote(tmp_path: Path) -> None:
    with h5py.File(DATA / "values-1.0.h5") as old, h5py.File(tmp_path / "new.h5", "w", libver="latest") as new:
        for name in old:
            kind, place = name.rsplit(" ", 1)
            encode(new, name, EXAMPLES[kind]()[int(place)])
            if kind in UNORDERED:
                assert decode(new[name]) == decode(old[name])
            else:
                assert layout(new[name]) == layout(old[name]), name


def layout(node: Any, *, ordered: bool = True) -> Any:
    """Return all that is in a node; the members of a set in any order, which is another in each process."""
    attributes = {name: np.asarray(value).tolist() for name, value in node.attrs.items()}
    if isinstance(node, h5py.Group):
        ordered = attributes.get("nebulab") not in {"set", "frozenset"}
        return attributes, [(name, layout(member, ordered=ordered)) for name, member in node.items()]
    content = None if node.shape is None else np.asarray(node[()])
    if not ordered and attributes.get("json"):
        return attributes, str(node.dtype), sorted(map(repr, json.loads(node[()])))
    items = None if content is None else repr(content.tolist())
    return attributes, str(node.dtype), node.shape, items


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


def test_a_kind_of_a_newer_version_is_not_taken_for_an_array(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "newer.h5", "w") as file:
        file["x"] = np.arange(3)
        file["x"].attrs["nebulab"] = "quaternion"
        with pytest.raises(NotReadable, match="quaternion"):
            decode(file["x"])


class Opaque:
    pass


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Opaque(), "Opaque"),
        ([1, Opaque()], "Opaque"),
        ({"a": {"b": Opaque()}}, "Opaque"),
        (np.array([Opaque()]), "Opaque"),
        (np.array([(1,)], dtype=[("a", "i4")]).view(np.recarray), "recarray"),
        (np.array([(1, None)], dtype=[("a", "i4"), ("b", "O")]), "Python objects"),
        (np.array(["a\0b"]), "NUL"),
        (datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")), "zone"),
        (type("Named", (list,), {})([1]), "Named"),
    ],
    ids=lambda value: str(type(value).__name__),
)
def test_what_can_not_be_kept_says_why_and_leaves_nothing(tmp_path: Path, value: Any, reason: str) -> None:
    assert reason in refusal(tmp_path, value)


def test_nothing_half_written_stays_whatever_the_name(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        with pytest.raises(NotStorable):
            encode(file, "a/b", [np.arange(3), Opaque()])
        assert list(file) == []
        encode(file, "a/b", 5)
        with pytest.raises(NotStorable, match="something else"):
            encode(file, "a∕b", Opaque())
        assert decode(file["a∕b"]) == 5
        with pytest.raises(NotStorable):
            encode(file, ".", 5)


def test_what_is_read_back_as_another_value_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer's fault is found by its reader, also deep inside of a value."""

    def write(self: Any, writer: Writer, group: h5py.Group, name: str, value: Any) -> Any:
        return plain(self, writer, group, name, value + 1)

    plain = Number.write
    monkeypatch.setattr(Number, "write", write)
    assert "another value" in refusal(tmp_path, 1.5)
    assert "another value" in refusal(tmp_path, {1: [1.5, b"x"]})


def test_an_array_that_a_thread_changes_meanwhile_is_kept_as_it_was_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its numbers change between writing and comparing; then a copy is taken."""
    value: dict[Any, Any] = {"step": np.zeros(3), 1: 0}
    check = type(REGISTRY).check

    def changing(self: Any, node: Any, written: Any) -> None:
        value["step"] += 1
        check(self, node, written)

    monkeypatch.setattr(type(REGISTRY), "check", changing)
    back = there_and_back(tmp_path, value)
    assert back["step"].tolist() == [back["step"][0]] * 3
