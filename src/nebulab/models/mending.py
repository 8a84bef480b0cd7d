"""Mends ONNX files in which a converter used operators that ONNX Runtime lacks; runs in the kernel.

Only files that do not run are mended, and a mended file is proven like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def mend(path: Path) -> bool:
    """Rewrite the nodes of an ONNX file that are known to be wrong; return whether there was one."""
    import onnx

    onnx_model = onnx.load(str(path))
    graph = onnx_model.graph
    mended = [_MENDERS[node.op_type](graph, node) for node in list(graph.node) if node.op_type in _MENDERS]
    if not any(mended):
        return False
    onnx.save(onnx_model, str(path))
    return True


def _erfc(graph: Any, node: Any) -> bool:
    """Replace TensorFlow's `Erfc`, which tf2onnx keeps and every exact GELU has, by 1 - Erf."""
    import onnx

    index = list(graph.node).index(node)
    one, erf = f"{node.output[0]}__one", f"{node.output[0]}__erf"
    kind = next(
        (value.type.tensor_type.elem_type for value in graph.value_info if value.name == node.input[0]),
        onnx.TensorProto.FLOAT,
    )
    graph.initializer.append(onnx.helper.make_tensor(one, kind, [], [1]))
    graph.node.insert(index, onnx.helper.make_node("Erf", [node.input[0]], [erf]))
    graph.node[index + 1].CopyFrom(onnx.helper.make_node("Sub", [one, erf], [node.output[0]], name=node.name))
    return True


def _window_over_rows(graph: Any, node: Any) -> bool:
    """Pool the images' three axes alone: jax2onnx writes max pooling over four, the batch axis among them.

    ONNX Runtime pools three axes at most.
    """
    import onnx

    sizes = {attribute.name: attribute for attribute in node.attribute}
    if len(sizes["kernel_shape"].ints) != 4 or sizes["kernel_shape"].ints[0] != 1:
        return False
    makers = {name: maker for maker in graph.node for name in maker.output}
    inner: Any = makers.get(node.input[0])
    outer: Any = makers.get(inner.input[0]) if inner is not None else None
    after: Any = next((user for user in graph.node if node.output[0] in user.input), None)
    around = [getattr(neighbour, "op_type", "") for neighbour in (outer, inner, after)]
    if around != ["Unsqueeze", "Unsqueeze", "Squeeze"]:
        return False
    for name in ("kernel_shape", "strides", "dilations"):
        if name in sizes:
            sizes[name].ints[:] = sizes[name].ints[1:]
    if "pads" in sizes:
        pads = list(sizes["pads"].ints)
        sizes["pads"].ints[:] = pads[1:4] + pads[5:]
    axis = f"{node.output[0]}__axis"
    graph.initializer.append(onnx.helper.make_tensor(axis, onnx.TensorProto.INT64, [1], [1]))
    inner.input[:] = [outer.input[0], axis]
    after.input[1] = axis
    stale = {inner.output[0], node.output[0]}
    for value in [value for value in graph.value_info if value.name in stale]:
        graph.value_info.remove(value)
    if not any(outer.output[0] in user.input for user in graph.node):
        graph.node.remove(outer)
    return True


def _solve(graph: Any, node: Any) -> bool:
    """Replace `Solve` with a constant matrix (skl2onnx's Gaussian processes) by a product with its inverse."""
    import numpy as np
    import onnx

    constant = next((tensor for tensor in graph.initializer if tensor.name == node.input[0]), None)
    if constant is None:
        return False
    matrix = onnx.numpy_helper.to_array(constant)
    inverse = np.linalg.inv(matrix.astype(np.float64)).astype(matrix.dtype)
    name = f"{node.output[0]}__inverse"
    graph.initializer.append(onnx.numpy_helper.from_array(inverse, name))
    node.CopyFrom(onnx.helper.make_node("MatMul", [name, node.input[1]], list(node.output), name=node.name))
    return True


def _missing_neighbours(graph: Any, node: Any) -> bool:
    """Replace row -1, which skl2onnx's radius neighbours look up for missing ones, by row 0; its weight is 0."""
    import onnx

    if not any(node.input[1] in maker.output for maker in graph.node):
        return False
    name, zero = f"{node.output[0]}__row", f"{node.output[0]}__zero"
    graph.initializer.append(onnx.helper.make_tensor(zero, onnx.TensorProto.INT64, [], [0]))
    index = list(graph.node).index(node)
    graph.node.insert(index, onnx.helper.make_node("Max", [node.input[1], zero], [name]))
    graph.node[index + 1].input[1] = name
    return True


_MENDERS: dict[str, Callable[[Any, Any], bool]] = {
    "ArrayFeatureExtractor": _missing_neighbours,
    "Erfc": _erfc,
    "MaxPool": _window_over_rows,
    "Solve": _solve,
}
