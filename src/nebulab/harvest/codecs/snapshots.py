"""A value with its lists, dictionaries and sets copied before it is written; runs in the kernel.

A thread of the notebook may go on filling them. What holds itself, or unfolds into more values than anybody could
write, is seen here, before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nebulab.harvest.codecs.base import NotStorable

_DEEPEST = 100
_MOST_VALUES = 100_000_000
"""Values that a list and its members may come to, one that is held twice counted twice."""


def snapshot(value: Any, leaf: Callable[[Any], Any] | None = None) -> Any:
    """Return `value` with all of its containers copied; `leaf` copies what they hold.

    Raises
    ------
    NotStorable
        It holds itself, is nested too deep or unfolds into too many values.
    """
    return _Snapshot(leaf).take(value)[0]


class _Snapshot:
    def __init__(self, leaf: Callable[[Any], Any] | None) -> None:
        self._leaf = leaf
        self._open: set[int] = set()
        # The original is held too, so that no other object can get its id.
        self._taken: dict[int, tuple[Any, Any, int]] = {}

    def take(self, value: Any) -> tuple[Any, int]:
        """Return the copy, and how many values it unfolds into."""
        if not _is_container(value):
            return (value if self._leaf is None else self._leaf(value)), 1
        if id(value) in self._open:
            raise NotStorable("it holds itself")
        if id(value) not in self._taken:
            if len(self._open) >= _DEEPEST:
                raise NotStorable(f"it is nested deeper than {_DEEPEST} levels")
            self._open.add(id(value))
            copied, count = self._copied(value)
            self._open.remove(id(value))
            if count > _MOST_VALUES:
                raise NotStorable(f"it unfolds into more than {_MOST_VALUES:,} values")
            self._taken[id(value)] = (value, copied, count)
        _, copied, count = self._taken[id(value)]
        return copied, count

    def _copied(self, value: Any) -> tuple[Any, int]:
        # Each first copy is one step for other threads.
        if type(value) is dict:
            plain = dict(value)
            keys, key_count = self._members(list(plain))
            values, count = self._members(list(plain.values()))
            return dict(zip(keys, values, strict=True)), key_count + count
        if type(value) is np.ndarray:
            array = value.copy()
            members, count = self._members(array.reshape(-1).tolist())
            for place, member in enumerate(members):
                array.reshape(-1)[place] = member
            return array, count
        members, count = self._members(list(value))
        return type(value)(members), count

    def _members(self, members: list[Any]) -> tuple[list[Any], int]:
        if self._leaf is None and not any(map(_MAY_HOLD.__contains__, set(map(type, members)))):
            return members, len(members)
        copies = [self.take(member) for member in members]
        return [copied for copied, _ in copies], sum(count for _, count in copies)


_CONTAINERS: Iterable[type] = frozenset([list, tuple, dict, set, frozenset])
_MAY_HOLD = frozenset([*_CONTAINERS, np.ndarray])


def _is_container(value: Any) -> bool:
    return type(value) in _CONTAINERS or (type(value) is np.ndarray and value.dtype.kind == "O")
