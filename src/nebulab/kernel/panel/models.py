"""The model card that Nebulab wrote into an ONNX file, for a preview; a process of the kernels' environment.

The file's outermost fields are read, and its weights are skipped: a model of gigabytes takes two short reads.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import IO, Any

from nebulab.models.card import METADATA_KEY, sections, verdict

# Field numbers of ONNX's ModelProto and StringStringEntryProto (onnx.proto).
_PRODUCER, _PRODUCER_VERSION, _METADATA = 2, 3, 14
_KEY, _VALUE = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 4 * 1024 * 1024
_MOST_FIELDS = 10_000
_MOST_ROWS = 200
_LONGEST_TEXT = 500


def card(file: IO[bytes]) -> dict[str, Any]:
    """Return the card of the ONNX file, or what else it says of itself.

    Raises
    ------
    ValueError
        It is no ONNX file.
    """
    fields = _fields(file, {_PRODUCER, _PRODUCER_VERSION, _METADATA})
    texts = {number: content.decode(errors="replace") for number, content in fields if number != _METADATA}
    entries = [_entry(content) for number, content in fields if number == _METADATA]
    found = next((value for key, value in entries if key == METADATA_KEY), None)
    if found is None:
        maker = f"{texts.get(_PRODUCER, '')} {texts.get(_PRODUCER_VERSION, '')}".strip() or "an unknown program"
        return {
            "kind": "none",
            "text": f"An ONNX model made by {maker}, without a model card: Nebulab did not export and check it.",
        }
    values = json.loads(found)
    return {
        "kind": "model",
        "title": str(values["name"])[:_LONGEST_TEXT],
        "class": str(values["class"])[:_LONGEST_TEXT],
        "proven": values["verified"] is True,
        "verdict": verdict(values)[:_LONGEST_TEXT],
        "sections": [_plain(asdict(section)) for section in sections(values)],
    }


def _plain(section: dict[str, Any]) -> dict[str, Any]:
    rows = [[str(cell)[:_LONGEST_TEXT] for cell in row] for row in section["rows"][:_MOST_ROWS]]
    return {"title": section["title"], "text": section["text"], "heads": list(section["heads"]), "rows": rows}


def _entry(content: bytes) -> tuple[str, str]:
    fields = dict(_fields(io.BytesIO(content), {_KEY, _VALUE}))
    return fields.get(_KEY, b"").decode(errors="replace"), fields.get(_VALUE, b"").decode(errors="replace")


def _fields(file: IO[bytes], wanted: set[int]) -> list[tuple[int, bytes]]:
    """Return the wanted fields of a protocol buffer's message; all others are skipped."""
    found: list[tuple[int, bytes]] = []
    for _ in range(_MOST_FIELDS):
        tag = _varint(file)
        if tag is None:
            return found
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _varint(file)
        elif kind in (_FIXED64, _FIXED32):
            file.seek(8 if kind == _FIXED64 else 4, 1)
        elif kind == _BYTES:
            length = _varint(file) or 0
            if number in wanted and length <= _LONGEST:
                found.append((number, file.read(length)))
            else:
                file.seek(length, 1)
        else:
            raise ValueError("no ONNX file")
    raise ValueError("no ONNX file: too many fields")


def _varint(file: IO[bytes]) -> int | None:
    """Return the next number, or None at the end of the file."""
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            if shift:
                raise ValueError("no ONNX file: it is cut")
            return None
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    raise ValueError("no ONNX file")
