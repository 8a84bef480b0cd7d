"""The numbers and texts that a training left in its variables, for a comparison with others; runs as a process of the
kernels' environment."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.galaxy.download import download
from nebulab.kernel.acting import Say
from nebulab.kernel.connecting import connect

_MOST = 200
_LONGEST_TEXT = 200
_LONGEST_LIST = 5000


def values(wish: dict[str, Any], _say: Say) -> dict[str, Any]:
    """Return, for the dataset `arrays` (a training's HDF5 file), its single values and the last of its short lists.

    A list of numbers that are named like `losses` stands for a course over epochs, of which the last one counts.
    """
    import nebulab

    with tempfile.TemporaryDirectory(prefix="nebulab-compare-") as folder:
        path = download(connect(), wish["arrays"], Path(folder) / "arrays.h5")
        return plain(nebulab.load(path))


def plain(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a training's variables JSON can show in a cell of a table."""
    shown: dict[str, Any] = {}
    for name in sorted(kept)[:_MOST]:
        value = _plain(kept[name])
        if value is not None:
            shown[name] = value
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else None
    # A table's column has an axis too, and no last element by its place.
    is_list = isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim == 1)
    if is_list and 0 < len(value) <= _LONGEST_LIST:
        last = value[-1]
        last = last.item() if isinstance(last, np.generic) else last
        if isinstance(last, float):
            return {"last": last, "count": len(value)}
    return None


def main() -> int:
    """Answer the wish on standard input."""
    from nebulab.kernel.acting import main as act

    return act(values)


if __name__ == "__main__":
    sys.exit(main())
