"""Nebulab: a GPU JupyterLab beside your data, for the Galaxy platform."""

from __future__ import annotations

from typing import Any

__version__ = "1.0.0"

# What a notebook calls as nebulab.<name>; imported at the first use.
_NAMES = {"checkpoint": "nebulab.kernel.checkpoints", "load": "nebulab.harvest", "sample": "nebulab.models"}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        import importlib

        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'nebulab' has no attribute {name!r}")
