"""Common parts of the libraries of neural networks; runs in the kernel."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nebulab.models.attempt import Again, CantExport, Harder, is_unknown
from nebulab.models.hard_rows import EMPTY, MISSING, OPPOSITE, hard_inputs
from nebulab.models.samples import Sample

ROWS = 8
"""Number of a sample's rows on which a network is tried."""
TELL = "call nebulab.sample(model, x) with a few rows of its input"
"""The remedy if there is no sample."""
WEIGHTS_ALONE = "the weights alone: the network's code is in the notebook"
"""The remark on a file of weights."""


def positional(sample: Sample) -> tuple[Any, ...]:
    """Return the sample's arguments, for a library whose export passes none by name.

    Raises
    ------
    CantExport
        The call had some by name: the file would compute without them.
    """
    if sample.named:
        raise CantExport(f"its call has arguments by name ({', '.join(sample.named)}), which this export can't pass on")
    return sample.arguments


def of_known_numbers(dtypes: Iterable[Any], remedy: str) -> None:
    """Refuse a network that computes in bfloat16 or less.

    Raises
    ------
    CantExport
        It does; the text ends with the remedy.
    """
    unknown = next((str(dtype) for dtype in dtypes if is_unknown(dtype)), None)
    if unknown is not None:
        raise CantExport(f"it computes in {unknown}, which ONNX Runtime has no operators for: {remedy}")


def harder(feeds: Sequence[np.ndarray], again: Again) -> Iterator[Harder]:
    """Yield the hard rows that a network takes.

    Missing values are tried where it answers them with numbers. Of large and of equal values a difference is told and
    refutes nothing, and so it is where the answers are labels, which turn where two are nearly as likely.
    """
    for kind, inputs in hard_inputs(feeds):
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            warnings.simplefilter("ignore")
            outputs = again(inputs)
            if kind == MISSING and any(each.is_label or np.isnan(each.values).any() for each in outputs):
                continue
            told = kind not in (EMPTY, OPPOSITE) or any(each.is_label for each in outputs)
            yield Harder(kind, inputs, outputs, adversarial=told)


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the arrays and tensors in a call's arguments, each with the name that its input may have in the file."""
    return ((inner, part) for inner, part in _parts(value, name) if hasattr(part, "shape"))


def constants(value: Any, name: str = "") -> Iterator[str]:
    """Yield what else the arguments hold, and the file therefore too, as `name=value`."""
    return (
        f"{inner}={part!r}" for inner, part in _parts(value, name) if part is not None and not hasattr(part, "shape")
    )


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield what is in dictionaries, lists and tuples, however deep, with a name."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _parts(part, str(key))
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _parts(part, f"{name}_{index}")
    else:
        yield name, value


def rebuilt(value: Any, arrays: Iterator[Any]) -> Any:
    """Return the arguments with other arrays in the places of their own, in the order of `leaves`."""
    if isinstance(value, Mapping):
        return {key: rebuilt(part, arrays) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [rebuilt(part, arrays) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return next(arrays) if hasattr(value, "shape") else value


@contextlib.contextmanager
def unchanged(variables: Sequence[Any]) -> Iterator[None]:
    """Assign to the variables of Keras or TensorFlow what they held before: a call may count in them."""
    before = [np.array(variable) for variable in variables]
    try:
        yield
    finally:
        for variable, values in zip(variables, before, strict=True):
            if np.asarray(variable).tobytes() != values.tobytes():
                variable.assign(values)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence the converters: no log messages, warnings or prints in the notebook, and no traced code of PyTorch's."""
    import logging

    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
