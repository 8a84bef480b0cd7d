"""PyTorch's modules, with a stand-in for the library."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nebulab.models import sample
from nebulab.models.attempt import DEPENDS, CantExport, Untrained
from nebulab.models.libraries.torch import Torch


class Tensor:
    """An array with what is called of a tensor."""

    __module__ = "torch"

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, dtype=np.float32)
        self.dtype, self.shape, self.device = "float32", self.values.shape, "cpu"

    def __getitem__(self, rows: Any) -> Tensor:
        return Tensor(self.values[rows])

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.values

    def to(self, target: Any) -> Tensor:
        return self

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def copy_(self, other: Tensor) -> None:
        self.values[:] = other.values

    def clone(self) -> Tensor:
        return Tensor(self.values.copy())

    def numpy(self) -> Any:
        return self.values


DURING: list[bool] = []
"""Whether the network was in training, at each call."""


class Module:
    """A network of one layer, which takes three columns."""

    def __init__(self, weights: int = 1) -> None:
        self.training, self.weights = True, [Tensor([1.0])] * weights

    def parameters(self) -> list[Tensor]:
        return self.weights

    def buffers(self) -> list[Tensor]:
        return []

    def modules(self) -> list[Module]:
        return [self]

    def eval(self) -> None:
        self.training = False

    def forward(self, rows: Tensor) -> Tensor:
        DURING.append(self.training)
        if rows.shape[1:] != (3,):
            raise RuntimeError("3 columns")
        return Tensor(rows.values.sum(axis=1))

    __call__ = forward


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = []
    DURING.clear()
    stand_in = SimpleNamespace(
        Tensor=Tensor,
        as_tensor=Tensor,
        float64="float64",
        no_grad=contextlib.nullcontext,
        export=SimpleNamespace(Dim=lambda name, min: name),
        onnx=SimpleNamespace(export=lambda model, arguments, path, **options: calls.append(options)),
    )
    monkeypatch.setitem(sys.modules, "torch", stand_in)
    return calls


def test_the_second_way_takes_batches_of_one_size(exported: list[dict[str, Any]], tmp_path: Path) -> None:
    free, fixed = Torch().attempts(Module(), {"X": np.ones((9, 3))})
    assert [free.fixed_batch, fixed.fixed_batch] == [False, True]
    assert [free.precision, fixed.precision] == ["float32", "float32, batches of 8 only"]
    for attempt in (free, fixed):
        attempt.write(tmp_path / "x.onnx")
    assert ["dynamic_shapes" in options for options in exported] == [True, False]
    assert free.expected[0].values.tolist() == [3.0] * 8
    for attempt in (free, fixed):
        assert {len(each.feeds[0]) for each in attempt.harder()} == {8}, "hard rows are as many"


@pytest.mark.usefixtures("exported")
def test_a_network_is_tried_as_in_evaluation_and_left_as_it_was() -> None:
    model = Module()
    list(Torch().attempts(model, {"X": np.ones((9, 3))}))
    assert model.training
    assert DURING
    assert not any(DURING)


class Counting(Module):
    """A network that counts its calls, in a buffer and in an attribute; perhaps it can't be copied."""

    def __init__(self, *, copied: bool) -> None:
        super().__init__()
        self.calls, self.count, self.copied = Tensor([1.0]), 1, copied

    def buffers(self) -> list[Tensor]:
        return [self.calls]

    def forward(self, rows: Tensor) -> Tensor:
        self.calls.values += 1
        self.count += 1
        return super().forward(rows)

    __call__ = forward

    def __deepcopy__(self, memo: Any) -> Any:
        if not self.copied:
            raise RuntimeError("only leaves can be copied")
        other = Counting(copied=True)
        other.calls, other.weights = Tensor(self.calls.values.copy()), self.weights
        return other


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize("copied", [True, False])
def test_a_proof_changes_no_buffer(copied: bool) -> None:
    model = Counting(copied=copied)
    (attempt, _) = Torch().attempts(model, {"X": np.ones((9, 3))})
    assert model.calls.values.tolist() == [1.0]
    assert (model.count == 1) is copied
    assert ("tried on the module itself" in attempt.precision) is not copied


class TransformerEncoder(Module):
    """PyTorch's: in evaluation it answers 0 where a mask hides, unless its fast path is closed."""

    fast = True

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        self.pooled = pooled

    def forward(self, rows: Tensor, mask: Any = None) -> Tensor:
        answer = rows.values * 1.0
        if self.fast and mask is not None:
            answer[np.asarray(mask) > 0] = 0
        return Tensor(answer.mean(axis=1) if self.pooled else answer)

    __call__ = forward


@pytest.fixture
def _mha(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(
        get_fastpath_enabled=lambda: TransformerEncoder.fast,
        set_fastpath_enabled=lambda enabled: setattr(TransformerEncoder, "fast", enabled),
    )
    monkeypatch.setitem(sys.modules, "torch.backends", SimpleNamespace(mha=stand_in))


@pytest.mark.usefixtures("exported", "_mha")
def test_what_a_padding_mask_hides_is_told() -> None:
    rows, mask = np.full((9, 3), 2.0), np.zeros((9, 3))
    mask[:, 2] = 1
    model = TransformerEncoder(pooled=False)
    sample(model, rows, mask)
    attempt = next(Torch().attempts(model, {}))
    assert attempt.expected[0].values.tolist() == [[2.0, 2.0, 2.0]] * 8, "what a trace computes"
    assert "not 0 where a padding mask hides" in attempt.precision
    assert TransformerEncoder.fast
    sample(model, rows, np.zeros((9, 3)))
    assert next(Torch().attempts(model, {})).precision == "float32"
    pooled = TransformerEncoder(pooled=True)
    sample(pooled, rows, mask)
    with pytest.raises(CantExport, match="enable_nested_tensor=False"):
        next(Torch().attempts(pooled, {}))


@pytest.mark.usefixtures("exported")
def test_a_network_that_norms_over_the_batch_is_told_so() -> None:
    class Norm(Module):
        def forward(self, rows: Tensor) -> Tensor:
            return Tensor(rows.values - rows.values.mean(axis=0))

        __call__ = forward

    table = np.random.default_rng(0).normal(size=(9, 3))
    for attempt in Torch().attempts(Norm(), {"X": table}):
        assert DEPENDS in attempt.precision
        assert attempt.again is not None
        assert np.abs(attempt.again(attempt.part([0]))[0].values).max() == 0, "a row alone is its own mean"


class Half(Module):
    """A network whose weights have 16 bits, until it is cast; it answers by them."""

    def __init__(self, dtype: str, factor: float = 1.0, *, fails: bool = False) -> None:
        super().__init__()
        self.factor, self.fails = factor, fails
        self.weights = [Tensor([1.0])]
        self.weights[0].dtype = dtype

    def float(self) -> Half:
        self.weights[0].dtype = "float32"
        return self

    def forward(self, rows: Tensor) -> Tensor:
        cast = self.weights[0].dtype == "float32"
        if cast and self.fails:
            raise RuntimeError("expected BFloat16")
        return Tensor(rows.values * (1.0 if cast else self.factor))

    __call__ = forward


@pytest.mark.usefixtures("exported")
def test_weights_that_onnx_runtime_has_not_are_cast_and_told() -> None:
    model = Half("bfloat16", 1.01)
    for attempt in Torch().attempts(model, {"X": np.ones((9, 3))}):
        assert attempt.precision.startswith("float32, ")
        assert "its weights cast from bfloat16, which changes its answers by 0.01 of the largest" in attempt.precision
        assert attempt.expected[0].values.tolist() == [[1.0] * 3] * 8, "of the cast network"
    assert model.weights[0].dtype == "bfloat16", "the person's own is left as it was"


@pytest.mark.usefixtures("exported")
def test_half_of_the_bits_are_tried_as_they_are_before_they_are_cast() -> None:
    own, *cast = Torch().attempts(Half("float16"), {"X": np.ones((9, 3))})
    assert own.precision == "float16"
    assert ["cast from float16" in attempt.precision for attempt in cast] == [True, True]


@pytest.mark.usefixtures("exported")
@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Half("bfloat16", 1.5), r"differ by 33% from those in bfloat16: call model\.float\(\)"),
        (Half("bfloat16", fails=True), r"it fails \(RuntimeError: expected BFloat16\): call model\.float\(\)"),
        (Half("complex64"), "complex numbers"),
    ],
)
def test_what_can_not_be_cast_says_what_to_type(model: Half, reason: str) -> None:
    sample(model, np.ones((9, 3)))
    with pytest.raises(CantExport, match=reason):
        next(Torch().attempts(model, {}))


@pytest.mark.usefixtures("exported")
def test_a_network_without_weights_is_untrained() -> None:
    with pytest.raises(Untrained, match="no weights"):
        next(Torch().attempts(Module(weights=0), {}))


@pytest.mark.usefixtures("exported")
def test_a_quantized_network_is_not_called_untrained() -> None:
    class Linear(Module):
        __module__ = "torch.ao.nn.quantized.dynamic.modules.linear"

    with pytest.raises(CantExport, match="quantized") as refused:
        next(Torch().attempts(Linear(weights=0), {}))
    assert not isinstance(refused.value, Untrained)


class Compiled(Module):
    """What `torch.compile` returns, which can't be traced."""

    def __init__(self) -> None:
        super().__init__()
        self._orig_mod = Module()

    def forward(self, rows: Tensor) -> Tensor:
        raise AssertionError("the wrapper is called")

    __call__ = forward


@pytest.mark.usefixtures("exported")
def test_a_compiled_network_is_exported_as_what_it_was_made_of() -> None:
    free, _ = Torch().attempts(Compiled(), {"X": np.ones((9, 3))})
    assert not free.fixed_batch
    assert free.expected[0].values.tolist() == [3.0] * 8


@pytest.mark.usefixtures("exported")
def test_a_network_whose_input_nothing_tells_is_left_as_it_was() -> None:
    model = Module()
    with pytest.raises(CantExport, match=r"nebulab\.sample") as refused:
        next(Torch().attempts(model, {"X": np.ones((9, 2))}))
    assert not isinstance(refused.value, Untrained)
    assert model.training


def test_its_weights_alone_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    saved: list[Any] = []
    stand_in = SimpleNamespace(save_model=lambda model, path: saved.append(path))
    monkeypatch.setitem(sys.modules, "safetensors", SimpleNamespace(torch=stand_in))
    monkeypatch.setitem(sys.modules, "safetensors.torch", stand_in)
    path, remark = Torch().native(Module(), tmp_path, "net", {})
    assert saved == [str(path)]
    assert path.name == "net.safetensors"
    assert remark == "the weights alone: the network's code is in the notebook"
