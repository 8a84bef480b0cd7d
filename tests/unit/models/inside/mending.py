"""Files that ONNX Runtime has no operator for, mended: they then compute what the original would."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from nebulab.models.mending import mend

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def write(
    folder: Path, nodes: list[Any], given: list[Any], wanted: list[Any], constants: dict[str, np.ndarray] | None = None
) -> Path:
    """Write a graph of these nodes; inputs and outputs are (name, shape)."""
    ends = [[onnx.helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in one] for one in (given, wanted)]
    kept = [onnx.numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = onnx.helper.make_graph(nodes, "graph", *ends, kept)
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("ai.onnx.ml", 3)]
    path = folder / "model.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), str(path))
    return path


def run(path: Path, **given: np.ndarray) -> np.ndarray:
    answer: np.ndarray = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, given)[0]
    return answer


def check_a_file_with_nothing_to_mend_stays_as_it_is(folder: Path) -> None:
    path = write(folder, [onnx.helper.make_node("Neg", ["x"], ["y"])], [("x", [2])], [("y", [2])])
    before = path.read_bytes()
    assert not mend(path)
    assert path.read_bytes() == before


def check_tensorflows_erfc(folder: Path) -> None:
    path = write(folder, [onnx.helper.make_node("Erfc", ["x"], ["y"])], [("x", [3])], [("y", [3])])
    assert mend(path)
    values = np.array([-1, 0, 0.5], dtype=np.float32)
    assert np.allclose(run(path, x=values), [math.erfc(value) for value in values], atol=1e-6)


def check_a_constant_system_is_solved_beforehand(folder: Path) -> None:
    matrix = np.array([[2, 1], [0, 4]], dtype=np.float32)
    solve = onnx.helper.make_node("Solve", ["matrix", "x"], ["y"])
    path = write(folder, [solve], [("x", [2, 1])], [("y", [2, 1])], {"matrix": matrix})
    assert mend(path)
    side = np.array([[4], [8]], dtype=np.float32)
    assert np.allclose(run(path, x=side), np.linalg.solve(matrix, side))


def check_a_system_that_is_not_constant_is_left(folder: Path) -> None:
    solve = onnx.helper.make_node("Solve", ["matrix", "x"], ["y"])
    assert not mend(write(folder, [solve], [("matrix", [2, 2]), ("x", [2, 1])], [("y", [2, 1])]))


def check_a_neighbour_that_is_missing_is_looked_up_in_row_0(folder: Path) -> None:
    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["rows"], to=INT64),
        onnx.helper.make_node("ArrayFeatureExtractor", ["labels", "rows"], ["y"], domain="ai.onnx.ml"),
    ]
    labels = np.array([[10, 20, 30]], dtype=np.float32)
    path = write(folder, nodes, [("x", [2])], [("y", [1, 2])], {"labels": labels})
    assert mend(path)
    assert run(path, x=np.array([-1, 2], dtype=np.float32)).tolist() == [[10, 30]]


def check_a_maximum_over_windows_of_images(folder: Path) -> None:
    nodes = [
        onnx.helper.make_node("Unsqueeze", ["x", "first"], ["outer"]),
        onnx.helper.make_node("Unsqueeze", ["outer", "first"], ["inner"]),
        onnx.helper.make_node("MaxPool", ["inner"], ["pooled"], kernel_shape=[1, 2, 2, 1], strides=[1, 2, 2, 1]),
        onnx.helper.make_node("Squeeze", ["pooled", "both"], ["y"]),
    ]
    constants = {"first": np.array([0], dtype=np.int64), "both": np.array([0, 1], dtype=np.int64)}
    path = write(folder, nodes, [("x", ["rows", 4, 4, 3])], [("y", ["rows", 2, 2, 3])], constants)
    assert mend(path)
    images = np.random.default_rng(0).normal(size=(5, 4, 4, 3)).astype(np.float32)
    wanted = images.reshape(5, 2, 2, 2, 2, 3).max(axis=(2, 4))
    assert np.array_equal(run(path, x=images), wanted)
