"""A protein's structure from its sequence with ColabFold: sequences, alignments, weights, prediction, pictures.

A job on the cluster has this package with Nebulab; one that was changed is sent along: `inputs=fold.files()`.
"""

from __future__ import annotations

from pathlib import Path

import nebulab
from nebulab.errors import NebulabError

PACKAGES = ("colabfold[alphafold]==1.6.3", "py2Dmol==1.6.5")
"""What a session or a job installs: the network, and the viewer of ColabFold's author, whose script is in its wheel."""

MARK = "RANDOM WEIGHTS: no prediction, this structure means nothing"
"""Stands in every picture and file that was made with random weights."""

_FOLDER = Path(__file__).parent


class FoldError(NebulabError):
    """Something is missing or wrong; the text says what, and what to do."""


def files() -> list[str]:
    """Return this package's files as a notebook beside it names them, `fold/msa.py`; none if Nebulab has the same."""
    brought = Path(nebulab.__file__).parent / "_default_notebooks" / "protein-structure" / _FOLDER.name
    if _content(_FOLDER) == _content(brought):
        return []
    return sorted(f"{_FOLDER.name}/{name}" for name in _content(_FOLDER))


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.py")}


def installed() -> bool:
    """Whether ColabFold and the viewer can be imported."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("colabfold", "alphafold", "py2Dmol"))
