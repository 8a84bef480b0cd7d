"""What kernels show, made to fit nbformat where it does not: kept as text, and told; runs in a batch job.

JupyterLab shows such displays somehow or not at all. A notebook that is run must not lose its later cells over one.
"""

from __future__ import annotations

import json
import re
from typing import Any

_SHOWN = frozenset({"execute_result", "display_data", "update_display_data"})
_MARK = "Message serialization failed with:"
_UNSENT = re.compile(
    rf"\S*session\.py:\d+: UserWarning: {_MARK}\n(?P<why>.*)\n"
    r"Supporting this message is deprecated.*\n([ \t]+\S.*\n)?"
)
"""jupyter_client's warning about a message that is no JSON, for instance for a NaN: it sends the value as text."""
_NO_NUMBER = "Out of range float values"


def mend(kind: str, content: dict[str, Any]) -> list[str]:
    """Change the content of a kernel's message of the type `kind` to what nbformat can keep; return what to tell."""
    if kind == "stream":
        return _mend_stream(content)
    if kind == "error":
        return _mend_error(content)
    if kind not in _SHOWN:
        return []
    told = []
    data = content.get("data")
    if not isinstance(data, dict):
        told.append(f"A display holds {_type(data)} in place of its forms: it is kept as text.")
        data = {} if data is None else {"text/plain": data}
    content["data"] = {}
    for mime, value in data.items():
        if _fits(mime, value):
            content["data"][mime] = value
            continue
        told.append(f"A display's {mime} is {_type(value)} and no text: it is kept as text.")
        content["data"].setdefault(mime, _as_text(value))
    if not isinstance(content.get("metadata"), dict):
        content["metadata"] = {}
    return told


def _fits(mime: str, value: Any) -> bool:
    is_json = mime == "application/json" or mime.endswith("+json")
    return is_json or isinstance(value, str) or (isinstance(value, list) and all(isinstance(it, str) for it in value))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _mend_stream(content: dict[str, Any]) -> list[str]:
    text = content.get("text")
    content["text"] = text if isinstance(text, str) else "" if text is None else _as_text(text)
    content.setdefault("name", "stdout")
    if _MARK not in content["text"]:
        return []
    told = []
    for unsent in _UNSENT.finditer(content["text"]):
        why = "a NaN or an infinite number" if unsent["why"].startswith(_NO_NUMBER) else unsent["why"]
        told.append(f"A display holds what JSON has not ({why}): it is kept as text.")
    content["text"] = _UNSENT.sub("", content["text"])
    return told


def _mend_error(content: dict[str, Any]) -> list[str]:
    for field in ("ename", "evalue"):
        content[field] = _as_text(content.get(field) or "")
    traceback = content.get("traceback")
    lines = traceback if isinstance(traceback, list) else [] if traceback is None else [traceback]
    content["traceback"] = [_as_text(line) for line in lines]
    return []


def _type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
