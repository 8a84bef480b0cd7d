"""A notebook's cells for a preview: sources and texts, and nothing that a page could run."""

from __future__ import annotations

from typing import Any

import pytest

from nebulab.kernel.panel.notebooks import cells

SCRIPT = "<script>alert(1)</script>"


def code(*outputs: Any, source: Any = "x") -> dict[str, Any]:
    return {"cells": [{"cell_type": "code", "source": source, "outputs": list(outputs)}]}


def test_sources_and_texts_are_shown() -> None:
    notebook = {
        "cells": [
            {"cell_type": "markdown", "source": ["# A ", "title"]},
            {"cell_type": "code", "source": "1 + 1", "outputs": [{"output_type": "stream", "text": ["a", "b"]}]},
            {"cell_type": "something", "source": "raw"},
        ]
    }
    assert cells(notebook)["cells"] == [
        {"type": "markdown", "source": "# A title", "outputs": []},
        {"type": "code", "source": "1 + 1", "outputs": ["ab"]},
        {"type": "raw", "source": "raw", "outputs": []},
    ]


@pytest.mark.parametrize("kind", ["text/html", "application/javascript", "image/svg+xml", "text/markdown", "x/y"])
def test_an_output_that_a_page_could_run_is_not_passed_on(kind: str) -> None:
    found = cells(code({"output_type": "display_data", "data": {kind: SCRIPT, "text/plain": "a table"}}))
    assert SCRIPT not in str(found)
    assert found["cells"][0]["outputs"] == [f"[{kind}]" if kind.startswith("image/") else "a table"]


def test_an_error_is_told_by_its_name() -> None:
    output = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": ["long"]}
    assert cells(code(output))["cells"][0]["outputs"] == ["ValueError: no"]


@pytest.mark.parametrize(
    "output", [None, 5, {}, {"data": 5}, {"output_type": "stream", "text": 5}, {"data": {"text/plain": {}}}]
)
def test_a_broken_output_is_left_out(output: Any) -> None:
    assert cells(code(output))["cells"][0]["outputs"] == []


@pytest.mark.parametrize("notebook", [None, [], {}, {"cells": "x"}, {"worksheets": []}])
def test_what_is_no_notebook_is_told(notebook: Any) -> None:
    with pytest.raises(ValueError, match="no notebook"):
        cells(notebook)


def test_a_long_notebook_is_bounded() -> None:
    found = cells({"cells": code(source="x" * 10**6)["cells"] * 1000})
    assert (len(found["cells"]), found["more"]) == (200, True)
    assert len(found["cells"][0]["source"]) == 20_000
