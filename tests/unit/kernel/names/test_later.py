"""Stand-ins for what is imported at its first use do what the real class and module do."""

from __future__ import annotations

import sys
import types
from fractions import Fraction
from typing import Any

import pytest

from nebulab.kernel.names.later import LaterClass, LaterModule


@pytest.fixture
def stand_in() -> Any:
    return LaterClass("fractions", "Fraction")


def test_a_class_makes_instances(stand_in: Any) -> None:
    assert stand_in(1, 2) == Fraction(1, 2)
    assert type(stand_in(3)) is Fraction
    assert stand_in.from_float(0.5) == Fraction(1, 2)


def test_a_class_knows_its_instances_and_subclasses(stand_in: Any) -> None:
    assert isinstance(Fraction(1), stand_in)
    assert not isinstance(1.0, stand_in)
    assert issubclass(Fraction, stand_in)


def test_a_class_can_be_subclassed(stand_in: Any) -> None:
    class Own(stand_in):  # type: ignore[misc]
        def twice(self) -> Any:
            return self * 2

    assert Own(1, 4).twice() == Fraction(1, 2)
    assert Own.__mro__[1] is Fraction


def test_a_class_stands_in_annotations_and_comparisons(stand_in: Any) -> None:
    assert (stand_in | None) == (Fraction | None)
    assert (None | stand_in) == (None | Fraction)
    assert stand_in == Fraction
    assert stand_in != "Fraction"
    assert hash(stand_in) == hash(Fraction)
    assert repr(stand_in) == repr(Fraction)


def test_a_module_is_imported_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    module = LaterModule("colorsys")
    assert isinstance(module, types.ModuleType)
    assert "colorsys" not in sys.modules
    assert module.rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert "colorsys" in sys.modules
    assert "hsv_to_rgb" in dir(module)
    with pytest.raises(AttributeError, match="colorsys"):
        _ = module.nothing
