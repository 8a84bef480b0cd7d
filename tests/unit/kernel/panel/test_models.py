"""The card in an ONNX file for a preview: read without the weights, and without onnx; a hostile one is a text or an
error."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from nebulab.kernel.panel.models import card
from nebulab.models.card import METADATA_KEY

CARD: dict[str, Any] = {
    "name": "forest",
    "class": "sklearn.ensemble.RandomForestClassifier",
    "kind": "scikit-learn",
    "verified": True,
    "proof": None,
    "reason": "",
    "inputs": [{"name": "X", "type": "float", "shape": ["any", 30]}],
    "outputs": [{"name": "label", "type": "int64", "shape": ["any"]}],
    "metrics": {"accuracy": 0.97},
    "versions": {"python": "3.11"},
    "code_sha256": "",
    "hardware": {"gpus": "none"},
    "date": "2026-11-29",
}


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def model(values: Any, *, weights: int = 1000) -> io.BytesIO:
    entry = field(1, METADATA_KEY.encode()) + field(2, json.dumps(values).encode())
    return io.BytesIO(
        varint(1 << 3)
        + varint(10)
        + field(2, b"skl2onnx")
        + field(3, b"1.20")
        + field(7, b"\xff" * weights)
        + field(14, entry)
    )


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found


def test_the_card_is_shown_with_its_verdict() -> None:
    found = card(model(CARD))
    assert (found["kind"], found["title"], found["proven"]) == ("model", "forest", True)
    assert found["verdict"].startswith("Checked:")
    titles = {section["title"]: section for section in found["sections"]}
    assert titles["Inputs"]["rows"] == [["X", "float", "any number × 30"]]
    assert titles["Measures found in the notebook"]["rows"] == [["accuracy", "0.97"]]


def test_the_weights_are_not_read() -> None:
    file = Counting(model(CARD, weights=5_000_000).getvalue())
    assert card(file)["kind"] == "model"
    assert file.count < 10_000


def test_a_model_without_a_card_says_who_made_it() -> None:
    found = card(io.BytesIO(field(2, b"pytorch") + field(3, b"2.13") + field(7, b"graph")))
    assert found["kind"] == "none"
    assert "pytorch 2.13" in found["text"]


def test_what_a_hostile_card_says_is_text() -> None:
    found = card(model(CARD | {"name": "<script>alert(1)</script>", "class": ["x"], "verified": "yes", "reason": 5}))
    assert found["title"] == "<script>alert(1)</script>"
    assert found["proven"] is False


@pytest.mark.parametrize("values", [None, [], {"name": "x"}, CARD | {"inputs": 5}, CARD | {"metrics": "x"}])
def test_a_card_of_another_form_is_an_error(values: Any) -> None:
    with pytest.raises((TypeError, LookupError, AttributeError, ValueError)):
        card(model(values))


@pytest.mark.parametrize("content", [b"\x0f", b"\xff" * 20, b"\x08" * 50_001, b"\x80"])
def test_what_is_no_onnx_file_is_told(content: bytes) -> None:
    with pytest.raises(ValueError, match="no ONNX file"):
        card(io.BytesIO(content))


def test_a_field_that_is_longer_than_the_file_ends_nothing_else() -> None:
    assert card(io.BytesIO(varint(7 << 3 | 2) + varint(2**60)))["kind"] == "none"
