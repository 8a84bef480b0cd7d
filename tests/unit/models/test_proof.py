"""When a file counts as proven: ONNX Runtime stands in here, and answers what a test has it answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models.attempt import DEPENDS, Attempt, Harder, Output
from nebulab.models.proof import Compared, Proof, as_dense, compare, droppable, prove

ROWS = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
Answer = Callable[[np.ndarray], list[Any]]


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the file compute something, under these names."""

    def set_up(answer: Answer, *names: str, inputs: int = 1) -> None:
        ends = [SimpleNamespace(name=f"x{place}") for place in range(inputs)]
        session = SimpleNamespace(
            get_inputs=lambda: ends,
            get_outputs=lambda: [SimpleNamespace(name=name) for name in names],
            run=lambda wanted, feeds: answer(feeds["x0"]),
        )
        stand_in = SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=lambda *_, **__: session)
        monkeypatch.setitem(sys.modules, "onnxruntime", stand_in)

    return set_up


def attempt(*expected: Output, **more: Any) -> Attempt:
    return Attempt(lambda path: None, [ROWS], expected, "found in X", **more)


DOUBLE = Output("predict", ROWS * 2)


def test_the_same_numbers_are_proven(file: Callable[..., None]) -> None:
    file(lambda rows: [rows * 2], "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE))
    assert (proof.holds, proof.rows, proof.sample, proof.precision) == (True, 3, "found in X", "float32")


@pytest.mark.parametrize(("factor", "holds"), [(2.001, True), (2.01, False)])
def test_a_thousandth_of_the_largest_value_is_allowed(file: Callable[..., None], factor: float, holds: bool) -> None:
    file(lambda rows: [rows * factor], "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE))
    assert proof.holds is holds
    assert ("differs by" in proof.reason) is not holds


def test_labels_must_be_equal(file: Callable[..., None]) -> None:
    file(lambda rows: [np.array(["a", "b", "a"])[: len(rows)]], "label")
    proof = prove(Path("x.onnx"), attempt(Output("predict", np.array(["a", "b", "b"]))))
    assert (proof.holds, proof.reason) == (False, "66.7% of the labels of 'label' agree")


@pytest.mark.parametrize(("fixed", "holds"), [(False, False), (True, True)])
def test_a_row_alone_is_tried_unless_the_batch_is_fixed(file: Callable[..., None], fixed: bool, holds: bool) -> None:
    file(lambda rows: [rows * 2 if len(rows) == 3 else rows], "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE, fixed_batch=fixed))
    assert proof.holds is holds


def test_the_last_row_is_tried_alone_too(file: Callable[..., None]) -> None:
    file(lambda rows: [np.cumsum(rows, axis=0)], "y")
    proof = prove(Path("x.onnx"), attempt(Output("call", np.cumsum(ROWS, axis=0))))
    assert "a row alone" in proof.reason, "the first is the same without the others"


def test_rows_on_the_second_axis_are_tried_there(file: Callable[..., None]) -> None:
    series: Any = np.arange(12, dtype=np.float32).reshape(2, 6)
    file(lambda steps: [np.cumsum(steps, axis=0)], "y")
    tried = Attempt(lambda path: None, [series], [Output("call", np.cumsum(series, axis=0))], "found in X", axes=[1])
    proof = prove(Path("x.onnx"), tried)
    assert (proof.holds, proof.rows) == (True, 6)


@pytest.mark.parametrize(("factor", "holds"), [(2.0, True), (3.0, False)])
def test_the_original_is_asked_for_fewer_rows(file: Callable[..., None], factor: float, holds: bool) -> None:
    asked: list[int] = []

    def again(feeds: Any) -> list[Output]:
        asked.append(len(feeds[0]))
        if len(feeds[0]) == 1:
            raise ValueError("more than one row")
        return [Output("predict", feeds[0] * (2 if len(feeds[0]) == 3 else factor))]

    def answer(rows: np.ndarray) -> list[Any]:
        assert len(rows) > 1, "what the original does not take is not tried"
        return [rows * 2]

    file(answer, "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE, again=again))
    assert (proof.holds, asked) == (holds, [1, 1, 2])
    assert ("for 2 of the 3 rows alone differs" in proof.reason) is not holds


@pytest.mark.parametrize("single", [True, False], ids=["takes single rows", "refuses them"])
def test_rows_that_depend_on_one_another_are_told(file: Callable[..., None], single: bool) -> None:
    def norm(rows: np.ndarray) -> np.ndarray:
        if len(rows) == 1 and not single:
            raise ValueError("more than one row")
        centred: np.ndarray = rows - rows.mean(axis=0)
        return centred

    file(lambda rows: [norm(rows)], "y")
    expected = Output("call", norm(ROWS))
    proof = prove(Path("x.onnx"), attempt(expected, again=lambda feeds: [Output("call", norm(feeds[0]))]))
    assert (proof.holds, proof.precision) == (True, f"float32; {DEPENDS}")
    if single:
        assert not prove(Path("x.onnx"), attempt(expected)).holds, "where the original can't be asked"


def test_rows_of_which_each_is_answered_for_itself_are_not(file: Callable[..., None]) -> None:
    file(lambda rows: [rows * 2], "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE, again=lambda feeds: [Output("predict", feeds[0] * 2)]))
    assert (proof.holds, proof.precision) == (True, "float32")


def test_the_words_of_the_precision_decide_nothing(file: Callable[..., None]) -> None:
    file(lambda rows: [rows * 2 if len(rows) == 3 else rows], "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE, precision="float32, batches of 3 only"))
    assert "a row alone" in proof.reason


def test_another_number_of_inputs_is_told(file: Callable[..., None]) -> None:
    file(lambda rows: [], inputs=2)
    assert prove(Path("x.onnx"), attempt(DOUBLE)).reason == "the file has 2 inputs, the model 1"


def test_an_output_of_its_own_is_told(file: Callable[..., None]) -> None:
    file(lambda rows: [np.zeros(7)], "extra")
    assert "none of the model's" in prove(Path("x.onnx"), attempt(DOUBLE)).reason


def test_outputs_in_another_order_find_their_original(file: Callable[..., None]) -> None:
    file(lambda rows: [rows * 2, rows * 4, rows * 3], "y", "b", "a")
    proof = prove(Path("x.onnx"), attempt(DOUBLE, Output("third", ROWS * 3), Output("fourth", ROWS * 4)))
    assert [one.original for one in proof.outputs] == ["predict", "fourth", "third"]
    assert proof.holds


@pytest.mark.parametrize(
    ("original", "values", "agrees"),
    [
        ([0, 1], [0.0, 1.0], True),
        ([np.nan, 1.0], [np.nan, 1.0], True),
        ([np.inf, 1.0], [np.inf, 1.0], True),
        ([0.0, 0.0], [0.0, 0.01], False),
        ([1.0, 2.0], [[1.0], [2.0]], True),
        ([1.0, 2.0], [1.0, 2.0, 3.0], False),
    ],
)
def test_two_outputs_beside_each_other(original: Any, values: Any, agrees: bool) -> None:
    assert compare("y", Output("predict", np.array(original)), np.array(values)).agrees is agrees


def test_probabilities_as_dictionaries_become_a_table() -> None:
    assert as_dense([{"a": 0.2, "b": 0.8}, {"a": 1.0, "b": 0.0}]).tolist() == [[0.2, 0.8], [1.0, 0.0]]


LABEL = Compared("label", "predict", agrees=True)


@pytest.mark.parametrize(
    ("wrong", "gives", "dropped"),
    [
        (Compared("scores", "decision_function"), ["predict"], ["scores"]),
        (Compared("probabilities", "predict"), ["predict"], ["probabilities"]),
        (Compared("probabilities", "predict_proba"), ["predict", "predict_proba"], []),
        (Compared("y", "transform"), ["predict"], []),
    ],
)
def test_only_what_a_converter_adds_may_be_left_out(wrong: Compared, gives: list[str], dropped: list[str]) -> None:
    tried = attempt(*(Output(name, ROWS) for name in gives))
    assert droppable(Proof(False, 3, "", "", [LABEL, wrong]), tried) == dropped


def test_nothing_is_left_out_if_the_first_output_is_wrong() -> None:
    outputs = [Compared("label", "predict"), Compared("scores", "decision_function")]
    assert droppable(Proof(False, 3, "", "", outputs), attempt(DOUBLE)) == []


def hard(expected: np.ndarray, **more: Any) -> Callable[[], list[Harder]]:
    return lambda: [Harder("rows with zeros", [np.zeros((100, 1), np.float32)], [Output("predict", expected)], **more)]


@pytest.mark.parametrize(
    ("wrong", "adversarial", "holds"), [(0, False, True), (3, False, True), (20, False, False), (20, True, True)]
)
def test_what_differs_on_hard_rows_is_told_and_much_refutes(
    file: Callable[..., None], wrong: int, adversarial: bool, holds: bool
) -> None:
    file(lambda rows: [(rows[:, 0] * 2).astype(int)], "label")
    labels: Any = np.zeros(100, dtype=int)
    labels[:wrong] = 1
    tried = attempt(Output("predict", np.array([2, 4, 6])), harder=hard(labels, adversarial=adversarial))
    proof = prove(Path("x.onnx"), tried)
    assert proof.holds is holds
    told = f"{wrong}.00% of the answers for 100 rows with zeros differ"
    assert (told in proof.precision) is (wrong > 0)
    assert (proof.reason == told) is not holds


def test_a_file_that_fails_on_hard_rows_is_told(file: Callable[..., None]) -> None:
    def answer(rows: np.ndarray) -> list[Any]:
        if len(rows) == 100:
            raise RuntimeError("no such category")
        return [rows * 2]

    file(answer, "y")
    proof = prove(Path("x.onnx"), attempt(DOUBLE, harder=hard(np.zeros(100))))
    assert (proof.holds, proof.precision) == (True, "float32; the file fails on rows with zeros")
