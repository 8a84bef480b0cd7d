"""Lesions in CT slices of lungs: data, network, training and metrics of this example, as plain functions.

`history.train(…, inputs=[DATA, *ct.files()])` sends these files along, so that a job on the cluster imports the same
ones.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


def files() -> list[str]:
    """Return the paths of this package's files as a notebook beside it names them: `ct/data.py`, …"""
    return sorted(f"{_FOLDER.name}/{path.name}" for path in _FOLDER.glob("*.py"))
