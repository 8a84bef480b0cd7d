"""The stand-in for onnx-tf answers as the package does, with the results of ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from onnx_tf.backend import prepare, run_model, supports_device


def _sum(*names: str, kind: int = TensorProto.FLOAT) -> Any:
    """Return a model that adds its inputs, and gives the sum and its negative."""
    inputs = [helper.make_tensor_value_info(name, kind, [None, 2]) for name in names]
    outputs = [helper.make_tensor_value_info(name, kind, [None, 2]) for name in ("sum:0", "minus")]
    nodes = [helper.make_node("Sum", list(names), ["sum:0"]), helper.make_node("Neg", ["sum:0"], ["minus"])]
    graph = helper.make_graph(nodes, "sum", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


def check_one_input_of_another_type(folder: Path) -> None:
    rep = prepare(_sum("a"))
    assert (rep.inputs, rep.outputs) == (["a"], ["sum:0", "minus"])
    answer = rep.run(np.arange(6.0).reshape(3, 2), training=False)
    assert answer[0].dtype == np.float32
    assert answer.minus.tolist() == [[0, -1], [-2, -3], [-4, -5]]
    assert np.array(answer).shape == (2, 3, 2)


def check_several_inputs_in_order_and_by_name(folder: Path) -> None:
    rep = prepare(_sum("a", "b"))
    one, two = np.ones((1, 2)), np.full((1, 2), 2.0)
    assert rep.run([one, two])[0].tolist() == [[3, 3]]
    assert rep.run({"b": two, "a": one})[0].tolist() == [[3, 3]]
    assert run_model(_sum("a"), np.array([[1, 2]]))[0].tolist() == [[1, 2]]


def check_arrays_that_do_not_fit_are_refused(folder: Path) -> None:
    for given in ([np.ones((1, 2))], np.ones((1, 2)), {"a": np.ones((1, 2))}, {"a": 1, "b": 2, "c": 3}):
        try:
            prepare(_sum("a", "b")).run(given)
        except ValueError as error:
            assert "inputs are ['a', 'b']" in str(error)
        else:
            raise AssertionError(given)


def check_a_file_is_a_model_too(folder: Path) -> None:
    path = folder / "model.onnx"
    onnx.save(_sum("a"), str(path))
    for model in (path, str(path), path.read_bytes()):
        assert prepare(model).run([np.array([[1, 2]])]).minus.tolist() == [[-1, -2]]


def check_integers_stay_integers(folder: Path) -> None:
    answer = prepare(_sum("a", kind=TensorProto.DOUBLE)).run(np.array([[1, 2]], dtype="int8"))
    assert answer[0].dtype == np.float64


def check_a_saved_model_is_not_promised(folder: Path) -> None:
    try:
        prepare(_sum("a")).export_graph("tf_model")
    except NotImplementedError as error:
        assert "Save the model from the framework" in str(error)
    else:
        raise AssertionError
    assert supports_device("CPU")
    assert not supports_device("TPU")
