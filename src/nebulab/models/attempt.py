"""One way to export a model, and what must come out of it; runs in the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


class CantExport(Exception):
    """A model has no ONNX form here; the text says why, and what would help."""


class Untrained(CantExport):
    """A model has learned nothing yet, so that it need not be kept in its own format either."""


@dataclass(frozen=True)
class Output:
    """What the original model computed on the sample, to be compared with one of the file's outputs."""

    name: str
    """The original's method: `predict`, `predict_proba`, `call` …"""
    values: np.ndarray

    @property
    def is_label(self) -> bool:
        """Whether it must agree exactly: texts, and whole numbers."""
        return self.values.dtype.kind not in "fc"


@dataclass(frozen=True)
class Attempt:
    """One export: how to write the file, the sample as the file's inputs take it, and the original's outputs."""

    write: Callable[[Path], None]
    feeds: Sequence[np.ndarray]
    """In the order of the file's inputs; the first axis of each is the rows."""
    expected: Sequence[Output]
    """The first ones belong to the file's outputs in order; for the others the one of the same shape is looked for."""
    source: str
    """Where the sample is from."""
    precision: str = "float32"
    """As the report names it: the size of the numbers, and what else holds for this export alone."""
    fixed_batch: bool = False
    """Whether the file takes batches of the sample's size only, so that a row alone can't be tried."""
    features: Sequence[str] = field(default_factory=tuple)
    """Names of the columns of a single input."""


def as_array(value: Any) -> np.ndarray:
    """Return a library's array or tensor as numpy's."""
    if type(value).__module__.partition(".")[0] == "torch":
        value = value.detach().cpu()
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value)


def flattened(value: Any) -> list[np.ndarray]:
    """Return the arrays of a model's answer, which may be one, several, or named."""
    if isinstance(value, dict):
        return [array for key in value for array in flattened(value[key])]
    if isinstance(value, list | tuple):
        return [array for member in value for array in flattened(member)]
    return [as_array(value)]


def first_line(error: BaseException) -> str:
    """Return what an error says, as short as a reason has to be."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
