"""Converters' chatter stays out of the notebook's log."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest

from nebulab.models.attempt import CantExport
from nebulab.models.libraries.networks import constants, leaves, positional, quietly, rebuilt
from nebulab.models.samples import Sample


def test_a_converter_is_not_heard(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with quietly():
        print("chatter")
        logging.getLogger("converter").error("chatter")
        warnings.warn("chatter", stacklevel=1)
    assert (capsys.readouterr().out, caplog.text) == ("", "")


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
