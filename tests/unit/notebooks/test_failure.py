"""A failing cell is told in one line, and in its own lines: those of libraries are in the executed notebook."""

from __future__ import annotations

from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError

from nebulab.notebooks import failure

PANDAS = [
    "\x1b[31m-----------\x1b[39m",
    "KeyError                                  Traceback (most recent call last)",
    "File /opt/venv/lib/python3.11/site-packages/pandas/core/indexes/base.py:3805, in Index.get_loc(self, key)",
    "File pandas/_libs/index.pyx:167, in pandas._libs.index.IndexEngine.get_loc()\n--> 167 'Could not get source'",
    "File pandas/_libs/hashtable_class_helper.pxi:7088, in pandas._libs.hashtable.get_item()",
    "KeyError: 'missing_column'",
    "\nThe above exception was the direct cause of the following exception:\n",
    "KeyError                                  Traceback (most recent call last)",
    "\x1b[36mCell\x1b[39m In[2], line 1\n----> 1 table['missing_column']",
    "File /usr/lib/python3.11/json/decoder.py:355, in raw_decode(self, s, idx)",
    "KeyError: 'missing_column'",
]


def described(source: str, traceback: list[str], name: str = "KeyError", value: str = "'missing_column'") -> str:
    output = {"output_type": "error", "ename": name, "evalue": value, "traceback": traceback}
    cell: dict[str, Any] = {"source": source, "outputs": [{"output_type": "stream", "text": "x"}, output]}
    return failure.describe(2, 3, cell, CellExecutionError("", name, value))


def test_only_the_persons_own_lines_are_left() -> None:
    assert described("table['missing_column']", PANDAS) == (
        "Cell 2 of 3 failed: KeyError: 'missing_column'\n\n"
        "table['missing_column']\n\n"
        "KeyError                                  Traceback (most recent call last)\n"
        "Cell In[2], line 1\n----> 1 table['missing_column']\n"
        "KeyError: 'missing_column'"
    )


def test_a_cause_in_the_persons_own_code_is_kept() -> None:
    chained = [
        *PANDAS[7:],
        PANDAS[6],
        "ValueError   Traceback",
        "File /work/jupyter/mine.py:3, in f()",
        "ValueError: 1",
    ]
    told = described("f()", chained, "ValueError", "1")
    assert "Cell In[2], line 1" in told
    assert "mine.py:3" in told
    assert told.endswith("ValueError: 1")


@pytest.mark.parametrize("value", ["a\nb", "c" * 5000, "", "  "])
def test_the_first_line_is_one_and_short(value: str) -> None:
    first, blank, *_ = described("raise X", ["X"], "X", value).splitlines()
    assert first.startswith("Cell 2 of 3 failed: X")
    assert blank == ""
    assert len(first) < 250


def test_another_kernels_traceback_is_told_as_it_is() -> None:
    assert described("stop('no')", ["Error in eval(expr): no"], "ERROR", "no").endswith("Error in eval(expr): no")
    assert described("stop('no')", [], "ERROR", "no").endswith("\n\nERROR: no")


def test_a_long_cell_is_shortened() -> None:
    assert "(70 more lines)" in described("\n".join(map(str, range(100))), PANDAS)
