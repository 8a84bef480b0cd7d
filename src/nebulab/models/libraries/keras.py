"""Keras 3's models as ONNX, through the converter of their backend; runs in the kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Output, Untrained, as_array, flattened
from nebulab.models.libraries.base import Library
from nebulab.models.libraries.networks import ROWS, TELL, harder, of_known_numbers, positional, quietly, unchanged
from nebulab.models.samples import Sample, accepted_by, sample_of, with_shape


class Keras(Library):
    """Models of Keras 3 on TensorFlow, PyTorch or JAX."""

    kind = package = "keras"
    classes = (("keras", "Model"),)
    suffixes = (".keras", ".h5")

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the export by the backend's converter; on PyTorch then the one by Keras' own."""
        with unchanged([variable for variable in model.variables if not variable.trainable]):
            yield from self._attempts(model, namespace)

    def _attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        import keras

        parts = [model, *getattr(model, "layers", [])]
        of_known_numbers(
            (getattr(part, "compute_dtype", "") for part in parts),
            "make it again after keras.config.set_dtype_policy('float32'), and new.set_weights(model.get_weights())",
        )
        own_sample = sample_of(model)
        shapes = _shapes(model)
        if not model.built:
            raise Untrained("it is not trained: it was never built or called")
        if own_sample is None and shapes is None:
            own_sample = accepted_by(lambda part: model(as_array(part)[:1]), namespace)
            if own_sample is None:
                raise CantExport(f"it was never called: {TELL}")
        sample = own_sample or _fitting(shapes or [], namespace, model)
        arguments = [as_array(argument)[:ROWS] for argument in positional(sample)]
        shapes = shapes or [tuple(argument.shape[1:]) for argument in arguments]
        dtypes = _types(model, len(shapes)) or [_plain(argument.dtype) for argument in arguments]
        arguments = [argument.astype(dtype) for argument, dtype in zip(arguments, dtypes, strict=True)]

        def again(feeds: Sequence[np.ndarray]) -> list[Output]:
            # Several inputs are one list.
            answer = model(feeds[0] if len(feeds) == 1 else list(feeds), training=False)
            return [Output("call", array) for array in flattened(answer)]

        expected = again(arguments)
        sizes = [tuple(size if size is not None else None for size in shape) for shape in shapes]

        def write(path: Path) -> None:
            with quietly():
                if keras.backend.backend() == "tensorflow":
                    _by_tf2onnx(model, sizes, dtypes, path)
                elif keras.backend.backend() == "torch":
                    _by_torch(model, sizes, arguments, path)
                else:
                    model.export(str(path), format="onnx", verbose=False)

        def write_by_keras(path: Path) -> None:
            with quietly():
                model.export(str(path), format="onnx", verbose=False)

        first = Attempt(write, arguments, expected, sample.source, again=again, harder=lambda: harder(arguments, again))
        yield first
        if keras.backend.backend() == "torch":
            yield replace(first, write=write_by_keras)

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the model in Keras' own format, without the code of custom layers."""
        path = folder / f"{name}.keras"
        model.save(path)
        return path, ""

    def read(self, path: Path) -> Any:
        """Return the model, without its optimizer and its loss."""
        import keras

        return keras.models.load_model(path, compile=False)


def _by_tf2onnx(model: Any, shapes: Sequence[tuple[int | None, ...]], dtypes: Sequence[Any], path: Path) -> None:
    """Trace the model with any number of rows, whatever number it was built with."""
    import tensorflow as tf
    import tf2onnx

    specs = [
        tf.TensorSpec((None, *shape), dtype, name=f"input_{index}" if len(shapes) > 1 else "input")
        for index, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def call(*arguments: Any) -> Any:
        return model(arguments[0] if len(arguments) == 1 else list(arguments), training=False)

    tf2onnx.convert.from_function(call, input_signature=specs, opset=18, output_path=str(path))


def _by_torch(
    model: Any, shapes: Sequence[tuple[int | None, ...]], arguments: Sequence[np.ndarray], path: Path
) -> None:
    """Trace the model with dynamo: for a free batch size Keras' own export uses TorchScript, which is deprecated."""
    import torch

    class Call(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:  # the name may become that of the file's inputs
            return self.model(given[0] if len(given) == 1 else list(given), training=False)

    device = next((weight.device for weight in model.parameters()), "cpu")
    tensors = tuple(torch.as_tensor(argument, device=device) for argument in arguments)
    batch = torch.export.Dim("batch", min=1)
    free = tuple(
        {0: batch}
        | {
            axis: torch.export.Dim(f"size_{index}_{axis}", min=1)
            for axis, size in enumerate(shape, start=1)
            if size is None
        }
        for index, shape in enumerate(shapes)
    )
    torch.onnx.export(
        Call().eval(), tensors, str(path), dynamo=True, dynamic_shapes=(free,), external_data=False, verbose=False
    )


def _shapes(model: Any) -> list[tuple[int | None, ...]] | None:
    """Return the inputs' shapes without their first axis, or None if the model was never built."""
    inputs = getattr(model, "inputs", None)
    if inputs:
        flat = inputs if isinstance(inputs, list | tuple) else [inputs]
        return [tuple(tensor.shape[1:]) for tensor in flat]
    built = getattr(model, "_build_shapes_dict", None) or {}
    shapes = [shape for shape in built.values() if shape is not None]
    if len(shapes) == 1 and all(size is None or isinstance(size, int) for size in shapes[0]):
        return [tuple(shapes[0][1:])]
    return None


def _types(model: Any, count: int) -> list[Any] | None:
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return None
    flat = inputs if isinstance(inputs, list | tuple) else [inputs]
    return [np.dtype(str(tensor.dtype)) for tensor in flat][:count]


def _fitting(shapes: Sequence[tuple[int | None, ...]], namespace: Mapping[str, Any], model: Any) -> Sample:
    """Return a sample for inputs of these shapes: from the globals, else random numbers."""
    random = np.random.default_rng(0)
    dtypes = _types(model, len(shapes)) or [np.dtype(np.float32)] * len(shapes)
    if len(shapes) == 1:
        sample = with_shape(
            namespace,
            shapes[0],
            kinds={"b": "b", "i": "iu", "u": "iu"}.get(dtypes[0].kind, "bfc"),
            accepted=lambda rows: model(as_array(rows)[:1].astype(dtypes[0]), training=False),
        )
        if sample is not None:
            return sample
    arrays = []
    for shape, dtype in zip(shapes, dtypes, strict=True):
        size = (ROWS, *(16 if length is None else length for length in shape))
        # A mask of random numbers would hide nothing.
        arrays.append(random.integers(0, 2, size) if dtype.kind in "biu" else random.normal(size=size))
    return Sample(tuple(arrays), "made up")


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.kind == "f" else np.dtype(dtype)
