"""How the registry finds a codec, for a value and for a node."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nebulab.harvest.codecs.base import (
    DEEPEST,
    Codec,
    Differs,
    NotReadable,
    NotStorable,
    Registry,
    Writer,
    describe,
    kind_of,
    mark,
)


class Small(Codec):
    """Integers below 10, one byte each."""

    kind = "small"
    classes = (int,)
    subclasses = True

    def takes(self, value: Any) -> bool:
        return bool(value < 10)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Any:
        if type(value) is not int:
            writer.remark(f"{describe(type(value))} is more than a number")
        return mark(group.create_dataset(name, data=np.int8(value)), self.kind, doubled=2 * value)

    def read(self, registry: Registry, node: Any) -> int:
        return int(node[()])


class Large(Small):
    kind = "large"
    subclasses = False

    def takes(self, value: Any) -> bool:
        return True


REGISTRY = Registry([Small(), Large()])


class Colour(enum.IntEnum):
    RED = 1
    BLUE = 11


def test_the_first_codec_that_takes_a_value_is_its_own() -> None:
    assert REGISTRY.codec_for(3).kind == "small"
    assert REGISTRY.codec_for(30).kind == "large"
    assert REGISTRY.codec_for(Colour.RED).kind == "small"
    with pytest.raises(NotStorable, match="Colour"):
        REGISTRY.codec_for(Colour.BLUE)
    with pytest.raises(NotStorable, match="str"):
        REGISTRY.codec_for("x")


def test_a_class_of_a_library_is_known_by_its_names() -> None:
    by_name = type("ByName", (Small,), {"kind": "named", "classes": (), "libraries": (("lib", "Thing"),)})
    registry = Registry([by_name()])
    base = type("Thing", (int,), {"__module__": "lib.core.things"})
    assert registry.codec_for(type("Special", (base,), {})(3)).kind == "named"
    with pytest.raises(NotStorable):
        registry.codec_for(type("Thing", (int,), {"__module__": "another"})(3))


def test_written_read_and_compared(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        writer = Writer(REGISTRY)
        node = writer.write(file, "x", 3)
        assert (kind_of(node), node.attrs["doubled"], REGISTRY.read(node)) == ("small", 6, 3)
        REGISTRY.check(node, 3)
        with pytest.raises(Differs):
            REGISTRY.check(node, 4)


def test_a_remark_is_noted_once_also_by_deeper_writers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        writer = Writer(REGISTRY)
        writer.write(file, "x", Colour.RED)
        writer.deeper().write(file, "y", Colour.RED)
    assert writer.remarks == [f"{__name__}.Colour is more than a number"]


def test_the_depth_has_an_end(tmp_path: Path) -> None:
    writer = Writer(REGISTRY)
    for _ in range(DEEPEST + 1):
        writer = writer.deeper()
    with h5py.File(tmp_path / "file.h5", "w") as file, pytest.raises(NotStorable, match="deeper"):
        writer.write(file, "x", 3)


def test_an_unknown_kind_is_told(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "file.h5", "w") as file:
        node = mark(file.create_dataset("x", data=3), "huge")
        with pytest.raises(NotReadable, match="huge"):
            REGISTRY.read(node)
