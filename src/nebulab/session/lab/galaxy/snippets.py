"""The code that loads a dataset into a notebook, for the panel's menu and its drag; runs in JupyterLab's process.

Names come from anybody who shared a history: a name becomes a text of Python or a comment, and never code.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata

from nebulab.galaxy.contents import Item

_IMAGES = frozenset({"png", "jpg", "jpeg", "gif", "bmp", "webp", "tiff", "tif", "svg"})
_MODELS = frozenset({"onnx"})
_FILES = frozenset({"zip", "tar", "bam", "cram", "sqlite", "pdf", "html", "directory", "zarr", "safetensors"})
_TAKEN = frozenset({"history", "get", "put"})
"""Names that every notebook has."""
_LONGEST_NAME = 40
_LONGEST_COMMENT = 80
# Control and format characters: the latter can make code read otherwise than it runs, right to left for one.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def load(item: Item, own_history: str) -> str:
    """Return the code that loads an item, the datasets of other histories too."""
    lines, expression = _reached(item, own_history)
    return "\n".join([*lines, *_loaded(expression, item.name, item.extension, is_collection=item.is_collection)])


def source(item: Item, own_history: str) -> str:
    """Return the code of the item itself, by which its elements are reached."""
    lines, expression = _reached(item, own_history)
    return "\n".join([*lines, expression])


def load_element(parent: str, path: str, extension: str) -> str:
    """Return the code that loads the element `path` of a collection, whose own code is `parent`."""
    *lines, expression = parent.split("\n")
    name = path.rpartition("/")[2]
    return "\n".join([*lines, *_loaded(f"{expression}[{_text(path)}]", name, extension, is_collection=False)])


def _reached(item: Item, own_history: str) -> tuple[list[str], str]:
    if item.history_id == own_history:
        return [], f"history[{item.hid:d}]"
    imported = ["from nebulab.kernel.histories import History", ""]
    return imported, f"History({_text(item.history_id)})[{item.hid:d}]"


def _loaded(expression: str, name: str, extension: str, *, is_collection: bool) -> list[str]:
    comment = f"  # {_visible(name)}" if _visible(name) else ""
    kind = extension.lower()
    if is_collection:
        return [f"{_variable(name, 'elements')} = {expression}.read(){comment}"]
    if kind in _IMAGES:
        shown = "SVG" if kind == "svg" else "Image"
        return [f"from IPython.display import {shown}", "", f"{shown}(filename=str({expression}.path)){comment}"]
    if kind in _MODELS:
        return [f"{_variable(name, 'model')} = {expression}.model(){comment}"]
    if kind in _FILES:
        return [f"{_variable(name, 'path')} = {expression}.path{comment}"]
    variable = _variable(name, "data")
    return [f"{variable} = {expression}.read(){comment}", variable]


def _text(value: str) -> str:
    """Return a literal of Python in visible signs alone."""
    return ascii(value) if any(unicodedata.category(sign) in _INVISIBLE for sign in value) else repr(value)


def _visible(name: str) -> str:
    visible = "".join(" " if unicodedata.category(sign) in _INVISIBLE else sign for sign in name)
    return " ".join(visible.split())[:_LONGEST_COMMENT]


def _variable(name: str, otherwise: str) -> str:
    """Return a name for a variable out of a dataset's: its letters, digits and underscores."""
    stem = name.rpartition(".")[0] or name
    words = re.sub(r"[^a-z0-9]+", "_", stem.lower(), flags=re.ASCII).strip("_")[:_LONGEST_NAME].strip("_")
    if not words or words[0].isdigit():
        words = f"{otherwise}_{words}".strip("_")
    is_taken = keyword.iskeyword(words) or words in _TAKEN or hasattr(builtins, words)
    return f"{words}_{otherwise}" if is_taken else words
