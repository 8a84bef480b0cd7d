"""PyTorch's modules as ONNX, through torch.onnx; runs in the kernel."""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nebulab.models.attempt import DEPENDS, Attempt, CantExport, Output, Untrained, first_line, flattened
from nebulab.models.libraries.base import Library
from nebulab.models.libraries.networks import ROWS, TELL, WEIGHTS_ALONE, constants, harder, leaves, quietly, rebuilt
from nebulab.models.libraries.rows import Rows, find
from nebulab.models.proof import compare
from nebulab.models.samples import Sample, accepted_by, has_time_first, sample_of

Made = tuple[tuple[Any, ...], dict[str, Any]]
"""A call's arguments, by position and by name."""
_DECIMAL = ("float", "bfloat", "complex")
"""How the names of types begin that weights are of; a float32 input of a network in half of the bits is cast."""
_OF_ONNX_RUNTIME = {"float16", "float32", "float64"}
"""Types that it has operators for, if not all."""
_LARGEST_CHANGE = 0.05
"""The largest share of its largest value by which an answer may change with the type of the weights."""
_NOT_ZERO = "its answer not 0 where a padding mask hides a position, as PyTorch's is in evaluation"


class Torch(Library):
    """Modules of PyTorch with weights."""

    kind = package = "torch"
    classes = (("torch.nn", "Module"),)

    def attempts(self, model: Any, namespace: Mapping[str, Any]) -> Iterator[Attempt]:
        """Yield the export for any number of rows, then the one for the sample's number, which traces more models."""
        weights = [*model.parameters(), *model.buffers()]
        # Quantized layers pack their weights away, where `parameters` does not see them.
        if not weights and any(".quantized." in f"{type(part).__module__}." for part in model.modules()):
            raise CantExport("its weights are quantized, which torch.onnx does not take")
        if not weights:
            raise Untrained("it has no weights: nothing in it was trained")
        # `torch.compile` wraps a module, and can't be traced.
        with _evaluated(getattr(model, "_orig_mod", model)) as (network, remark):
            numbers = _numbers(network)
            if any(name.startswith("complex") for name in numbers):
                raise CantExport("it computes with complex numbers, which ONNX Runtime has no operators for")
            if numbers == ["float32"]:
                export, source = _export(model, network, namespace)
                yield from export.attempts(source, [remark])
                return
            if set(numbers) <= _OF_ONNX_RUNTIME:
                export, source = _export(model, network, namespace)
                yield next(export.attempts(source, [remark]))
            yield from _in_32_bits(model, network, namespace, remark)

    def native(self, model: Any, folder: Path, name: str, namespace: Mapping[str, Any]) -> tuple[Path, str]:
        """Write the weights as safetensors."""
        from safetensors.torch import save_model

        path = folder / f"{name}.safetensors"
        save_model(getattr(model, "_orig_mod", model), str(path))
        return path, WEIGHTS_ALONE


def _export(model: Any, network: Any, namespace: Mapping[str, Any]) -> tuple[_Export, str]:
    """Return the call of a module that is to be exported, or of a copy of it in other numbers, and its sample's origin.

    Raises
    ------
    CantExport
        Nothing tells its input.
    """
    like = _like(network)
    sample = sample_of(model) or accepted_by(
        lambda part: _answer(network, ((_tensor(part, like)[:1],), {})), namespace, whole=has_time_first(network)
    )
    if sample is None:
        raise CantExport(f"nothing tells its input: {TELL}")
    made = _made(sample)
    arguments = [_tensor(array, like) for _, array in leaves(made)]
    if not arguments:
        raise CantExport("its call has no array or tensor among its arguments")
    rows = find(
        arguments, lambda given: flattened(_answer(network, rebuilt(made, (each.clone() for each in given)))), ROWS
    )
    return _Export(network, made, rows), sample.source


def _in_32_bits(model: Any, network: Any, namespace: Mapping[str, Any], remark: str) -> Iterator[Attempt]:
    """Yield the exports of a copy in 32 bits, with a word on what that changes.

    Raises
    ------
    CantExport
        It can't be computed in 32 bits as it is, or has other answers then.
    """
    kind = " and ".join(name for name in _numbers(network) if name != "float32")
    advice = f"call model.float(), and have its forward compute with no {kind}"
    if remark:
        raise CantExport(f"its weights are {kind}, and it can't be copied to cast them: call model.float()")
    cast = copy.deepcopy(network).float()
    export, source = _export(model, cast, namespace)
    try:
        change = export.change(network)
    except Exception as error:
        raise CantExport(f"its weights are {kind}, and in float32 it fails ({first_line(error)}): {advice}") from error
    if change is not None and change > _LARGEST_CHANGE:
        raise CantExport(f"in float32 its answers differ by {change:.0%} from those in {kind}: {advice}")
    told = f"its weights cast from {kind}"
    told += "" if change is None else f", which changes its answers by {change:.1g} of the largest"
    yield from export.attempts(source, [told])


class _Export:
    """A module's call, and the two ways to write it."""

    def __init__(self, network: Any, made: Made, rows: Rows) -> None:
        self.network, self.rows = network, rows
        self.made: Made = rebuilt(made, iter(rows.arguments))
        self.exported = network if _plain(made) else _call(network, made)
        self.options: dict[str, Any] = {"dynamo": True, "external_data": False, "verbose": False}
        if self.exported is not network:
            self.options["input_names"] = [name for name, _ in leaves(_by_parameter(network, made))]

    def attempts(self, source: str, remarks: Sequence[str]) -> Iterator[Attempt]:
        """Yield the export for any number of rows, then the one for the sample's number."""
        feeds = [argument.cpu().numpy() for argument in self.rows.arguments]
        given = rebuilt(self.made, (argument.clone() for argument in self.rows.arguments))
        expected, hidden = _answers(self.network, given)
        told = [f"with {constant}" for constant in constants(_by_parameter(self.network, self.made))]
        told += ["the rows on the second axis of its input"] if _are_second(self.rows.axes) else []
        told += [each for each in (hidden, *remarks, DEPENDS if self.rows.depend else "") if each]
        numbers = " and ".join(_numbers(self.network))
        free = Attempt(
            self.write,
            feeds,
            expected,
            source,
            ", ".join([numbers, *told]),
            axes=self.rows.axes,
            again=self.again,
            harder=lambda: harder(feeds, self.again),
        )
        yield free
        only = ", ".join([numbers, f"batches of {free.rows} only", *told])
        yield replace(free, write=self.write_fixed, precision=only, fixed_batch=True)

    def again(self, feeds: Sequence[np.ndarray]) -> list[Output]:
        """Return the module's outputs for other rows."""
        like = _like(self.network)
        tensors = (_tensor(feed, like) for feed in feeds)
        return _answers(self.network, rebuilt(self.made, tensors))[0]

    def change(self, network: Any) -> float | None:
        """Return the largest share by which a module in other numbers has other answers, or None if it has none.

        Raises
        ------
        Exception
            This one has none: whatever its call raises.
        """
        own = flattened(_answer(self.network, rebuilt(self.made, (each.clone() for each in self.rows.arguments))))
        like = _like(network)
        try:
            others = flattened(
                _answer(network, rebuilt(self.made, (_tensor(each, like) for each in self.rows.arguments)))
            )
        except Exception:  # noqa: BLE001 - whatever the network raises
            return None
        compared = [compare("", Output("", other), one) for one, other in zip(own, others, strict=True)]
        # Labels may turn where two are nearly as likely.
        return max((each.largest_relative or 0.0 for each in compared), default=0.0)

    def write(self, path: Path) -> None:
        """Write the file for any number of rows."""
        import torch

        batch = torch.export.Dim("batch", min=1)
        shapes: Any = tuple({} if axis is None else {axis: batch} for axis in self.rows.axes)
        if self.exported is not self.network:
            shapes = (shapes,)
        with quietly():
            torch.onnx.export(self.exported, self._given, str(path), dynamic_shapes=shapes, **self.options)

    def write_fixed(self, path: Path) -> None:
        """Write the file for the sample's number of rows."""
        import torch

        with quietly():
            torch.onnx.export(self.exported, self._given, str(path), **self.options)

    @property
    def _given(self) -> tuple[Any, ...]:
        return tuple(self.rows.arguments)


@contextlib.contextmanager
def _evaluated(model: Any) -> Iterator[tuple[Any, str]]:
    """Yield a copy of the module in evaluation mode, since a call may change its buffers and attributes.

    What can't be copied is tried itself, and its modes and buffers are restored; the remark says so.
    """
    try:
        copied = copy.deepcopy(model)
    except Exception:  # noqa: BLE001 - whatever its parts raise, or PyTorch on a full GPU
        copied = None
    if copied is not None:
        copied.eval()
        yield copied, ""
        return
    training = {part: part.training for part in model.modules()}
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    model.eval()
    try:
        yield model, "tried on the module itself, whose own attributes it may have changed"
    finally:
        for part, mode in training.items():
            part.training = mode
        for buffer, before in buffers:
            buffer.copy_(before)


def _answer(network: Any, made: Made) -> Any:
    import torch

    positional, named = made
    with torch.no_grad():
        return network(*positional, **named)


def _answers(network: Any, made: Made) -> tuple[list[Output], str]:
    """Return a module's outputs, and a remark where PyTorch has two answers.

    In evaluation `TransformerEncoder` answers 0 where a padding mask hides a position; in a trace it can't.

    Raises
    ------
    CantExport
        Another output comes of these zeros.
    """
    outputs = flattened(_answer(network, made))
    names = {cls.__name__ for part in network.modules() for cls in type(part).__mro__}
    if not names & {"TransformerEncoder", "TransformerEncoderLayer"}:
        return [Output("forward", array) for array in outputs], ""
    with _without_fast_path():
        traced = flattened(_answer(network, made))
    pairs = list(zip(outputs, traced, strict=True))
    if all(_near(one, other) for one, other in pairs):
        return [Output("forward", array) for array in outputs], ""
    if all(_near(one, np.where(one == 0, 0, other)) for one, other in pairs):
        return [Output("forward", array) for array in traced], _NOT_ZERO
    raise CantExport(
        "in evaluation PyTorch has nn.TransformerEncoder answer 0 where a padding mask hides, which a file can't do: "
        "make it with enable_nested_tensor=False"
    )


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    return compare("", Output("forward", one), other).agrees


@contextlib.contextmanager
def _without_fast_path() -> Iterator[None]:
    from torch.backends import mha

    enabled = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(enabled)


def _numbers(network: Any) -> list[str]:
    """Return the types of a module's decimal weights: `float32`, `bfloat16` …"""
    names = {_name(weight) for weight in (*network.parameters(), *network.buffers())}
    return sorted(name for name in names if name.startswith(_DECIMAL)) or ["float32"]


def _like(network: Any) -> Any:
    """Return a weight of the type and on the device that a module's input should have."""
    weights = [*network.parameters(), *network.buffers()]
    return next((weight for weight in weights if _name(weight).startswith(_DECIMAL)), weights[0])


def _name(tensor: Any) -> str:
    return str(tensor.dtype).rpartition(".")[2]


def _tensor(value: Any, like: Any) -> Any:
    """Return the array as a tensor on a weight's device, its decimal numbers of the weight's type."""
    import torch

    converted = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
    decimal = all(_name(each).startswith(_DECIMAL) for each in (converted, like))
    return (converted.to(like.dtype) if decimal else converted).detach().to(like.device)


def _made(sample: Sample) -> Made:
    """Return the call of a sample; lists of numbers that the user has given are arrays."""
    arguments, named = sample.arguments, sample.named
    if sample.source == "given by the user":
        arguments = tuple(
            np.asarray(each) if isinstance(each, list) and _is_table(each) else each for each in arguments
        )
    return tuple(arguments), dict(named)


def _is_table(value: list[Any]) -> bool:
    return not any(True for _ in leaves(value)) and np.asarray(value).dtype.kind in "biuf"


def _plain(made: Made) -> bool:
    """Whether the call has tensors by position alone, and the module can be exported as it is."""
    return not made[1] and all(hasattr(each, "shape") for each in made[0])


def _by_parameter(model: Any, made: Made) -> dict[str, Any]:
    """Return the arguments by the name of their parameter of `forward`, in the order of the call."""
    arguments, named = made
    parameters = list(inspect.signature(model.forward).parameters)
    names = [*parameters, *(f"input_{index}" for index in range(len(parameters), len(arguments)))]
    return dict(zip(names, arguments, strict=False)) | named


def _are_second(axes: Sequence[int | None]) -> bool:
    return next((axis for axis in axes if axis is not None), 0) == 1


def _call(model: Any, made: Made) -> Any:
    """Return a module of tensors alone that calls `model` as it was called: with names, dictionaries and constants."""
    import torch

    class Call(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:
            positional, named = rebuilt(made, iter(given))
            return self.model(*positional, **named)

    return Call().eval()
