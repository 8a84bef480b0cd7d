"""What libraries answer, as arrays; errors, as a line of a report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from nebulab.models.attempt import Output, as_array, first_line, flattened


@pytest.mark.parametrize(
    ("values", "label"), [([1, 2], True), (["a"], True), ([True], True), ([1.5], False), ([1j], False)]
)
def test_texts_and_whole_numbers_are_labels(values: Any, label: bool) -> None:
    assert Output("predict", np.array(values)).is_label is label


def test_sparse_matrices_and_tensors_become_arrays() -> None:
    class Tensor:
        __module__ = "torch"

        def detach(self) -> Tensor:
            return self

        def cpu(self) -> list[int]:
            return [1, 2]

    assert as_array(scipy.sparse.csr_matrix(np.eye(2))).tolist() == [[1, 0], [0, 1]]
    assert as_array(Tensor()).tolist() == [1, 2]


def test_numbers_that_numpy_has_not_become_32_bits() -> None:
    class Half:
        __module__ = "torch"
        dtype = "torch.bfloat16"

        def detach(self) -> Half:
            return self

        cpu = detach

        def float(self) -> list[int]:
            return [1, 2]

        def __array__(self, *_: Any, **__: Any) -> Any:
            raise TypeError("Got unsupported ScalarType BFloat16")

    assert as_array(Half()).tolist() == [1, 2]


def test_an_answer_of_several_parts_is_flat() -> None:
    parts = flattened({"a": np.zeros(1), "b": [np.ones(2), (np.ones(3),)]})
    assert [part.shape for part in parts] == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("\n  no\nmore"), "ValueError: no"),
        (KeyError(), "KeyError"),
        (TypeError("x" * 400), "TypeError: " + "x" * 300),
    ],
)
def test_a_reason_is_one_line(error: Exception, line: str) -> None:
    assert first_line(error) == line


def test_of_an_export_in_steps_the_cause_is_told() -> None:
    step = type("TorchExportError", (RuntimeError,), {"__module__": "torch.onnx._internal.exporter._errors"})
    decides = type("GuardOnDataDependentSymNode", (RuntimeError,), {})
    told = step("Failed to export. \x1b[96mThis is step 1/3")
    told.__cause__ = step("Error when translating")
    told.__cause__.__cause__ = ValueError("no such operator")
    assert first_line(told) == "ValueError: no such operator"
    told.__cause__ = decides("Could not guard on Eq(u0, 1)")
    assert first_line(told) == "it goes another way for other values of its input, which a file can't follow"
