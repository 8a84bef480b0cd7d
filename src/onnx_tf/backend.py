"""`prepare` and `run_model` as onnx-tf has them, on ONNX Runtime; runs in the kernel."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

__all__ = ["TensorflowRep", "prepare", "run_model", "supports_device"]


class TensorflowRep:
    """A model that is ready to be run; `inputs` and `outputs` are the names of its tensors."""

    def __init__(self, model: Any) -> None:
        providers = onnxruntime.get_available_providers()
        self._session = onnxruntime.InferenceSession(_content(model), providers=providers)
        self._types = {tensor.name: _dtype(tensor.type) for tensor in self._session.get_inputs()}
        self.inputs = list(self._types)
        self.outputs = [tensor.name for tensor in self._session.get_outputs()]
        # As onnx-tf has it: names that are no names of Python's become numbered ones.
        self._answer = namedtuple("Outputs", self.outputs, rename=True)  # type: ignore[misc]

    def run(self, inputs: Any, **_options: Any) -> Any:
        """Return the outputs as a named tuple of arrays.

        Parameters
        ----------
        inputs
            One array, a list of arrays in the order of `inputs`, or a dictionary of arrays by name. Numbers of another
            type than the model's are converted, as float64 to float32.
        _options
            `training=False` and its like, which mean nothing here.

        Raises
        ------
        ValueError
            There are more or fewer arrays than inputs, or one of another name.
        """
        given = self._by_name(inputs)
        if set(given) != set(self.inputs):
            raise ValueError(f"The model's inputs are {self.inputs}, and {list(given)} were given.")
        feed = {name: np.asarray(value).astype(self._types[name], copy=False) for name, value in given.items()}
        return self._answer(*self._session.run(self.outputs, feed))

    def _by_name(self, inputs: Any) -> Mapping[str, Any]:
        if isinstance(inputs, Mapping):
            return inputs
        arrays = inputs if isinstance(inputs, list | tuple) and len(inputs) == len(self.inputs) else [inputs]
        return dict(zip(self.inputs, arrays, strict=False)) if len(arrays) == len(self.inputs) else {}

    def export_graph(self, path: str, **_options: Any) -> None:
        """Refuse to write a SavedModel, which nothing installed here makes of an ONNX file.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            f"{path} can't be written: this onnx_tf is Nebulab's, which runs ONNX models and turns none into a "
            "SavedModel. Save the model from the framework that trained it."
        )


def prepare(model: Any, device: str = "CPU", **_options: Any) -> TensorflowRep:
    """Return a model ready to be run.

    Parameters
    ----------
    model
        What `onnx.load` returns, its bytes, or a path.
    device
        Ignored: ONNX Runtime takes the best that it has.
    """
    return TensorflowRep(model)


def run_model(model: Any, inputs: Any, device: str = "CPU", **options: Any) -> Any:
    """Return what the model makes of the inputs; see `TensorflowRep.run`."""
    return prepare(model, device).run(inputs, **options)


def supports_device(device: str) -> bool:
    """Whether models run on a device: `CPU`, or `CUDA` where ONNX Runtime has it."""
    return device == "CPU" or f"{device}ExecutionProvider" in onnxruntime.get_available_providers()


def _content(model: Any) -> Any:
    if isinstance(model, onnx.ModelProto):
        return model.SerializeToString()
    return str(model) if isinstance(model, Path) else model


def _dtype(kind: str) -> Any:
    """Return NumPy's type for `tensor(float)` and its like."""
    name = kind.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64", "string": "object"}.get(name, name))
