"""An attempt: one way to export a model, with the expected outputs; runs in the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DEPENDS = "a row's answer depends on the others in its batch"
"""What a person should know of a model that normalizes over the batch, for example."""


class CantExport(Exception):
    """A model has no ONNX form here; the text says why, and what would help."""


class Untrained(CantExport):
    """A model has learned nothing yet, so that it need not be kept in its own format either."""


@dataclass(frozen=True)
class Output:
    """An output of the original model for the sample, to be compared with one of the file's outputs."""

    name: str
    """The original's method: `predict`, `predict_proba`, `call` …"""
    values: np.ndarray

    @property
    def is_label(self) -> bool:
        """Whether it must agree exactly: texts, and whole numbers."""
        return self.values.dtype.kind not in "fc"


Again = Callable[[Sequence[np.ndarray]], Sequence[Output]]
"""Returns the original's outputs for other feeds."""


@dataclass(frozen=True)
class Harder:
    """A kind of hard rows as the file's inputs, and the original's outputs for them."""

    kind: str
    feeds: Sequence[np.ndarray]
    expected: Sequence[Output]
    adversarial: bool = False
    """Whether they lie where the last bit decides, so that a difference is told and refutes nothing."""


@dataclass(frozen=True)
class Attempt:
    """One export: the function that writes the file, the sample as the file's inputs, and the original's outputs."""

    write: Callable[[Path], None]
    feeds: Sequence[np.ndarray]
    """In the order of the file's inputs."""
    expected: Sequence[Output]
    """In the order of the file's outputs, as far as the converter keeps it; see `proof._original`."""
    source: str
    """The origin of the sample."""
    precision: str = "float32"
    """The data type of numbers and other limits of this export, in the report's words."""
    fixed_batch: bool = False
    """Whether the batch size is fixed to the sample's, so that a single row can't be tried."""
    features: Sequence[str] = field(default_factory=tuple)
    """Names of the columns of a single input."""
    harder: Callable[[], Iterable[Harder]] = tuple
    """Rows on which converters go wrong, made when the sample's rows agree."""
    axes: Sequence[int | None] = ()
    """The axis of the rows in each feed, None in one without rows; the first axis of all where nothing is said."""
    again: Again | None = None
    """The original's outputs for other feeds, where it can be asked; it raises where it does not take them."""

    @property
    def rows(self) -> int:
        """The number of rows; 1 where no feed has any."""
        axes = self.axes or [0] * len(self.feeds)
        counts = (feed.shape[axis] for feed, axis in zip(self.feeds, axes, strict=True) if axis is not None)
        return next(counts, 1)

    def part(self, places: Sequence[int]) -> list[np.ndarray]:
        """Return the feeds with these rows alone."""
        axes = self.axes or [0] * len(self.feeds)
        return [
            feed if axis is None else np.take(feed, places, axis=axis)
            for feed, axis in zip(self.feeds, axes, strict=True)
        ]


def is_unknown(dtype: Any) -> bool:
    """Whether decimal numbers are of a type that neither numpy nor ONNX Runtime computes with."""
    return any(name in str(dtype) for name in ("bfloat16", "float8"))


def as_array(value: Any) -> np.ndarray:
    """Return a library's array or tensor as numpy's."""
    if type(value).__module__.partition(".")[0] == "torch":
        value = value.detach().cpu()
        # numpy has neither.
        value = value.float() if is_unknown(getattr(value, "dtype", "")) else value
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value)


def flattened(value: Any) -> list[np.ndarray]:
    """Return the arrays of a model's answer, which may be one, several, or named."""
    if isinstance(value, dict):
        return [array for key in value for array in flattened(value[key])]
    if isinstance(value, list | tuple):
        return [array for member in value for array in flattened(member)]
    return [as_array(value)]


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, for a reason; of torch.onnx's, which tells a step, the cause's."""
    while type(error).__module__.startswith("torch.onnx.") and error.__cause__ is not None:
        error = error.__cause__
    if type(error).__name__ == "GuardOnDataDependentSymNode":
        return "it goes another way for other values of its input, which a file can't follow"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
