"""The notebook's file while it runs: always whole on disk, cheap to save again, and not held in memory; runs in a batch
job.

A cell that is done is written once, as JSON, to a file beside; its outputs then leave the memory. Saving joins these
parts with the cells still to come.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

from nebulab.files import replacing

_LARGE_BYTES = 64 * 1024
_SHARE_OF_TIME = 0.05


class NotebookFile:
    """Saves `notebook` to `path` after every cell; use it as a context manager."""

    def __init__(self, notebook: Any, path: Path) -> None:
        self._notebook = notebook
        self._path = path
        self._done = 0
        self._parts: BinaryIO = path.with_name(f".{path.name}.parts").open("w+b")
        self._saved_at = 0.0
        self._save_seconds = 0.0

    def __enter__(self) -> NotebookFile:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.save()
        finally:
            self._parts.close()
            Path(self._parts.name).unlink(missing_ok=True)

    def cell_done(self, index: int, *, keep: bool) -> None:
        """Take over the cells up to `index`; large outputs leave the memory unless `keep` says that they may change."""
        while self._done <= index:
            cell = self._notebook.cells[self._done]
            text = _json(cell)
            if self._done:
                self._parts.write(b",\n")
            self._parts.write(text)
            if len(text) > _LARGE_BYTES and not keep and cell.get("outputs"):
                cell["outputs"] = [output for output in cell["outputs"] if output["output_type"] == "error"]
            self._done += 1
        self._parts.flush()
        # A notebook of many megabytes is not written anew for each of its thousand cells.
        if time.monotonic() - self._saved_at > self._save_seconds / _SHARE_OF_TIME:
            self.save()

    def save(self) -> None:
        """Write the notebook so that readers see the old one or the new one, never a part."""
        begun = time.monotonic()
        with replacing(self._path, f".~{self._path.name}") as beside, beside.open("wb") as file:
            file.write(b'{\n "cells": [\n')
            self._copy_parts(file)
            for place, cell in enumerate(self._notebook.cells[self._done :], start=self._done):
                file.write((b",\n" if place else b"") + _json(cell))
            rest = {
                "metadata": self._notebook.metadata,
                "nbformat": self._notebook.nbformat,
                "nbformat_minor": self._notebook.nbformat_minor,
            }
            text = json.dumps(rest, indent=1, ensure_ascii=False, sort_keys=True)
            file.write(b"\n ],\n" + text[2:].encode("utf-8", "replace"))
            file.write(b"\n")
        self._saved_at = time.monotonic()
        self._save_seconds = self._saved_at - begun

    def _copy_parts(self, file: BinaryIO) -> None:
        file.flush()
        length = self._parts.tell()
        position = 0
        while position < length:
            copied = os.sendfile(file.fileno(), self._parts.fileno(), position, length - position)
            if copied == 0:
                break
            position += copied
        file.seek(0, os.SEEK_END)


def _json(cell: Any) -> bytes:
    """One cell as it stands in a notebook's file: long texts as lists of lines, which Git can compare."""
    plain = {**cell, "source": _lines(cell["source"])}
    if "outputs" in cell:
        plain["outputs"] = [_output(output) for output in cell["outputs"]]
    return json.dumps(plain, indent=1, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def _output(output: Any) -> dict[str, Any]:
    plain = dict(output)
    if "text" in plain:
        plain["text"] = _lines(plain["text"])
    if "data" in plain:
        plain["data"] = {
            kind: _lines(value) if isinstance(value, str) and not kind.endswith("json") else value
            for kind, value in plain["data"].items()
        }
    return plain


def _lines(text: Any) -> Any:
    return text.splitlines(keepends=True) if isinstance(text, str) else text
