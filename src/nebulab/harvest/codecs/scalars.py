"""Codecs of single numbers and texts, and how a text lies in a file; runs in the kernel."""

from __future__ import annotations

import decimal
import fractions
import pathlib
import uuid
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from nebulab.harvest.codecs.base import Codec, Node, NotReadable, Registry, Writer, describe, mark

_INT64 = range(-(2**63), 2**63)
_DEEPEST_JSON = 16


def write_text(group: h5py.Group, name: str, text: str, kind: str, **attributes: Any) -> Node:
    """Write a text as HDF5's own string where it can be one, else as the bytes of its UTF-8."""
    if is_plain_text(text):
        return mark(group.create_dataset(name, data=text, dtype=h5py.string_dtype()), kind, **attributes)
    raw = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    return mark(group.create_dataset(name, data=raw), kind, utf8=True, **attributes)


def read_text(node: h5py.Dataset) -> str:
    """Return the text that `write_text` wrote."""
    if node.attrs.get("utf8"):
        return bytes(node[()].tobytes()).decode("utf-8", "surrogatepass")
    return str(node.asstr()[()])


def is_plain_text(text: str) -> bool:
    """Whether HDF5's strings can hold it: they end at a NUL, and are UTF-8."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_json(value: Any, depth: int = 0) -> bool:
    """Whether JSON gives a value back as it is."""
    if type(value) in (bool, int, float, type(None)):
        return True
    if type(value) is str:
        return is_plain_text(value)
    if depth >= _DEEPEST_JSON:
        return False
    if type(value) is list:
        return all(is_json(member, depth + 1) for member in value)
    if type(value) is dict:
        return all(type(key) is str and is_json(member, depth + 1) for key, member in value.items())
    return False


class Nothing(Codec):
    """None."""

    kind = "none"
    classes = (type(None),)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: None) -> Node:
        return mark(group.create_dataset(name, data=h5py.Empty("f4")), self.kind)

    def read(self, registry: Registry, node: Any) -> None:
        return None


class Number(Codec):
    """Python's own bool, float and complex."""

    def __init__(self, cls: type) -> None:
        self.kind = cls.__name__
        self.classes = (cls,)
        self._make: Callable[[Any], Any] = cls

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        return mark(group.create_dataset(name, data=value), self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        return self._make(node[()])


class Integer(Number):
    """Python's int: as text, if it has more than 64 bits."""

    def __init__(self) -> None:
        super().__init__(int)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        if value not in _INT64:
            return write_text(group, name, str(value), self.kind)
        return super().write(writer, group, name, value)

    def read(self, registry: Registry, node: Any) -> Any:
        return int(read_text(node)) if h5py.check_string_dtype(node.dtype) else super().read(registry, node)


class Range(Codec):
    """range: its start, stop and step."""

    kind = "range"
    classes = (range,)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: range) -> Node:
        return mark(group.create_dataset(name, data=np.array([value.start, value.stop, value.step])), self.kind)

    def read(self, registry: Registry, node: Any) -> range:
        return range(*(int(part) for part in node[()]))


class Text(Codec):
    """str."""

    kind = "str"
    classes = (str,)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: str) -> Node:
        return write_text(group, name, value, self.kind)

    def read(self, registry: Registry, node: Any) -> str:
        return read_text(node)


class Bytes(Codec):
    """bytes and bytearray."""

    def __init__(self, cls: type) -> None:
        self.kind = cls.__name__
        self.classes = (cls,)
        self._make: Callable[[bytes], Any] = cls

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        return mark(group.create_dataset(name, data=np.frombuffer(value, dtype=np.uint8)), self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        return self._make(node[()].tobytes())

    def copy(self, value: Any) -> Any:
        return self._make(value)


class AsText(Codec):
    """What its text gives back: Decimal, Fraction, UUID."""

    def __init__(self, cls: type) -> None:
        self.kind = cls.__name__
        self.classes = (cls,)
        self._make: Callable[[str], Any] = cls

    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        return write_text(group, name, str(value), self.kind)

    def read(self, registry: Registry, node: Any) -> Any:
        return self._make(read_text(node))


class Path(Codec):
    """A path; of another system, or pure, with the name of its class."""

    kind = "path"
    classes = (pathlib.PurePath,)
    subclasses = True
    _own = type(pathlib.Path())
    _pure = (pathlib.PurePosixPath, pathlib.PureWindowsPath)

    def write(self, writer: Writer, group: h5py.Group, name: str, value: pathlib.PurePath) -> Node:
        written = write_text(group, name, str(value), self.kind)
        if type(value) in self._pure:
            written.attrs["class"] = type(value).__name__
        elif type(value) is not self._own:
            writer.remark(f"a {describe(type(value))} comes back as a plain path")
        return written

    def read(self, registry: Registry, node: Any) -> pathlib.PurePath:
        name = node.attrs.get("class")
        if name is None:
            return pathlib.Path(read_text(node))
        for cls in self._pure:
            if cls.__name__ == name:
                return cls(read_text(node))
        raise NotReadable(f"it is a path of the class {name}")

    def check(self, registry: Registry, node: Any, value: pathlib.PurePath) -> None:
        super().check(registry, node, value if type(value) in self._pure else self._own(value))


CODECS: tuple[Codec, ...] = (
    Nothing(),
    Number(bool),
    Integer(),
    Number(float),
    Number(complex),
    Range(),
    Text(),
    Bytes(bytes),
    Bytes(bytearray),
    AsText(decimal.Decimal),
    AsText(fractions.Fraction),
    AsText(uuid.UUID),
    Path(),
)
