"""A session's inputs and examples as the page shows them, read from its files; runs in JupyterLab's process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab.session.lab.start import loading

_MOST_DATASETS = 50
_LARGEST_NOTEBOOK = 2**20
_EXAMPLES = (
    "Start here.ipynb",
    "Breast cancer.ipynb",
    "gallery/Gallery.ipynb",
    "home_page.ipynb",
    "notebooks/pandas.ipynb",
    "notebooks/plots.ipynb",
    "notebooks/scikit-Learn.ipynb",
    "notebooks/tensorflow-deep-learning.ipynb",
    "usecases/1_fetch_datasets.ipynb",
    "ct-segmentation/1_fetch_data.ipynb",
    "protein-structure/1_predict_here.ipynb",
    "elyra/breast_cancer_survival.pipeline",
)
_TITLES = {"elyra/breast_cancer_survival.pipeline": "A pipeline of four notebooks: survival of breast cancer"}
"""Of what has no heading."""


def inputs(file: Path, folder: Path) -> list[dict[str, Any]]:
    """Return the inputs that `file`, the dictionary of inputs, names: datasets with their sizes, and plain values.

    A file that is missing or broken has none: the session goes on.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [_input(name, value, folder) for name, value in values.items()] if isinstance(values, Mapping) else []


def _input(name: str, value: object, folder: Path) -> dict[str, Any]:
    if not isinstance(value, list):
        return {"name": name, "value": value, "datasets": [], "more": 0}
    datasets = [each for each in value if isinstance(each, Mapping) and isinstance(each.get("path"), str)]
    return {
        "name": name,
        "value": None,
        "datasets": [_dataset(each["path"], folder) for each in datasets[:_MOST_DATASETS]],
        "more": max(len(datasets) - _MOST_DATASETS, 0),
    }


def _dataset(path: str, folder: Path) -> dict[str, Any]:
    try:
        size: int | None = (folder / path).stat().st_size
    except (OSError, ValueError):
        size = None
    return {"path": path, "name": PurePosixPath(path).name, "size": size, "code": loading.code(path)}


def examples(folder: Path) -> list[dict[str, str]]:
    """Return the default notebooks that are still in the working folder, each with its own title."""
    return [
        {"path": path, "title": _TITLES.get(path) or _title(folder / path)}
        for path in _EXAMPLES
        if (folder / path).is_file()
    ]


def _title(notebook: Path) -> str:
    """Return the first heading of a notebook, or its name."""
    try:
        if notebook.stat().st_size <= _LARGEST_NOTEBOOK:
            for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
                for line in "".join(cell["source"]).splitlines():
                    if cell["cell_type"] == "markdown" and line.startswith("# "):
                        return line.removeprefix("# ").strip()
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return notebook.stem
