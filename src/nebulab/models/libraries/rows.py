"""Which axis of a call's arguments are the rows, told by a network's own answers; runs in the kernel.

Recurrent networks and transformers of PyTorch have time first unless they are told otherwise, and the rows second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nebulab.models.proof import among

Axes = list[int | None]
"""The axis of the rows in each argument, None in those that have none."""
Ask = Callable[[Sequence[Any]], Sequence[np.ndarray]]
"""Returns a network's answers for these arguments."""


@dataclass(frozen=True)
class Rows:
    """A few rows of a call's arguments, and where they are."""

    arguments: Sequence[Any]
    axes: Axes
    depend: bool = False
    """Whether the answer for a row depends on the others."""


def find(arguments: Sequence[Any], ask: Ask, most: int) -> Rows:
    """Return at most that many rows of the arguments, on the axis on which the network answers each for itself.

    Where it does on none, the rows are taken to be on the first axis.
    """
    found = None
    for axis in (0, 1):
        for axes in _choices(arguments, axis):
            few = _few(arguments, axes, most)
            answered = _each_for_itself(few, axes, ask)
            if answered:
                return Rows(few, axes)
            if found is None or (answered is False and not found.depend):
                found = Rows(few, axes, depend=answered is False)
    return found or Rows(arguments, [None] * len(arguments))


def part(arguments: Sequence[Any], axes: Sequence[int | None], places: Sequence[int]) -> list[Any]:
    """Return the arguments with these rows alone."""
    return [
        each if axis is None else each[(slice(None),) * axis + (list(places),)]
        for each, axis in zip(arguments, axes, strict=True)
    ]


def _few(arguments: Sequence[Any], axes: Axes, most: int) -> list[Any]:
    """Return rows that are spread over all, in a number that no other axis has."""
    count = _count(arguments, axes)
    others = {
        size
        for each, rows in zip(arguments, axes, strict=True)
        for place, size in enumerate(each.shape)
        if place != rows
    }
    kept = next((number for number in range(min(most, count), 3, -1) if number not in others), min(most, count))
    return part(arguments, axes, np.unique(np.linspace(0, count - 1, kept).astype(int)).tolist())


def _choices(arguments: Sequence[Any], axis: int) -> Iterator[Axes]:
    """Yield where the rows may be if they are on this axis of the first argument that has one."""
    lead = next((index for index, each in enumerate(arguments) if len(each.shape) > 0), 0)
    first = arguments[lead]
    # Of a table of decimal numbers the second axis are the columns.
    if len(first.shape) <= axis or (axis and (first.shape[axis] < 2 or len(first.shape) < (2 if _whole(first) else 3))):
        return
    count = first.shape[axis]
    near = [_near(each.shape, axis, count) for each in arguments]
    yield near
    clear = [
        place if index == lead or list(each.shape).count(count) == 1 else None
        for index, (each, place) in enumerate(zip(arguments, near, strict=True))
    ]
    if clear != near:
        yield clear


def _count(arguments: Sequence[Any], axes: Axes) -> int:
    return next(each.shape[axis] for each, axis in zip(arguments, axes, strict=True) if axis is not None)


def _whole(array: Any) -> bool:
    return "int" in str(array.dtype)


def _near(shape: Sequence[int], axis: int, count: int) -> int | None:
    if axis < len(shape) and shape[axis] == count:
        return axis
    return next((place for place, size in enumerate(shape) if size == count > 1), None)


def _each_for_itself(arguments: Sequence[Any], axes: Axes, ask: Ask) -> bool | None:
    """Return whether a row's answer is the same without the others, or None if the network takes no part of them."""
    count = _count(arguments, axes)
    if count < 2:
        return True
    whole = _answers(arguments, ask)
    if whole is None:
        return None
    for few in (1, 2):  # a norm over the batch takes no single row
        places = [list(range(few)), list(range(count - few, count))]
        parts = [_answers(part(arguments, axes, each), ask) for each in places]
        if not any(answers is None for answers in parts):
            return all(
                among(values, alone, where, count)
                for where, answers in zip(places, parts, strict=True)
                for values, alone in zip(whole, answers or [], strict=True)
            )
    return None


def _answers(arguments: Sequence[Any], ask: Ask) -> Sequence[np.ndarray] | None:
    try:
        return ask(arguments)
    except Exception:  # noqa: BLE001 - whatever the network raises
        return None
