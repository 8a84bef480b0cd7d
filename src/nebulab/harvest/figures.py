"""Figures as PNG and SVG: those that a cell shows, at the moment it shows them, and those that stay open; runs in the
kernel."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

_NAME = re.compile(r"[^\w.-]+")


def is_figure(value: Any) -> bool:
    """Whether this is a figure of matplotlib, by its class."""
    figure = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
    return figure is not None and figure in type(value).__mro__


def save(figure: Any, folder: Path, name: str) -> list[str]:
    """Write a figure as `<name>.png` and `<name>.svg` into `folder`; return the paths below its parent."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = _NAME.sub("_", name) or "figure"
    paths = [folder / f"{stem}.{suffix}" for suffix in ("png", "svg")]
    try:
        for path in paths:
            figure.savefig(path, bbox_inches="tight")
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    return [f"{folder.name}/{path.name}" for path in paths]


class Shown:
    """Keeps every figure and image that the notebook displays, numbered in the order they appear."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._last: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()
        """The path, without its ending, of what was kept last of each figure."""

    def attach(self, shell: Any) -> None:
        """Wrap IPython's formatter: inline figures are closed as soon as they were shown."""
        formatter = shell.display_formatter
        plain: Callable[..., tuple[dict[str, Any], dict[str, Any]]] = formatter.format

        def format_and_keep(thing: Any, *args: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            bundle, metadata = plain(thing, *args, **options)
            try:
                self.keep(thing, bundle)
            except Exception as error:  # noqa: BLE001 - a full disk must not fail the user's cell
                print(f"nebulab: a figure could not be kept: {error}", file=sys.stderr)
            return bundle, metadata

        formatter.format = format_and_keep

    def keep(self, thing: Any, bundle: dict[str, Any]) -> None:
        """Write a displayed object, if it is an image or a figure."""
        image = bundle.get("image/png")
        if image is None and not is_figure(thing):
            return
        self._count += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = self._folder / f"figure-{self._count:03d}"
        if image is not None:
            stem.with_suffix(".png").write_bytes(base64.b64decode(image) if isinstance(image, str) else image)
        if is_figure(thing):
            thing.savefig(stem.with_suffix(".svg"), bbox_inches="tight")
            if image is None:
                thing.savefig(stem.with_suffix(".png"), bbox_inches="tight")
            self._last[thing] = stem
            # Whatever is drawn into it from now on sets this again.
            thing.stale = False

    def unchanged(self, figure: Any) -> list[Path]:
        """Return the files that were kept of a figure, if nothing was drawn into it since."""
        stem = self._last.get(figure)
        if stem is None or figure.stale:
            return []
        return [stem.with_suffix(suffix) for suffix in (".png", ".svg")]

    def open_figures(self) -> list[Any]:
        """Return pyplot's open figures, which were not displayed."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        return [] if pyplot is None else [pyplot.figure(number) for number in pyplot.get_fignums()]
