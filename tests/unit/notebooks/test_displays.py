"""Whatever a kernel shows can be kept in a notebook; what had to be changed is told."""

from __future__ import annotations

import warnings
from typing import Any

import nbformat
import pytest
from jupyter_client.session import json_packer

from nebulab.notebooks.displays import mend

VALUES: tuple[object, ...] = (None, True, 5, 1.5, "text", ["a\n", "b"], ["a", None], {"key": [1]}, [])


@pytest.mark.parametrize("kind", ["execute_result", "display_data"])
@pytest.mark.parametrize("mime", ["text/plain", "text/html", "image/png", "application/json", "application/x+json"])
@pytest.mark.parametrize("value", VALUES, ids=str)
def test_a_display_of_any_type_can_be_kept(kind: str, mime: str, value: object) -> None:
    content: dict[str, Any] = {"data": {mime: value, "text/latex": "x"}, "metadata": None, "execution_count": 1}
    told = mend(kind, content)
    message = {"header": {"msg_type": kind}, "content": content}
    kept = nbformat.v4.output_from_msg(message)
    assert kept.data["text/latex"] == "x"
    changed = kept.data[mime] != value
    assert changed == bool(told)
    assert all(mime in line and "kept as text" in line for line in told)


@pytest.mark.parametrize("data", [None, 5, ["x"], "text"])
def test_a_display_without_forms(data: object) -> None:
    content: dict[str, Any] = {"data": data, "metadata": {}}
    assert "kept as text" in mend("display_data", content)[0]
    nbformat.v4.output_from_msg({"header": {"msg_type": "display_data"}, "content": content})


@pytest.mark.parametrize("value", [None, 5, ["line", None]])
def test_an_error_of_any_form(value: object) -> None:
    content: dict[str, Any] = {"ename": value, "evalue": value, "traceback": value}
    mend("error", content)
    nbformat.v4.output_from_msg({"header": {"msg_type": "error"}, "content": content})


def test_a_number_that_json_has_not_is_told_in_our_words() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        json_packer({"content": {"x": float("nan")}})
    shown = warnings.formatwarning(caught[0].message, UserWarning, "/env/jupyter_client/session.py", 113, "  return x")
    content: dict[str, Any] = {"name": "stderr", "text": f"before\n{shown}after\n"}
    assert mend("stream", content) == [
        "A display holds what JSON has not (a NaN or an infinite number): it is kept as text."
    ]
    assert content["text"] == "before\nafter\n"
