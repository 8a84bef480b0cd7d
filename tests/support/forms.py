"""Multipart forms as bytes, written by hand and read by a parser that is none of the broker's."""

from __future__ import annotations

from collections.abc import Iterable
from email.parser import BytesParser
from email.policy import HTTP
from typing import NamedTuple


class Part(NamedTuple):
    """A field, or with `filename` a file."""

    name: str
    content: bytes
    filename: str = ""


def write(parts: Iterable[Part], boundary: str = "xyz") -> bytes:
    """Return a form as browsers write it."""
    lines = []
    for part in parts:
        file = f'; filename="{part.filename}"\r\nContent-Type: text/plain' if part.filename else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part.name}"{file}\r\n\r\n'
        lines.append(head.encode() + part.content + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


def read(content_type: str, body: bytes) -> list[Part]:
    """Return the parts of a form."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    found = []
    for part in message.iter_parts():
        disposition = part["Content-Disposition"]
        assert disposition.content_disposition == "form-data"
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append(Part(disposition.params["name"], content, disposition.params.get("filename", "")))
    return found
