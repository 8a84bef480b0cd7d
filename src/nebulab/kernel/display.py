"""Transfers and histories for the eye: a progress bar and a table, as HTML in a notebook and else as text; kernel."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from nebulab.galaxy.contents import WAITING_STATES, Item
from nebulab.galaxy.progress import in_bytes

# Shorter transfers show nothing; longer ones change their display so often, and no more.
_SHOWN_AFTER_SECONDS = 0.7
_INTERVAL_SECONDS = 0.25
_TEXT_INTERVAL_SECONDS = 5.0

_BAR = (
    '<div style="max-width:40em"><span>{label}</span> <span style="opacity:.7">{figures}</span>'
    '<progress style="display:block;width:100%" {value}></progress></div>'
)
_ENDED = '<div><span>{label}</span> <span style="opacity:.7">{figures}</span></div>'

TAKING_IN = {"running": "Galaxy is reading it", "ok": "Galaxy has read it", "empty": "Galaxy has read it"}
COMPUTING = {"running": "Galaxy is computing", "ok": "Galaxy has computed it"}
_QUEUED = "waits for its turn in Galaxy"

_COLOURS = {"ok": "#2f8f4e", "error": "#c0392b", "discarded": "#c0392b", "paused": "#8e6c00", "running": "#b58900"}
_ROW_LIMIT = 200


class _Line:
    """One display of a cell, changed in place: HTML in a notebook, lines of text elsewhere."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._in_notebook = _in_notebook()
        self.interval = _INTERVAL_SECONDS if self._in_notebook else _TEXT_INTERVAL_SECONDS
        self.shown = False

    def show(self, template: str, *, label: str, figures: str, value: str = "") -> None:
        self.shown = True
        if not self._in_notebook:
            sys.stderr.write(f"{label}: {figures}\n")
            return
        html = template.format(label=escape(label), figures=escape(figures), value=value)
        from IPython.display import display

        bundle = {"text/html": html, "text/plain": f"{label}: {figures}"}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


class Bar:
    """Shows how far a transfer is; see `nebulab.galaxy.progress.Progress`."""

    def __init__(self) -> None:
        self._line = _Line()

    def start(self, label: str, total: int | None) -> None:
        """Begin; nothing is shown yet."""
        self._label = label
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._next = self._began + _SHOWN_AFTER_SECONDS

    def update(self, done: int) -> None:
        """Show the new position, if the last one was shown long enough ago."""
        self._done = done
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._line.interval
        self._show(_BAR)

    def finish(self, error: str = "") -> None:
        """Leave one line behind, if anything was shown."""
        if self._line.shown:
            self._show(_ENDED, error.partition("\n")[0])

    def _show(self, template: str, error: str = "") -> None:
        seconds = max(time.monotonic() - self._began, 1e-3)
        whole = f" of {in_bytes(self._total)}" if self._total is not None else ""
        figures = error or f"{in_bytes(self._done)}{whole}, {in_bytes(self._done / seconds)}/s"
        value = f'value="{self._done}" max="{self._total}"' if self._total else ""
        self._line.show(template, label=self._label, figures=figures, value=value)


class Wait:
    """Shows what Galaxy is doing with something and for how long: "planets.tsv: Galaxy is reading it, 12 s".

    `words` say what a state means; a state without words is shown as waiting.
    """

    def __init__(self, label: str, words: Mapping[str, str] = TAKING_IN) -> None:
        self._line = _Line()
        self._label = label
        self._words = words
        self._began = time.monotonic()
        self._next = self._began + _SHOWN_AFTER_SECONDS

    def look(self, state: str) -> None:
        """Show the state, if the last one was shown long enough ago; the one that ends the wait always."""
        now = time.monotonic()
        ended = state not in WAITING_STATES
        if now < self._next and not (ended and self._line.shown):
            return
        if ended and not self._line.shown:
            return
        self._next = now + self._line.interval
        words = self._words.get(state, state if ended else _QUEUED)
        self._line.show(_ENDED if ended else _BAR, label=self._label, figures=f"{words}, {now - self._began:.0f} s")


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def history_html(name: str, items: Iterable[Item]) -> str:
    """Return a history as an HTML table."""
    listed = list(items)
    head = "".join(
        f'<th style="text-align:left">{title}</th>' for title in ("#", "Name", "Type", "Size", "State", "Tags")
    )
    rows = "".join(f"<tr>{_html_cells(item)}</tr>" for item in listed[-_ROW_LIMIT:])
    return (
        f"<div><b>{escape(name)}</b> <span style='opacity:.7'>{_summary(listed)}</span>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _html_cells(item: Item) -> str:
    colour = _COLOURS.get(item.state, "#7f8c8d")
    tags = " ".join(f"<code>{escape(_shown_tag(tag))}</code>" for tag in item.tags)
    cells = (
        str(item.hid),
        escape(item.name),
        escape(_kind(item)),
        _size(item),
        f'<span style="color:{colour}">●</span> {escape(item.state)}',
        tags,
    )
    return "".join(f'<td style="text-align:left">{cell}</td>' for cell in cells)


def history_text(name: str, items: Iterable[Item]) -> str:
    """Return a history as plain text, one line a dataset."""
    listed = list(items)
    lines = [f"{name} ({_summary(listed)})"]
    for item in listed[-_ROW_LIMIT:]:
        tags = " ".join(map(_shown_tag, item.tags))
        lines.append(f"{item.hid:>5}  {item.name}  [{_kind(item)}, {_size(item)}, {item.state}] {tags}".rstrip())
    return "\n".join(lines)


def _summary(items: list[Item]) -> str:
    size = sum(item.size or 0 for item in items)
    count = f"{len(items)} item" + ("" if len(items) == 1 else "s")
    cut = f", the last {_ROW_LIMIT} shown" if len(items) > _ROW_LIMIT else ""
    return f"{count}, {in_bytes(size)}{cut}"


def _kind(item: Item) -> str:
    return f"{item.collection_type} {item.extension}".strip() if item.is_collection else item.extension


def _size(item: Item) -> str:
    return f"{item.elements} elements" if item.is_collection else in_bytes(item.size or 0)


def _shown_tag(tag: str) -> str:
    return f"#{tag.removeprefix('name:')}" if tag.startswith("name:") else tag
