"""Neural networks as ONNX: Keras 3, TensorFlow's modules, PyTorch, Flax; each through its library's own or the field's
converter; runs in the kernel."""

from __future__ import annotations

import contextlib
import io
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Output, as_array, flattened
from nebulab.models.samples import Sample, known, that_works, with_shape

_ROWS = 8
_TELL = "call nebulab.sample(model, x) with a few rows of its input"


def attempts(kind: str, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    """Yield the exports of a network.

    Raises
    ------
    CantExport
        Nothing tells what the network is called with.
    """
    yield from {"keras": _keras, "tensorflow": _tensorflow, "torch": _torch, "nnx": _nnx, "linen": _linen}[kind](
        model, namespace
    )


def native(kind: str, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
    """Write the network's weights in its library's own format; return the path and a remark."""
    if kind == "keras":
        path = folder / f"{name}.keras"
        model.save(path)
        return path, ""
    if kind == "tensorflow":
        return _saved_model(model, folder / f"{name}.savedmodel", namespace)
    path = folder / f"{name}.safetensors"
    if kind == "torch":
        from safetensors.torch import save_model

        save_model(model, str(path))
        return path, "the weights alone: the network's code is in the notebook"
    from safetensors.numpy import save_file

    if kind == "nnx":
        from flax import nnx

        state = {".".join(map(str, key)): leaf for key, leaf in nnx.to_flat_state(nnx.state(model)) if _is_weight(leaf)}
    else:
        from flax.traverse_util import flatten_dict

        state = {".".join(key): leaf for key, leaf in flatten_dict(_variables(model, namespace)).items()}
    weights = {key: np.asarray(leaf[...] if hasattr(leaf, "value") else leaf) for key, leaf in state.items()}
    save_file({key: np.ascontiguousarray(value) for key, value in weights.items()}, str(path))
    return path, "the weights alone: the network's code is in the notebook"


def _is_weight(leaf: Any) -> bool:
    """Whether it is numbers: a dropout's random key is none, and no dtype of numpy's."""
    dtype = getattr(leaf[...] if hasattr(leaf, "value") else leaf, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind in "fiubV"


# --- Keras --------------------------------------------------------------------------------------------------------


def _keras(model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    import keras

    given = known(model)
    shapes = _keras_shapes(model)
    if not model.built:
        raise CantExport("it is not trained: it was never built or called")
    if given is None and shapes is None:
        given = that_works(namespace, lambda part: model(as_array(part)[:1]))
        if given is None:
            raise CantExport(f"it was never called: {_TELL}")
    sample = given or _fitting(shapes or [], namespace, model)
    arguments = [as_array(argument)[:_ROWS] for argument in sample.arguments]
    shapes = shapes or [tuple(argument.shape[1:]) for argument in arguments]
    dtypes = _keras_types(model, len(shapes)) or [_plain(argument.dtype) for argument in arguments]
    arguments = [argument.astype(dtype) for argument, dtype in zip(arguments, dtypes, strict=True)]
    # By place in order: one list where the model takes several inputs.
    call = arguments[0] if len(arguments) == 1 else arguments
    expected = [Output("call", array) for array in flattened(model(call, training=False))]
    sizes = [tuple(size if size is not None else None for size in shape) for shape in shapes]

    def write(path: Path) -> None:
        with _quietly():
            if keras.backend.backend() == "tensorflow":
                _keras_by_tf2onnx(model, sizes, dtypes, path)
            elif keras.backend.backend() == "torch":
                _keras_by_torch(model, sizes, arguments, path)
            else:
                model.export(str(path), format="onnx", verbose=False)

    def write_by_keras(path: Path) -> None:
        with _quietly():
            model.export(str(path), format="onnx", verbose=False)

    yield Attempt(write, arguments, expected, sample.source)
    if keras.backend.backend() == "torch":
        yield Attempt(write_by_keras, arguments, expected, sample.source)


def _keras_by_tf2onnx(model: Any, shapes: Sequence[tuple[int | None, ...]], dtypes: Sequence[Any], path: Path) -> None:
    """Trace the model with any number of rows, whatever number it was built with."""
    import tensorflow as tf
    import tf2onnx

    specs = [
        tf.TensorSpec((None, *shape), dtype, name=f"input_{place}" if len(shapes) > 1 else "input")
        for place, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    ]

    @tf.function(input_signature=specs)  # type: ignore[untyped-decorator]
    def call(*arguments: Any) -> Any:
        return model(arguments[0] if len(arguments) == 1 else list(arguments), training=False)

    tf2onnx.convert.from_function(call, input_signature=specs, opset=18, output_path=str(path))


def _keras_by_torch(
    model: Any, shapes: Sequence[tuple[int | None, ...]], arguments: Sequence[np.ndarray], path: Path
) -> None:
    """Trace the model by dynamo: Keras' own export of what takes any number of rows is TorchScript's, which is old."""
    import torch

    class Call(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:
            return self.model(given[0] if len(given) == 1 else list(given), training=False)

    device = next((weight.device for weight in model.parameters()), "cpu")
    tensors = tuple(torch.as_tensor(argument, device=device) for argument in arguments)
    batch = torch.export.Dim("batch", min=1)
    free = tuple(
        {0: batch}
        | {
            axis: torch.export.Dim(f"size_{place}_{axis}", min=1)
            for axis, size in enumerate(shape, start=1)
            if size is None
        }
        for place, shape in enumerate(shapes)
    )
    torch.onnx.export(
        Call().eval(), tensors, str(path), dynamo=True, dynamic_shapes=(free,), external_data=False, verbose=False
    )


def _keras_shapes(model: Any) -> list[tuple[int | None, ...]] | None:
    """Return the inputs' shapes without their first axis, or None if the model was never built."""
    inputs = getattr(model, "inputs", None)
    if inputs:
        flat = inputs if isinstance(inputs, list | tuple) else [inputs]
        return [tuple(one.shape[1:]) for one in flat]
    built = getattr(model, "_build_shapes_dict", None) or {}
    shapes = [shape for shape in built.values() if shape is not None]
    if len(shapes) == 1 and all(size is None or isinstance(size, int) for size in shapes[0]):
        return [tuple(shapes[0][1:])]
    return None


def _keras_types(model: Any, count: int) -> list[Any] | None:
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return None
    flat = inputs if isinstance(inputs, list | tuple) else [inputs]
    return [np.dtype(str(one.dtype)) for one in flat][:count]


def _fitting(shapes: Sequence[tuple[int | None, ...]], namespace: Mapping[str, Any], model: Any) -> Sample:
    """Return a sample for inputs of these shapes: from the globals, else random numbers."""
    random = np.random.default_rng(0)
    dtypes = _keras_types(model, len(shapes)) or [np.dtype(np.float32)] * len(shapes)
    found = with_shape(namespace, shapes[0], whole=dtypes[0].kind in "iu") if len(shapes) == 1 else None
    if found is not None:
        return found
    made = []
    for shape, dtype in zip(shapes, dtypes, strict=True):
        size = (_ROWS, *(16 if length is None else length for length in shape))
        made.append(random.integers(0, 2, size) if dtype.kind in "iu" else random.normal(size=size))
    return Sample(tuple(made), "made up")


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.kind == "f" else np.dtype(dtype)


# --- TensorFlow without Keras -------------------------------------------------------------------------------------


def _tensorflow(model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    import tensorflow as tf
    import tf2onnx

    if not model.variables:
        raise CantExport("it has no weights")
    if not callable(model):
        raise CantExport("it has no __call__ to export")
    sample = _tensorflow_sample(model, namespace)
    if sample is None:
        raise CantExport(f"nothing tells its input: {_TELL}")
    arguments = [as_array(argument)[:_ROWS] for argument in sample.arguments]
    tensors = [tf.constant(argument) for argument in arguments]
    expected = [Output("call", array) for array in flattened(model(*tensors))]

    def write(path: Path) -> None:
        with _quietly():
            traced = _traced(model, sample)
            tf2onnx.convert.from_function(
                traced, input_signature=traced.input_signature, opset=18, output_path=str(path)
            )

    yield Attempt(write, arguments, expected, sample.source)


def _tensorflow_sample(model: Any, namespace: Mapping[str, Any]) -> Sample | None:
    import tensorflow as tf

    return known(model) or that_works(namespace, lambda part: model(tf.constant(as_array(part)[:1])))


def _traced(model: Any, sample: Sample) -> Any:
    """Return the module's call as a function of TensorFlow's for any number of rows."""
    import tensorflow as tf

    tensors = [tf.constant(as_array(argument)[:1]) for argument in sample.arguments]
    specs = [tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype) for tensor in tensors]
    return tf.function(lambda *given: model(*given), input_signature=specs)


def _saved_model(model: Any, saved: Path, namespace: Mapping[str, Any]) -> tuple[Path, str]:
    import tensorflow as tf

    sample = _tensorflow_sample(model, namespace) if callable(model) else None
    with _quietly():
        tf.saved_model.save(model, str(saved), signatures=None if sample is None else _served(model, sample))
    shutil.make_archive(str(saved), "zip", saved)
    shutil.rmtree(saved)
    return Path(f"{saved}.zip"), "" if sample is not None else "perhaps the weights alone: nothing told its input"


def _served(model: Any, sample: Sample) -> Any:
    """Return the function for serving: without one the file has the weights of a module whose call is plain Python."""
    import tensorflow as tf

    traced = _traced(model, sample)

    def serve(*given: Any) -> dict[str, Any]:
        answer = traced(*given)
        if isinstance(answer, dict):
            return answer
        return (
            {f"output_{place}": one for place, one in enumerate(answer)}
            if isinstance(answer, list | tuple)
            else {"output_0": answer}
        )

    return tf.function(serve, input_signature=traced.input_signature).get_concrete_function()


# --- PyTorch ------------------------------------------------------------------------------------------------------


def _torch(model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    import torch

    weights = [*model.parameters(), *model.buffers()]
    if not weights:
        raise CantExport("it has no weights: nothing in it was trained")
    device = weights[0].device

    def call(*arguments: Any) -> Any:
        with torch.no_grad():
            return model(*arguments)

    def tensor(value: Any) -> Any:
        made = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
        made = made.to(weights[0].dtype) if made.dtype == torch.float64 else made
        return made.detach().to(device)

    training = {part: part.training for part in model.modules()}
    model.eval()
    try:
        sample = known(model) or that_works(namespace, lambda part: call(tensor(part)[:1]))
        if sample is None:
            raise CantExport(f"nothing tells its input: {_TELL}")
        arguments = tuple(tensor(argument)[:_ROWS] for argument in sample.arguments)
        expected = [Output("forward", array) for array in flattened(call(*arguments))]
        feeds = [argument.cpu().numpy() for argument in arguments]

        def write(path: Path) -> None:
            batch = torch.export.Dim("batch", min=1)
            shapes = tuple({0: batch} for _ in arguments)
            with _quietly():
                torch.onnx.export(
                    model, arguments, str(path), dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False
                )

        def write_fixed(path: Path) -> None:
            with _quietly():
                torch.onnx.export(model, arguments, str(path), dynamo=True, external_data=False, verbose=False)

        yield Attempt(write, feeds, expected, sample.source)
        yield Attempt(write_fixed, feeds, expected, sample.source, f"float32, batches of {len(feeds[0])} only")
    finally:
        for part, was in training.items():
            part.training = was


# --- Flax ---------------------------------------------------------------------------------------------------------


def _nnx(model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    from flax import nnx

    if not nnx.to_flat_state(nnx.state(model)):
        raise CantExport("it has no weights")
    still = nnx.merge(*nnx.split(model))
    still.eval()
    yield from _jax_function(still, model, namespace)


def _linen(model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    variables = _variables(model, namespace)

    def call(*arguments: Any) -> Any:
        return model.apply(variables, *arguments)

    yield from _jax_function(call, model, namespace)


def _variables(model: Any, namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a linen module's weights, which live beside it: in `variables`, `params` or a training state."""
    for value in namespace.values():
        if getattr(type(value), "__name__", "") == "TrainState" and hasattr(value, "params"):
            apply = getattr(value, "apply_fn", None)
            if getattr(apply, "__self__", model) is model:
                return {"params": value.params}
    for name in ("variables", "params", "weights"):
        value = namespace.get(name)
        if isinstance(value, Mapping):
            return value if "params" in value else {"params": value}
    raise CantExport("its weights are in no global named `variables` or `params`, and in no TrainState")


def _jax_function(call: Callable[..., Any], model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
    import jax2onnx

    def plain(value: Any) -> np.ndarray:
        array = as_array(value)
        return array.astype(np.float32) if array.dtype == np.float64 else array

    sample = known(model) or that_works(namespace, lambda part: call(plain(part)[:1]))
    if sample is None:
        raise CantExport(f"nothing tells its input: {_TELL}")
    arguments = [plain(argument)[:_ROWS] for argument in sample.arguments]
    expected = [Output("call", array) for array in flattened(call(*arguments))]

    def write(path: Path) -> None:
        import jax

        specs = [jax.ShapeDtypeStruct(argument.shape, argument.dtype) for argument in arguments]
        inputs = [("B", *spec.shape[1:]) for spec in specs]
        with _quietly():
            if all(spec.dtype == np.float32 for spec in specs):
                jax2onnx.to_onnx(call, inputs, return_mode="file", output_path=str(path))
            else:
                jax2onnx.to_onnx(call, specs, return_mode="file", output_path=str(path))

    yield Attempt(write, arguments, expected, sample.source)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep the converters' chatter out of the notebook's log."""
    import logging

    previous = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
