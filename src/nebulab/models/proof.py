"""The proof: an exported model compared with its original on the same rows; runs in the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import DEPENDS, Attempt, Harder, Output

RELATIVE = 1e-3
"""The largest difference of an output, as a share of the largest value of that output."""
MOST = 0.05
"""The largest share of different answers on a kind of hard rows."""


@dataclass
class Compared:
    """The comparison of one output of the file with the original's."""

    output: str
    original: str
    """The original's method."""
    largest_absolute: float | None = None
    largest_relative: float | None = None
    """As a share of the output's largest value."""
    labels_agree: float | None = None
    """Share of equal labels, where the output is one."""
    agrees: bool = False
    dtype: str = ""
    """The data type of the original's labels, which ONNX may not have."""


@dataclass
class Elsewhere:
    """The comparison on a kind of hard rows."""

    kind: str
    rows: int
    differ: float
    """Share of the values that differ."""
    fails: bool = False
    """Whether the file can't be run on them, where the original can."""
    adversarial: bool = False

    def __str__(self) -> str:
        """Return what a person should know."""
        if self.fails:
            return f"the file fails on {self.kind}"
        return f"{max(self.differ, 0.0001):.2%} of the answers for {self.rows} {self.kind} differ"


@dataclass
class Proof:
    """The result of the comparison; it `holds` only if every output agrees, in a batch and for a single row."""

    holds: bool
    rows: int
    sample: str
    precision: str
    outputs: list[Compared] = field(default_factory=list)
    reason: str = ""
    elsewhere: list[Elsewhere] = field(default_factory=list)
    """Each kind of hard rows on which something differs."""


def droppable(proof: Proof, attempt: Attempt) -> list[str]:
    """Return the wrong outputs if they can be removed: scores that the converter adds to those of the original.

    Labels and probabilities of the original can't be: if one is wrong, so is the model.
    """
    wrong = [compared for compared in proof.outputs if not compared.agrees]
    methods = {output.name for output in attempt.expected}
    own = [
        compared.output
        for compared in wrong
        if compared.original == "decision_function"
        or (compared.output == "probabilities" and "predict_proba" not in methods)
    ]
    return own if len(own) == len(wrong) and proof.outputs and proof.outputs[0].agrees else []


def prove(path: Path, attempt: Attempt) -> Proof:
    """Run the file at `path` on the attempt's sample, and compare its outputs with the original's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, too
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    proof = Proof(False, attempt.rows, attempt.source, attempt.precision)
    inputs = session.get_inputs()
    if len(inputs) != len(attempt.feeds):
        proof.reason = f"the file has {len(inputs)} inputs, the model {len(attempt.feeds)}"
        return proof
    names = [output.name for output in session.get_outputs()]
    outputs = [as_dense(value) for value in session.run(names, _feed(inputs, attempt.feeds))]
    for index, (name, values) in enumerate(zip(names, outputs, strict=True)):
        original = _original(index, values, attempt.expected)
        if original is None:
            proof.reason = f"the file's output {name!r} of shape {values.shape} is none of the model's"
            return proof
        proof.outputs.append(compare(name, original, values))
    wrong = [compared for compared in proof.outputs if not compared.agrees]
    if wrong:
        proof.reason = "; ".join(_difference(compared) for compared in wrong)
        return proof
    if attempt.rows > 1 and not attempt.fixed_batch:
        proof.reason, depends = _fewer_rows(session, attempt, outputs)
        if proof.reason:
            return proof
        if depends and DEPENDS not in proof.precision:
            proof.precision = f"{proof.precision}; {DEPENDS}"
    _look_elsewhere(proof, session, attempt)
    return proof


def _fewer_rows(session: Any, attempt: Attempt, outputs: Sequence[np.ndarray]) -> tuple[str, bool]:
    """Try the file on fewer rows: the first alone, the last, and half of them.

    Returns
    -------
    reason, depends
        What is wrong, or nothing; and whether the original's answer for a row depends on the others.
    """
    depends = False
    for places in [[0], [attempt.rows - 1]] + ([list(range(attempt.rows // 2 + 1))] if attempt.again else []):
        feeds = attempt.part(places)
        original = _asked(attempt, feeds)
        if attempt.again is not None and original is None:
            depends = True
            continue
        answers = [as_dense(value) for value in session.run(None, _feed(session.get_inputs(), feeds))]
        for index, (output, values, few) in enumerate(zip(session.get_outputs(), outputs, answers, strict=True)):
            same = among(values, few, places, attempt.rows)
            if original is None and not same:
                return f"the output {output.name!r} of a row alone differs from that of the row in a batch", False
            wanted = None if original is None else _original(index, few, original)
            if wanted is not None and not compare("", wanted, few, _scale(values)).agrees:
                return f"the output {output.name!r} for {len(places)} of the {attempt.rows} rows alone differs", False
            depends = depends or not same
    return "", depends


def _asked(attempt: Attempt, feeds: Sequence[np.ndarray]) -> Sequence[Output] | None:
    """Return the original's outputs, or None if it can't be asked, or does not take that many rows."""
    if attempt.again is None:
        return None
    try:
        return attempt.again(feeds)
    except Exception:  # noqa: BLE001 - each library's own
        return None


def among(values: np.ndarray, alone: np.ndarray, places: Sequence[int], rows: int) -> bool:
    """Whether an output for some rows alone is what it is for them among all, on whichever axis the rows are."""
    choices = [np.take(values, places, axis=axis) for axis, size in enumerate(values.shape) if size == rows]
    return any(
        choice.shape == alone.shape and compare("", Output("", choice), alone, _scale(values)).agrees
        for choice in choices or [values]
    )


def _look_elsewhere(proof: Proof, session: Any, attempt: Attempt) -> None:
    """Try the file on hard rows: tell where something differs, and refute it where much does."""
    for harder in attempt.harder():
        compared = _elsewhere(proof.outputs, session, harder, attempt)
        if compared.differ or compared.fails:
            proof.elsewhere.append(compared)
    wrong = [each for each in proof.elsewhere if each.differ > MOST and not (each.adversarial or each.fails)]
    proof.reason = "; ".join(map(str, wrong))
    proof.precision = "; ".join([proof.precision, *map(str, proof.elsewhere)])
    proof.holds = not wrong


def _elsewhere(proven: Sequence[Compared], session: Any, harder: Harder, attempt: Attempt) -> Elsewhere:
    names = [output.name for output in session.get_outputs()]
    compared = Elsewhere(harder.kind, len(harder.feeds[0]), 0.0, adversarial=harder.adversarial)
    try:
        outputs = session.run(names, _feed(session.get_inputs(), harder.feeds))
    except Exception:  # noqa: BLE001 - ONNX Runtime's
        compared.fails = True
        return compared
    for place, values in enumerate(map(as_dense, outputs)):
        answers = [output for output in harder.expected if output.name == proven[place].original]
        original = _original(place, values, answers)
        # Scores that a converter adds are nobody's answer.
        if original is not None and original.name not in {"decision_function", "score_samples"}:
            usual = max((_scale(each.values) for each in attempt.expected if each.name == original.name), default=0.0)
            compared.differ = max(compared.differ, _share(original, values, usual))
    return compared


def _share(original: Output, values: np.ndarray, usual: float) -> float:
    """Return the share of values that differ; `usual` is the largest value for the sample."""
    wanted = original.values.ravel()
    if original.is_label or values.dtype.kind not in "fc":
        return float(np.mean(_labels(wanted) != _labels(values)))
    wanted, values = wanted.astype(np.float64), values.ravel().astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(wanted - values) <= RELATIVE * max(_scale(wanted), usual, float(np.finfo(np.float32).tiny))
    return float(np.mean(~(near | (wanted == values) | (np.isnan(wanted) & np.isnan(values)))))


def compare(name: str, original: Output, values: np.ndarray, scale: float | None = None) -> Compared:
    """Compare one output with the original's; `scale` is the largest value of all rows, if `values` are only some."""
    wanted = original.values.reshape(values.shape) if original.values.size == values.size else original.values
    compared = Compared(name, original.name)
    if wanted.shape != values.shape:
        return compared
    if original.is_label or values.dtype.kind not in "fc":
        compared.dtype = original.values.dtype.str
        compared.labels_agree = float(np.mean(_labels(wanted) == _labels(values))) if values.size else 1.0
        compared.agrees = compared.labels_agree == 1.0
        return compared
    wanted, values = wanted.astype(np.float64), values.astype(np.float64)
    same = (wanted == values) | (np.isnan(wanted) & np.isnan(values))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(same, 0.0, np.abs(wanted - values))
    compared.largest_absolute = float(difference.max()) if difference.size else 0.0
    scale = _scale(wanted) if scale is None else scale
    compared.largest_relative = compared.largest_absolute / scale if scale else compared.largest_absolute
    compared.agrees = bool(compared.largest_relative <= RELATIVE)
    return compared


def _scale(values: np.ndarray) -> float:
    """Return the largest absolute value of an output."""
    if values.dtype.kind not in "fc":
        return 0.0
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def as_dense(value: Any) -> np.ndarray:
    """Return an output of ONNX Runtime as one array; probabilities may come as a list of dictionaries."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return np.array([[row[key] for key in row] for row in value])
    return np.asarray(value)


def _feed(inputs: Sequence[Any], feeds: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    return {value.name: feed for value, feed in zip(inputs, feeds, strict=True)}


def _original(index: int, values: np.ndarray, expected: Sequence[Output]) -> Output | None:
    """Return the original's output for the file's: the one of the same index, else the closest of the same size.

    Converters don't always write the outputs in the order of the methods.
    """
    in_order = index == 0 or all(output.name in {"call", "forward"} for output in expected)
    if in_order and index < len(expected) and expected[index].values.size == values.size:
        return expected[index]
    fitting = [output for output in expected if output.values.size == values.size]
    return min(fitting, key=lambda output: _distance(compare("", output, values))) if fitting else None


def _distance(compared: Compared) -> float:
    if compared.labels_agree is not None:
        return 1.0 - compared.labels_agree
    return float("inf") if compared.largest_relative is None else compared.largest_relative


def _labels(values: np.ndarray) -> np.ndarray:
    """Return labels as texts, so that 0, 0.0 and `0` are equal."""
    flat = values.ravel()
    if flat.dtype.kind in "OUST":
        return np.array([str(value) for value in flat])
    return flat.astype(np.float64).astype(str) if flat.dtype.kind in "biuf" else flat.astype(str)


def _difference(compared: Compared) -> str:
    if compared.labels_agree is not None:
        return f"{compared.labels_agree:.1%} of the labels of {compared.output!r} agree"
    if compared.largest_relative is None:
        return f"the output {compared.output!r} has another shape"
    return f"the output {compared.output!r} differs by {compared.largest_relative:.2g} of its largest value"
