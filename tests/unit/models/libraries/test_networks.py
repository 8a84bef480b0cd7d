"""Converters' chatter stays out of the notebook's log."""

from __future__ import annotations

import logging
import warnings

import pytest

from nebulab.models.libraries.networks import quietly


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
