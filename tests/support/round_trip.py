"""A value into a file and back; runs in either environment."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py

from nebulab.harvest.codecs import NotStorable, decode, encode
from nebulab.harvest.codecs.base import kind_of
from support.values import EXAMPLES, is_same


def there_and_back(folder: Path, value: Any) -> Any:
    """Write a value, read it from the file opened anew, and return it."""
    with h5py.File(folder / "values.h5", "w", libver="latest") as file:
        encode(file, "value", value)
    with h5py.File(folder / "values.h5") as file:
        return decode(file["value"])


def node_of(folder: Path, value: Any) -> tuple[dict[str, Any], Any]:
    """Write a value; return its node's attributes and what another reader sees there, or the names in a group."""
    with h5py.File(folder / "values.h5", "w", libver="latest") as file:
        node = encode(file, "value", value)
        return dict(node.attrs), list(node) if isinstance(node, h5py.Group) else node[()]


def refusal(folder: Path, value: Any) -> str:
    """Return why a value is not kept; nothing of it may be left in the file."""
    with h5py.File(folder / "values.h5", "w", libver="latest") as file:
        try:
            encode(file, "value", value)
        except NotStorable as error:
            assert list(file) == []
            return str(error)
    raise AssertionError(f"{value!r} was kept")


def check_values(folder: Path, kind: str, values: Iterable[Any]) -> None:
    """Compare values of one kind with what comes back of them."""
    for value in values:
        back = there_and_back(folder, value)
        with h5py.File(folder / "values.h5") as file:
            assert kind_of(file["value"]) == kind
        assert is_same(value, back), f"{value!r} came back as {back!r}"


def check_examples(folder: Path, *kinds: str) -> None:
    """Compare the examples of some kinds with what comes back of them."""
    for kind in kinds:
        check_values(folder, kind, EXAMPLES[kind]())
