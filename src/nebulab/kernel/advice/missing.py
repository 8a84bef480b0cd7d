"""Advice beside an error of an optional part that is not installed; runs in the kernel."""

from __future__ import annotations

_TABLES = (
    "pandas reads a training's arrays.h5 as nebulab.load does: frame = nebulab.load(path)[name]. For files of its own "
    "`read_hdf` needs a package: %pip install tables"
)


def advice_for(error: ImportError) -> str:
    """Return what to type for a package that is missing, or nothing."""
    if "pytables" in str(error):
        return _TABLES
    return ""
