"""What a codec is, and the registry that finds one for a value or for a node of a file; runs in the kernel.

A codec writes values of one kind as a node of an HDF5 file (a data set or a group) and reads them back. The node's
attribute `nebulab` names the kind. Any other HDF5 reader sees plain arrays, numbers and strings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, TypeAlias

import h5py
import numpy as np

from nebulab.harvest.codecs.comparing import same

KIND = "nebulab"
FINE_KIND = "nebulab_kind"
"""Where a kind is newer than the format: its name, while KIND names the nearest kind that older readers know."""
DEEPEST = 16

Node: TypeAlias = h5py.Dataset | h5py.Group


class NotStorable(Exception):
    """A value has no loss-free form here; the text says why."""


class Differs(NotStorable):
    """A value read back from the file is not the one that was written."""


class NotReadable(Exception):
    """A node of a file can't become a value here; the text says why."""


class Codec(ABC):
    """Writer and reader of one kind of values.

    `classes` are the types whose values it writes, `libraries` the same by the library's and the class's name: a
    library that was not imported has made no such value. Values of subclasses are written too where `subclasses` says
    so, and always for `libraries`.
    """

    kind: str
    classes: tuple[type, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()
    subclasses: bool = False

    def takes(self, value: Any) -> bool:
        """Whether a value of these classes is of this kind: several kinds may share a class."""
        return True

    @abstractmethod
    def write(self, writer: Writer, group: h5py.Group, name: str, value: Any) -> Node:
        """Write `value` below `group` under `name`.

        Raises
        ------
        NotStorable
            It has no loss-free form.
        """

    @abstractmethod
    def read(self, registry: Registry, node: Any) -> Any:
        """Return the value of a node that `write` wrote, in this version or an older one.

        Raises
        ------
        NotReadable
            It can't be had here.
        """

    def check(self, registry: Registry, node: Any, value: Any) -> None:
        """Compare a node with the value that was written: type, dtype, shape and content.

        Raises
        ------
        Differs
        """
        back = self.read(registry, node)
        if not same(value, back):
            raise Differs(f"a {describe(type(value))} would come back as another value")

    def copy(self, value: Any) -> Any:
        """Return a copy of a value whose content a thread may change while it is written; else the value itself."""
        return value


class Registry:
    """All codecs; the first that takes a value is its own."""

    def __init__(self, codecs: Iterable[Codec]) -> None:
        self.codecs = tuple(codecs)
        self._kinds = {codec.kind: codec for codec in self.codecs}
        self._classes: dict[type, list[Codec]] = {}
        self._libraries: dict[tuple[str, str], list[Codec]] = {}
        for codec in self.codecs:
            for cls in codec.classes:
                self._classes.setdefault(cls, []).append(codec)
            for name in codec.libraries:
                self._libraries.setdefault(name, []).append(codec)

    def codec_for(self, value: Any) -> Codec:
        """Return the codec that writes `value`.

        Raises
        ------
        NotStorable
            There is none.
        """
        for cls in type(value).__mro__:
            for codec in self._classes.get(cls, ()):
                if (cls is type(value) or codec.subclasses) and codec.takes(value):
                    return codec
            for codec in self._libraries.get((cls.__module__.partition(".")[0], cls.__name__), ()):
                if codec.takes(value):
                    return codec
        raise NotStorable(f"there is no loss-free form for {describe(type(value))}")

    def read(self, node: Node) -> Any:
        """Return the value of a node; of another writer a data set is an array, a group a dictionary.

        Raises
        ------
        NotReadable
            The kind is not known here.
        """
        kind = kind_of(node)
        if kind is None:
            if isinstance(node, h5py.Group):
                return {name: self.read(member) for name, member in node.items()}
            value = node[()]
            return value.decode() if isinstance(value, bytes) else value
        return self._codec(kind).read(self, node)

    def check(self, node: Node, value: Any) -> None:
        """Compare a node with the value that was written.

        Raises
        ------
        Differs
        """
        self._codec(kind_of(node)).check(self, node, value)

    def copy(self, value: Any) -> Any:
        """Return a copy of a value that a thread may change, else the value itself."""
        try:
            return self.codec_for(value).copy(value)
        except NotStorable:
            return value

    def _codec(self, kind: str | None) -> Codec:
        if kind is None or kind not in self._kinds:
            raise NotReadable(f"its kind, {kind!r}, is not known to this version of Nebulab")
        return self._kinds[kind]


class Writer:
    """Writes one value and all that it holds; `remarks` says what a reader will not get back of it."""

    def __init__(self, registry: Registry, *, depth: int = 0, remarks: list[str] | None = None) -> None:
        self.registry = registry
        self.remarks: list[str] = [] if remarks is None else remarks
        self._depth = depth

    def write(self, group: h5py.Group, name: str, value: Any) -> Node:
        """Write `value` with its codec.

        Raises
        ------
        NotStorable
            The value (or a member of it) has no loss-free form.
        """
        if self._depth > DEEPEST:
            raise NotStorable(f"it is nested deeper than {DEEPEST} levels")
        return self.registry.codec_for(value).write(self, group, name, value)

    def deeper(self) -> Writer:
        """Return the writer for the members of the value that this one writes."""
        return Writer(self.registry, depth=self._depth + 1, remarks=self.remarks)

    def remark(self, text: str) -> None:
        """Note, once, something that is not kept of the value."""
        if text not in self.remarks:
            self.remarks.append(text)


def mark(node: Node, kind: str, **attributes: Any) -> Node:
    """Set a node's kind, and what else its reader needs."""
    node.attrs[KIND] = kind
    for name, value in attributes.items():
        node.attrs[name] = value
    return node


def kind_of(node: Node) -> str | None:
    """Return the kind of a node, or None for one of another writer."""
    kind = node.attrs.get(FINE_KIND, node.attrs.get(KIND))
    return None if kind is None else str(kind)


def describe(cls: type) -> str:
    """Return a class's name with its module, as a report shows it."""
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else f"{module}.{cls.__qualname__}"


def shape_of(node: Node) -> tuple[int, ...]:
    """Return the shape that a node's attribute tells."""
    return tuple(int(size) for size in np.asarray(node.attrs["shape"]))
