"""Flax's modules as ONNX, through jax2onnx: those of nnx, and of linen, whose weights are kept apart; runs in the
kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import Attempt, CantExport, Output, Untrained, as_array, flattened
from nebulab.models.libraries.base import Library
from nebulab.models.libraries.networks import ROWS, TELL, WEIGHTS_ALONE, harder, of_known_numbers, positional, quietly
from nebulab.models.samples import accepted_by, sample_of

_OF_JAX = {"f8": np.float32, "i8": np.int32, "u8": np.uint32}
"""What JAX makes of 64 bits, unless it is told not to."""


class Nnx(Library):
    """Modules of flax.nnx, which hold their weights."""

    kind, package = "nnx", "flax"
    classes = (("flax.nnx", "Module"),)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the only export: the module's call in evaluation mode."""
        from flax import nnx

        if not nnx.to_flat_state(nnx.state(model)):
            raise Untrained("it has no weights")
        evaluated = nnx.merge(*nnx.split(model))
        evaluated.eval()
        yield from _jax_function(evaluated, model, namespace)

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the weights as safetensors, by their path in the module."""
        from flax import nnx

        leaves = nnx.to_flat_state(nnx.state(model))
        return _weights({".".join(map(str, key)): leaf for key, leaf in leaves if _is_weight(leaf)}, folder, name)


class Linen(Library):
    """Modules of flax.linen, with `params` or `variables` among the globals."""

    kind, package = "linen", "flax"
    classes = (("flax.linen", "Module"),)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the only export: the module applied to its weights."""
        variables = _variables(model, namespace)

        def call(*arguments: Any) -> Any:
            return model.apply(variables, *arguments)

        yield from _jax_function(call, model, namespace)

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the weights as safetensors, by their path in the module."""
        from flax.traverse_util import flatten_dict

        leaves = flatten_dict(_variables(model, namespace))
        return _weights({".".join(key): leaf for key, leaf in leaves.items()}, folder, name)


def _is_weight(leaf: Any) -> bool:
    """Whether it is an array of numbers, and not the random key of a dropout."""
    dtype = getattr(leaf[...] if hasattr(leaf, "value") else leaf, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind in "fiubV"


def _weights(leaves: Mapping[str, Any], folder: Path, name: str) -> tuple[Path, str]:
    from safetensors.numpy import save_file

    path = folder / f"{name}.safetensors"
    arrays = {key: np.asarray(leaf[...] if hasattr(leaf, "value") else leaf) for key, leaf in leaves.items()}
    save_file({key: np.ascontiguousarray(value) for key, value in arrays.items()}, str(path))
    return path, WEIGHTS_ALONE


def _variables(model: Any, namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a linen module's weights from the globals: `variables`, `params` or a training state."""
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
        return array.astype(_OF_JAX.get(array.dtype.str[1:], array.dtype), copy=False)

    sample = sample_of(model) or accepted_by(lambda part: call(plain(part)[:1]), namespace)
    if sample is None:
        raise CantExport(f"nothing tells its input: {TELL}")
    arguments = [plain(argument)[:ROWS] for argument in positional(sample)]
    rows = arguments[0].shape[0]
    axes = [0 if each.shape[:1] == (rows,) else None for each in arguments]

    def again(feeds: Sequence[np.ndarray]) -> list[Output]:
        return [Output("call", array) for array in flattened(call(*feeds))]

    expected = again(arguments)
    of_known_numbers(
        (output.values.dtype for output in expected),
        "make it with dtype=jnp.float32, and cast its weights: jax.tree.map(lambda w: w.astype('float32'), weights)",
    )

    def write(path: Path) -> None:
        import jax

        specs = [
            jax.ShapeDtypeStruct(each.shape if axis is None else ("B", *each.shape[1:]), each.dtype)
            for each, axis in zip(arguments, axes, strict=True)
        ]
        with quietly():
            jax2onnx.to_onnx(call, specs, return_mode="file", output_path=str(path))

    yield Attempt(
        write, arguments, expected, sample.source, axes=axes, again=again, harder=lambda: harder(arguments, again)
    )
