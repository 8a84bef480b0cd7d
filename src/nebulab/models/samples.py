"""Samples: rows on which a model is tried, named by the user, seen in `fit` or a call, or in the globals; runs in the
kernel.

`watch` hooks scikit-learn's `fit` and torch's forward calls when these libraries are imported, and keeps a few rows of
their arguments.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import math
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ROWS = 64
_SMALL = 1_000_000
"""Numbers in the arguments of a call that are kept whole."""
_LIKELY = ("x_test", "x_valid", "x_val", "x_train", "x", "test", "valid", "train", "inputs", "data")


@dataclass(frozen=True)
class Sample:
    """A few rows: the arguments for one call of the model, and their source."""

    arguments: tuple[Any, ...]
    source: str
    """`given by the user`, `seen during fit`, `seen in a call`, `found in X_test`, `made up`."""
    named: Mapping[str, Any] = field(default_factory=dict)
    """The call's arguments by name, `mask=…`."""

    def __post_init__(self) -> None:
        """Keep the names apart from the dictionary that the caller may change."""
        object.__setattr__(self, "named", dict(self.named))


class _Samples:
    """Samples by model, deleted with it."""

    def __init__(self) -> None:
        self._by_id: dict[int, Sample] = {}

    def __contains__(self, model: Any) -> bool:
        return id(model) in self._by_id

    def put(self, model: Any, sample: Sample) -> None:
        key = id(model)
        with contextlib.suppress(TypeError):
            weakref.finalize(model, self._by_id.pop, key, None)
        self._by_id[key] = sample

    def get(self, model: Any) -> Sample | None:
        return self._by_id.get(id(model))


_GIVEN = _Samples()
_SEEN = _Samples()


def sample(model: Any, *arguments: Any, **named: Any) -> None:
    """Name a sample for `model`, on which its exported form is then proven.

    Parameters
    ----------
    model
        A trained model.
    arguments
        The arguments of a call of the model, the first axis being the rows unless its layers have time first; up to 64
        rows are kept.
    named
        The call's arguments by name.
    """
    small = sum(math.prod(array.shape) for array in _arrays((arguments, named))) <= _SMALL
    whole = small and has_time_first(model)
    kept, by_name = heads((arguments, named), _SMALL) if whole else heads((arguments, named))
    _GIVEN.put(model, Sample(kept, "given by the user", by_name))


def sample_of(model: Any) -> Sample | None:
    """Return the model's sample: that of the user, else that of its last `fit` or first call, or None."""
    return _GIVEN.get(model) or _SEEN.get(model)


def candidates(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the globals that may be a model's input, the likeliest names first."""
    data = [(name, value) for name, value in namespace.items() if isinstance(name, str) and _is_data(value)]
    data.sort(key=lambda item: (_rank(item[0]), item[0]))
    yield from data


def with_columns(namespace: Mapping[str, Any], columns: int, names: Sequence[str] | None) -> Sample | None:
    """Return a sample from a table with that many columns, or with columns of these names, or None."""

    def fitting(value: Any) -> Any:
        if names is not None:
            fits = hasattr(value, "columns") and set(names) <= set(value.columns)
            return head(value[list(names)]) if fits else None
        if len(value.shape) != 2 or value.shape[1] != columns or value.shape[0] == 0:
            return None
        rows = head(value)
        numbers = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)
        return numbers if numbers.dtype in (np.float32, np.float64) else numbers.astype(np.float64)

    return _first(fitting, namespace)


def with_shape(
    namespace: Mapping[str, Any],
    shape: Sequence[int | None],
    *,
    kinds: str = "bfc",
    accepted: Callable[[Any], Any] = lambda rows: None,
) -> Sample | None:
    """Return a sample from an array whose axes after the first have this shape (None: any length), or None.

    `kinds` are numpy's letters of its numbers; `accepted` raises if the model does not take the rows.
    """

    def fitting(value: Any) -> Any:
        if hasattr(value, "columns"):
            return None
        rows = head(value)
        actual = tuple(rows.shape)
        if _kind(rows) not in kinds or len(actual) != len(shape) + 1 or actual[0] == 0:
            return None
        if any(want not in (None, got) for want, got in zip(shape, actual[1:], strict=True)):
            return None
        accepted(rows)
        return rows

    return _first(fitting, namespace)


def has_time_first(model: Any) -> bool:
    """Whether a layer of a PyTorch module has time on the first axis, which then must not be cut."""
    parts = getattr(model, "modules", None)
    return callable(parts) and any(getattr(part, "batch_first", True) is False for part in parts())


def accepted_by(call: Callable[[Any], Any], namespace: Mapping[str, Any], *, whole: bool = False) -> Sample | None:
    """Return a sample from the first array that `call` accepts, or None; `whole` keeps all of it if it is small."""

    def fitting(value: Any) -> Any:
        if hasattr(value, "columns") or len(value.shape) < 2:
            return None
        rows = head(value, _SMALL if whole and math.prod(value.shape) <= _SMALL else ROWS)
        call(rows)
        return rows

    return _first(fitting, namespace)


def _first(fitting: Callable[[Any], Any], namespace: Mapping[str, Any]) -> Sample | None:
    """Return a sample from the first global for which `fitting` returns rows; one that can't be looked at is none."""
    for name, value in candidates(namespace):
        with contextlib.suppress(Exception):  # each library's own, about whatever lies among the globals
            rows = fitting(value)
            if rows is not None:
                return Sample((rows,), f"found in {name}")
    return None


def _kind(value: Any) -> str:
    """Return the kind of an array's or a tensor's numbers, as numpy's letter."""
    if type(value).__module__.partition(".")[0] == "torch":
        return "f" if value.dtype.is_floating_point else np.asarray(value).dtype.kind
    return np.dtype(value.dtype).kind


def head(value: Any, rows: int = ROWS) -> Any:
    """Return a copy of rows spread over the whole of an array, a tensor or a frame; any other value as it is."""
    try:
        count = value.shape[0] if getattr(value, "shape", None) else len(value)  # a sparse matrix has no length
    except TypeError:
        return value
    if count == 0 or not hasattr(value, "shape"):
        return value[:rows] if isinstance(value, list | tuple) else value
    indices = np.unique(np.linspace(0, count - 1, min(rows, count)).astype(np.int64))
    if hasattr(value, "iloc"):
        return value.iloc[indices].copy()
    if type(value).__module__.partition(".")[0] == "torch":
        return value.detach()[indices.tolist()].cpu().clone()
    if type(value).__module__.partition(".")[0] == "tensorflow":
        return np.asarray(value)[indices]
    return value[indices].copy() if hasattr(value, "copy") else np.asarray(value)[indices]


def heads(value: Any, rows: int = ROWS) -> Any:
    """Return the arguments of a call with `head` of each array that has as many rows as the first; others whole."""
    arrays = list(_arrays(value))
    count = arrays[0].shape[0] if arrays else None

    def cut(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {key: cut(inner) for key, inner in part.items()}
        if isinstance(part, list | tuple) and any(True for _ in _arrays(part)):
            parts = [cut(inner) for inner in part]
            return type(part)(*parts) if hasattr(part, "_fields") else type(part)(parts)
        if len(getattr(part, "shape", ())) == 0 or part.shape[0] == count:
            return head(part, rows)
        return head(part, part.shape[0])

    return cut(value)


def _arrays(value: Any) -> Iterator[Any]:
    """Yield the arrays, tensors and frames with rows that the arguments of a call hold."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _arrays(part)
    elif len(getattr(value, "shape", ())) > 0:
        yield value


def watch() -> None:
    """Keep samples of the data that models are fitted on or called with, from now on."""
    for module, attach in _ATTACH.items():
        if module in sys.modules:
            attach(sys.modules[module])
    sys.meta_path.insert(0, _Finder())


def _rank(name: str) -> int:
    lowered = name.lower()
    return next((index for index, likely in enumerate(_LIKELY) if lowered.startswith(likely)), len(_LIKELY))


def _is_data(value: Any) -> bool:
    for cls in type(value).__mro__:
        library = cls.__module__.partition(".")[0]
        if (library, cls.__name__) in _DATA:
            return True
    return False


_DATA = frozenset(
    [
        ("numpy", "ndarray"),
        ("pandas", "DataFrame"),
        ("torch", "Tensor"),
        ("tensorflow", "Tensor"),
        ("jax", "Array"),
        ("jaxlib", "Array"),
        ("jaxlib", "ArrayImpl"),
        ("scipy", "csr_matrix"),
        ("scipy", "csr_array"),
    ]
)


class _Finder(importlib.abc.MetaPathFinder):
    """An import hook that attaches to a library after its import."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        attach = _ATTACH.get(name)
        if attach is None:
            return None
        sys.meta_path.remove(self)
        try:
            spec = (
                importlib.util.find_spec(name) if path is None else importlib.machinery.PathFinder.find_spec(name, path)
            )
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None or not hasattr(spec.loader, "exec_module"):
            return spec
        execute = spec.loader.exec_module

        def execute_and_attach(module: Any) -> None:
            execute(module)
            with contextlib.suppress(Exception):  # a version with other internals
                attach(module)

        spec.loader.exec_module = execute_and_attach  # type: ignore[method-assign]
        return spec


_FITTING = threading.local()


def _attach_sklearn(base: Any) -> None:
    """Wrap `_fit_context`, the decorator of every estimator's `fit`; estimators import it after this."""
    plain = base._fit_context

    @functools.wraps(plain)
    def fit_context(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
        decorate = plain(*arguments, **options)

        def decorated(fit: Any) -> Any:
            wrapped = decorate(fit)

            @functools.wraps(wrapped)
            def fit_and_keep(estimator: Any, *positional: Any, **named: Any) -> Any:
                outermost = not getattr(_FITTING, "busy", False)
                _FITTING.busy = True
                try:
                    return wrapped(estimator, *positional, **named)
                finally:
                    if outermost:
                        _FITTING.busy = False
                        data = positional[0] if positional else named.get("X")
                        if data is not None:
                            with contextlib.suppress(Exception):
                                _SEEN.put(estimator, Sample((head(data),), "seen during fit"))

            return fit_and_keep

        return decorated

    base._fit_context = fit_context


def _attach_torch(module: Any) -> None:
    def keep(called: Any, arguments: tuple[Any, ...], named: dict[str, Any], answer: Any) -> None:
        if called in _SEEN or not (arguments or named):
            return
        with contextlib.suppress(Exception):
            arrays = list(_arrays((arguments, named)))
            # While the model is traced, reading a length would fix it in the trace.
            if any(type(array).__name__ == "FakeTensor" for array in arrays):
                return
            lengths = {array.shape[0] for array in arrays}
            # Where the rows are another axis of some argument, as of a state, cutting the first axis would part them.
            small = sum(math.prod(array.shape) for array in arrays) <= _SMALL
            apart = small and (len(lengths) > 1 or has_time_first(called))
            rows = max(lengths, default=0) if apart else 8
            kept, by_name = heads((arguments, _said(called, named)), rows)
            _SEEN.put(called, Sample(kept, "seen in a call", by_name))

    # A hook before the call would not be told the arguments by name.
    module.register_module_forward_hook(keep, with_kwargs=True)


def _said(called: Any, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name without those that say nothing: Keras on PyTorch passes each `mask=None` on."""
    if all(value is not None for value in named.values()):
        return dict(named)
    parameters = inspect.signature(called.forward).parameters
    return {
        name: value
        for name, value in named.items()
        if value is not None or (name in parameters and parameters[name].default is not None)
    }


_ATTACH: dict[str, Callable[[Any], None]] = {
    "sklearn.base": _attach_sklearn,
    "torch.nn.modules.module": _attach_torch,
}
