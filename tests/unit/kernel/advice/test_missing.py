"""A part that is not installed is named, with the line to type."""

from __future__ import annotations

from nebulab.kernel.advice import for_error

# As pandas 2 words it.
PYTABLES = "Missing optional dependency 'pytables'.  Use pip or conda to install pytables."


def test_pandas_on_a_training_s_arrays() -> None:
    advice = for_error(ImportError(PYTABLES))
    assert "nebulab.load(path)[name]" in advice
    assert "%pip install tables" in advice
