"""The form "Run on the cluster", as the page fills it in: checked, and made a wish of `nebulab.kernel.runs.sending`;
runs in JupyterLab's process."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

_MOST_GPUS = 8
_LONGEST_NAME = 200
_LONGEST_VALUE = 100_000
_LONGEST_MINUTES = 60 * 24 * 365
_YES_AND_NO = {"true": True, "false": False}


class FormFault(Exception):
    """The form can't be sent; `fields` has a sentence for each field that is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)


def check(form: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return the wish that the form stands for; `root` is the Lab's folder.

    Raises
    ------
    FormFault
        A field is wrong; every one that is gets a sentence.
    """
    faults: dict[str, str] = {}
    notebook = below(root, form.get("path"))
    if notebook is None or not notebook.is_file():
        raise FormFault({"path": f"There is no file {form.get('path')!r}. Save it, and open the form again."})
    wish = {
        "notebook": str(notebook),
        "parameters": _parameters(form.get("parameters"), faults),
        "files": _files(form.get("files"), notebook.parent, faults),
        "named": _named(form.get("named"), faults),
        "gpus": _gpus(form.get("gpus"), faults),
        "time_limit": _seconds(form.get("minutes"), faults),
        "name": _name(form.get("name"), faults),
        "packages": "session" if form.get("packages", True) else None,
    }
    if faults:
        raise FormFault(faults)
    return wish


def below(root: Path, path: object) -> Path | None:
    """Return a path of the page's below the Lab's folder, or None if it leads out of it."""
    relative = PurePosixPath(str(path or "").lstrip("/"))
    return None if not relative.parts or ".." in relative.parts or "\0" in str(path) else root / relative


def value(kind: str, text: str) -> Any:
    """Return the value that a field of this kind holds.

    Raises
    ------
    ValueError
        It holds none; the message is a sentence for the person.
    """
    read = _READERS.get(kind, _anything)
    if len(text) > _LONGEST_VALUE:
        raise ValueError("This is too long for a parameter: put it into a file, and give the file as an input.")
    return read(text)


def _whole(text: str) -> int:
    try:
        return int(text.strip().replace(" ", ""))
    except ValueError:
        raise ValueError("Give a whole number, such as 10.") from None


def _number(text: str) -> float:
    try:
        number = float(text.strip())
    except ValueError:
        raise ValueError("Give a number, such as 0.01 or 1e-3, with a point and not a comma.") from None
    if not math.isfinite(number):
        raise ValueError("Give a number that is not infinite.")
    return number


def _yes_or_no(text: str) -> bool:
    try:
        return _YES_AND_NO[text.strip().lower()]
    except KeyError:
        raise ValueError("Give true or false.") from None


def _list(text: str) -> Any:
    read = _literal(text)
    if not isinstance(read, list | tuple):
        raise ValueError("Give a list in brackets, such as [1, 2, 3].")
    return list(read)


def _dictionary(text: str) -> Any:
    read = _literal(text)
    if not isinstance(read, dict):
        raise ValueError('Give names and values in braces, such as {"a": 1}.')
    return read


def _anything(text: str) -> Any:
    read = _literal(text)
    return text if read is _NOTHING else read


_NOTHING = object()


def _literal(text: str) -> Any:
    """Return a literal of Python's or JSON's; `_NOTHING` if it is neither, or JSON has no form for it."""
    for read in (ast.literal_eval, json.loads):
        try:
            found = read(text.strip())
            json.dumps(found)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
        return found
    return _NOTHING


_READERS: Mapping[str, Callable[[str], Any]] = {
    "int": _whole,
    "float": _number,
    "bool": _yes_or_no,
    "str": str,
    "list": _list,
    "dict": _dictionary,
}


def _parameters(given: Any, faults: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, field in (given or {}).items():
        try:
            values[str(name)] = value(str(field.get("type")), str(field.get("text", "")))
        except ValueError as error:
            faults[f"parameters.{name}"] = str(error)
    return values


def _files(given: Any, folder: Path, faults: dict[str, str]) -> list[str]:
    paths: list[str] = []
    for path in map(str, given or ()):
        if below(folder, path) is None or path.startswith("/"):
            faults[f"files.{path}"] = "It lies outside of the notebook's folder, where the job could not find it."
        elif "," in path:
            faults[f"files.{path}"] = "Its name has a comma, which Galaxy takes for the end of a name. Rename it."
        elif not (folder / path).is_file():
            faults[f"files.{path}"] = "There is no such file any more. Take its tick away, or bring it back."
        elif path not in paths:
            paths.append(path)
    return paths


def _named(given: Any, faults: dict[str, str]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, field in (given or {}).items():
        if not isinstance(field, dict) or not {"value", "paths"} & set(field):
            faults[f"named.{name}"] = "This session has no input of this name; start it from Galaxy with one."
        else:
            named[str(name)] = {key: field[key] for key in ("value", "paths") if key in field}
    return named


def _gpus(given: Any, faults: dict[str, str]) -> int | None:
    if given is None:
        return None
    if isinstance(given, int) and 0 <= given <= _MOST_GPUS:
        return given
    faults["gpus"] = f"Ask for 0 to {_MOST_GPUS} GPUs."
    return None


def _seconds(given: Any, faults: dict[str, str]) -> float | None:
    text = str(given if given is not None else "").strip()
    if not text:
        return None
    try:
        minutes = _number(text)
    except ValueError:
        minutes = 0
    if not 0 < minutes <= _LONGEST_MINUTES:
        faults["minutes"] = "Give the minutes as a number above 0, such as 60, or leave it empty."
        return None
    return minutes * 60


def _name(given: Any, faults: dict[str, str]) -> str:
    name = " ".join(str(given or "").split())
    if len(name) > _LONGEST_NAME:
        faults["name"] = f"The name has {len(name)} letters; {_LONGEST_NAME} fit."
    return name
