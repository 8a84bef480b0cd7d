"""Which axis of a call's arguments are the rows: told by what a function answers for some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from nebulab.models.libraries.rows import find, part

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(40, 4))
SERIES = RANDOM.normal(size=(9, 40, 3))
"""Time first: nine steps of forty rows."""


def asked(function: Callable[..., Any]) -> Callable[[Sequence[Any]], list[np.ndarray]]:
    return lambda arguments: [np.asarray(function(*arguments))]


def test_rows_are_first_where_each_is_answered_for_itself() -> None:
    rows = find([TABLE, TABLE[:, :1], np.ones((5, 5))], asked(lambda x, y, places: x.sum(axis=1) + y[:, 0]), 8)
    assert (rows.axes, rows.depend) == ([0, 0, None], False)
    assert [each.shape for each in rows.arguments] == [(8, 4), (8, 1), (5, 5)]
    assert rows.arguments[0][-1].tolist() == TABLE[-1].tolist(), "spread over all"


@pytest.mark.parametrize("answer", [lambda x: x.cumsum(axis=0), lambda x: x[::-1].cumsum(axis=0), lambda x: x.sum(0)])
def test_with_time_first_rows_are_second_and_time_stays_whole(answer: Callable[..., Any]) -> None:
    rows = find([SERIES], asked(answer), 8)
    assert (rows.axes, rows.depend, rows.arguments[0].shape) == ([1], False, (9, 8, 3))
    words = RANDOM.integers(0, 9, (9, 40))
    assert find([words], asked(answer), 8).axes == [1]


def test_a_state_has_its_rows_elsewhere() -> None:
    first = SERIES.swapaxes(0, 1)
    rows = find([first, np.ones((1, 40, 3))], asked(lambda x, state: x + state[0][:, None]), 8)
    assert (rows.axes, [each.shape for each in rows.arguments]) == ([0, 1], [(8, 9, 3), (1, 8, 3)])
    mask = np.ones((40, 9))
    rows = find([SERIES, mask], asked(lambda x, mask: (x * mask.T[..., None]).sum(axis=0)), 8)
    assert rows.axes == [1, 0]


def test_a_number_has_no_rows() -> None:
    rows = find([np.float64(3), TABLE], asked(lambda time, x: time * x), 8)
    assert (rows.axes, rows.arguments[1].shape) == ([None, 0], (8, 4))


def test_a_square_is_not_taken_for_rows_where_the_first_is() -> None:
    later = np.triu(np.ones((8, 8)))
    rows = find([RANDOM.normal(size=(8, 8, 3)), later], asked(lambda x, later: later @ x), 8)
    assert (rows.axes, rows.arguments[1].shape) == ([0, None], (8, 8))


def test_the_number_of_rows_is_that_of_no_other_axis() -> None:
    assert find([np.ones((40, 8, 7))], asked(lambda x: x), 8).arguments[0].shape == (6, 8, 7)


def norm(x: np.ndarray) -> np.ndarray:
    """A norm over the batch, which takes no single row."""
    if len(x) < 2:
        raise ValueError("more than one row")
    centred: np.ndarray = x - x.mean(axis=0)
    return centred


@pytest.mark.parametrize("answer", [norm, lambda x: x - x.mean(axis=0), lambda x: x[:1] * x])
def test_rows_that_depend_on_one_another_are_told(answer: Callable[..., Any]) -> None:
    rows = find([TABLE], asked(answer), 8)
    assert (rows.axes, rows.depend, rows.arguments[0].shape) == ([0], True, (8, 4))


def test_where_nothing_is_answered_rows_are_first() -> None:
    def refuses(x: Any) -> Any:
        raise ValueError("never")

    assert (find([SERIES], asked(refuses), 8).axes, find([np.float64(3)], asked(refuses), 8).axes) == ([0], [None])
    assert find([TABLE[:1]], asked(norm), 8).axes == [0], "one row alone tells nothing"


def test_some_rows_of_each_argument() -> None:
    first, second, third = part([TABLE, SERIES, np.eye(2)], [0, 1, None], [1, 3])
    assert first.tolist() == TABLE[[1, 3]].tolist()
    assert second.tolist() == SERIES[:, [1, 3]].tolist()
    assert third.shape == (2, 2)
