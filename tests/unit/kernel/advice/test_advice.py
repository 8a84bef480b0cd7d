"""Advice is printed below the error of a cell that there is advice for, once, and below no other."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from nebulab import kernel
from nebulab.kernel.advice import for_error


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        ("raise OSError(28, 'No space left on device')", "There is no room left"),
        ("open('/import/1')", "path = get(1)"),
        ("raise ImportError(\"Missing optional dependency 'pytables'.\")", "nebulab.load(path)[name]"),
        ("1 / 0", ""),
    ],
)
def test_a_cell_s_error_with_advice(cell: str, advice: str, capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell()
    kernel.load_ipython_extension(shell)
    shell.run_cell(cell)
    said = capsys.readouterr().err
    assert said.count(advice) == 1 if advice else said == ""


def test_an_error_of_another_kind() -> None:
    assert for_error(KeyError("x")) == ""
