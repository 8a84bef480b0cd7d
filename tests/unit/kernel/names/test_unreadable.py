"""Inputs that can't be read are told by every use of them, and never taken for none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nebulab.errors import SettingsError
from nebulab.kernel.names.unreadable import UnreadableInputs

USES: list[Callable[[Any], Any]] = [
    lambda inputs: inputs["a"],
    lambda inputs: inputs.get("a"),
    lambda inputs: "a" in inputs,
    lambda inputs: list(inputs),
    lambda inputs: dict(inputs),
    len,
    bool,
]


@pytest.mark.parametrize("use", USES)
def test_each_use_says_why(use: Callable[[Any], Any]) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        use(UnreadableInputs(SettingsError("The inputs can't be read.", "Begin anew.")))


def test_it_shows_the_reason() -> None:
    shown = repr(UnreadableInputs(SettingsError("The inputs can't be read.", "Begin anew.")))
    assert shown == "<inputs: The inputs can't be read. Begin anew.>"
