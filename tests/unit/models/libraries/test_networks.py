"""Converters' chatter stays out of the notebook's log."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nebulab.models.attempt import CantExport, Output
from nebulab.models.hard_rows import EMPTY, EQUAL, EXTREMES, MISSING, OPPOSITE
from nebulab.models.libraries.networks import (
    constants,
    harder,
    leaves,
    of_known_numbers,
    positional,
    quietly,
    rebuilt,
    unchanged,
)
from nebulab.models.samples import Sample


def test_a_converter_is_not_heard(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with quietly():
        print("chatter")
        print("the traced code", file=sys.stderr)
        logging.getLogger("converter").error("chatter")
        warnings.warn("chatter", stacklevel=1)
    assert (*capsys.readouterr(), caplog.text) == ("", "", "")


def test_afterwards_all_are_heard_again(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="fails"), quietly():
        raise ValueError("it fails")
    print("said")
    logging.getLogger("notebook").error("logged")
    assert capsys.readouterr().out == "said\n"
    assert "logged" in caplog.text


def test_a_call_is_taken_apart_and_put_together() -> None:
    one, two, three = (np.full(2, number) for number in (1, 2, 3))
    made = {"x": {"words": one, "lengths": [two, 5]}, "mask": three, "state": None, "training": False}
    assert [name for name, _ in leaves(made)] == ["words", "lengths_0", "mask"]
    assert list(constants(made)) == ["lengths_1=5", "training=False"]
    again = rebuilt(made, iter("abc"))
    assert again == {"x": {"words": "a", "lengths": ["b", 5]}, "mask": "c", "state": None, "training": False}


def test_an_argument_by_name_is_never_forgotten() -> None:
    assert positional(Sample((1,), "seen in a call")) == (1,)
    with pytest.raises(CantExport, match="by name"):
        positional(Sample((1,), "seen in a call", {"mask": 2}))


def test_what_computes_in_fewer_bits_than_onnx_runtime_is_refused() -> None:
    of_known_numbers([np.dtype(np.float16), "float32", ""], "never")
    with pytest.raises(CantExport, match="float8_e4m3fn, which ONNX Runtime has no operators for: cast it"):
        of_known_numbers(["float32", "float8_e4m3fn"], "cast it")


FEEDS = [np.random.default_rng(0).normal(size=(8, 9)).astype(np.float32)]


def tried(answer: Callable[[np.ndarray], np.ndarray]) -> dict[str, bool]:
    """Return the kinds of hard rows of a network, and whether a difference is only told."""
    found = harder(FEEDS, lambda feeds: [Output("call", answer(feeds[0]))])
    return {each.kind: each.adversarial for each in found}


def test_hard_rows_are_those_that_a_network_answers() -> None:
    usual = {EMPTY: False, OPPOSITE: False, EQUAL: True, EXTREMES: True}
    assert tried(lambda rows: rows * 2) == usual, "missing values are answered with missing ones"
    assert tried(np.nan_to_num) == usual | {MISSING: True}
    assert tried(lambda rows: rows.argmax(axis=1)) == dict.fromkeys(usual, True), "labels turn at the last bit"

    def refuses(rows: np.ndarray) -> np.ndarray:
        if not rows.any():
            raise ValueError("zeros")
        return rows

    assert EMPTY not in tried(refuses)


class Variable:
    """A variable of Keras or TensorFlow."""

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values)

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.values

    def assign(self, values: Any) -> None:
        self.values = values


def test_variables_hold_what_they_held_before() -> None:
    calls, weights = Variable([1]), Variable([0.5, float("nan")])
    before = weights.values
    with pytest.raises(ValueError, match="fails"), unchanged([calls, weights]):
        calls.values = calls.values + 1
        raise ValueError("it fails")
    assert calls.values.tolist() == [1]
    assert weights.values is before, "what did not change is left"
