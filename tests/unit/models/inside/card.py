"""A model card inside its ONNX file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from nebulab.models import card

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def write(folder: Path) -> Path:
    """Write a classifier as converters do: any number of rows, and one label."""
    nodes = [
        onnx.helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
        onnx.helper.make_node("Softmax", ["x"], ["scores"]),
    ]
    ends = [onnx.helper.make_tensor_value_info("x", FLOAT, [None, 3])]
    outputs = [
        onnx.helper.make_tensor_value_info("label", INT64, [1]),
        onnx.helper.make_tensor_value_info("scores", FLOAT, ["rows", 3]),
    ]
    graph = onnx.helper.make_graph(nodes, "graph", ends, outputs)
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    path = folder / "model.onnx"
    onnx.save(made, str(path))
    return path


def check_the_card_is_completed_and_written_into_the_file(folder: Path) -> None:
    path = write(folder)
    told: dict[str, Any] = {"name": "forest", "inputs": [], "outputs": []}
    card.complete(told, path, ["a", "b", "c"])
    assert told["inputs"] == [{"name": "x", "type": "float", "shape": ["any", 3], "columns": ["a", "b", "c"]}]
    assert told["outputs"][0] == {"name": "label", "type": "int64", "shape": ["any"]}, "one row of labels only"
    assert told["outputs"][1]["shape"] == ["rows", 3]
    assert told["opset"] == {"ai.onnx": 18}
    card.complete(told | {"name": "again"}, path, [])
    (entry,) = onnx.load(str(path)).metadata_props
    assert (entry.key, json.loads(entry.value)["name"]) == (card.METADATA_KEY, "again")


def check_an_output_can_be_left_out(folder: Path) -> None:
    path = write(folder)
    card.drop_outputs(path, ["scores"])
    assert [output.name for output in onnx.load(str(path)).graph.output] == ["label"]


def check_the_file_is_read_by_a_predictor(folder: Path) -> None:
    from nebulab.models import load

    path = write(folder)
    card.complete({"name": "forest", "inputs": [], "outputs": []}, path, [])
    predictor = load(path)
    assert predictor.card is not None
    assert predictor.inputs == {"x": "tensor(float) [None, 3]"}
    assert predictor.predict(np.eye(3)).tolist() == [0, 1, 2]
