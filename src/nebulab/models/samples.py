"""Data to try a model on: what its user named, what it was fitted on or called with, what lies in the globals; runs in
the kernel.

`watch` looks at scikit-learn's `fit` and torch's forward calls from the moment these libraries are imported, and keeps
a few rows of what they get.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ROWS = 64
_LIKELY = ("x_test", "x_valid", "x_val", "x_train", "x", "test", "valid", "train", "inputs", "data")


@dataclass(frozen=True)
class Sample:
    """A few rows: the arguments of one call of the model, and where they are from."""

    arguments: tuple[Any, ...]
    source: str
    """`given by the user`, `seen during fit`, `seen in a call`, `found in X_test`, `made up`."""


class _Seen:
    """Samples by model; a model that is gone takes its sample along."""

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


_GIVEN = _Seen()
_SEEN = _Seen()


def sample(model: Any, *arguments: Any) -> None:
    """Name data that `model` can be tried on: its exported form is then proven on it.

    Parameters
    ----------
    model
        A trained model.
    arguments
        What the model is called with, the first axis being the rows; up to 64 rows are kept.
    """
    _GIVEN.put(model, Sample(tuple(head(one) for one in arguments), "given by the user"))


def known(model: Any) -> Sample | None:
    """Return what the user named, or what the model has seen."""
    return _GIVEN.get(model) or _SEEN.get(model)


def candidates(namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the globals that may be a model's input, the likeliest names first."""
    found = [(name, value) for name, value in namespace.items() if _is_data(value)]
    found.sort(key=lambda item: (_rank(item[0]), item[0]))
    yield from found


def with_columns(namespace: Mapping[str, Any], columns: int, names: Sequence[str] | None) -> Sample | None:
    """Find a table with so many columns, or with columns of these names."""
    for name, value in candidates(namespace):
        if names is not None and hasattr(value, "columns"):
            if set(names) <= set(value.columns):
                return Sample((head(value[list(names)]),), f"found in {name}")
        elif names is None and len(value.shape) == 2 and value.shape[1] == columns and len(value) > 0:
            with contextlib.suppress(TypeError, ValueError):
                part = np.asarray(head(value))
                numbers = part if part.dtype in (np.float32, np.float64) else part.astype(np.float64)
                return Sample((numbers,), f"found in {name}")
    return None


def with_shape(namespace: Mapping[str, Any], shape: Sequence[int | None], *, whole: bool = False) -> Sample | None:
    """Find an array whose axes after the first have this shape (None: any length); `whole`: of whole numbers."""
    for name, value in candidates(namespace):
        if hasattr(value, "columns"):
            continue
        actual = tuple(value.shape)
        if whole != (np.dtype(str(value.dtype).rpartition(".")[2]).kind in "iu"):
            continue
        if len(actual) != len(shape) + 1 or actual[0] == 0:
            continue
        if all(want is None or want == got for want, got in zip(shape, actual[1:], strict=True)):
            return Sample((head(value),), f"found in {name}")
    return None


def that_works(namespace: Mapping[str, Any], call: Callable[[Any], Any]) -> Sample | None:
    """Find an array that `call` takes."""
    for name, value in candidates(namespace):
        if hasattr(value, "columns") or len(value.shape) < 2:
            continue
        part = head(value)
        with contextlib.suppress(Exception):
            call(part)
            return Sample((part,), f"found in {name}")
    return None


def head(value: Any, rows: int = ROWS) -> Any:
    """Return rows spread over the whole of an array, a tensor or a frame, as a copy; anything else as it is."""
    try:
        count = len(value)
    except TypeError:
        return value
    if count == 0 or not hasattr(value, "shape"):
        return value[:rows] if isinstance(value, list | tuple) else value
    places = np.unique(np.linspace(0, count - 1, min(rows, count)).astype(np.int64))
    if hasattr(value, "iloc"):
        return value.iloc[places].copy()
    if type(value).__module__.partition(".")[0] == "torch":
        return value.detach()[places.tolist()].cpu().clone()
    if type(value).__module__.partition(".")[0] == "tensorflow":
        return np.asarray(value)[places]
    return value[places].copy() if hasattr(value, "copy") else np.asarray(value)[places]


def watch() -> None:
    """Keep samples of what models are fitted on or called with, from now on."""
    for module, attach in _ATTACH.items():
        if module in sys.modules:
            attach(sys.modules[module])
    sys.meta_path.insert(0, _Finder())


def _rank(name: str) -> int:
    lowered = name.lower()
    return next((place for place, likely in enumerate(_LIKELY) if lowered.startswith(likely)), len(_LIKELY))


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
    """Attaches to a library as soon as it was imported."""

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
            with contextlib.suppress(Exception):  # a version that looks otherwise inside
                attach(module)

        spec.loader.exec_module = execute_and_attach  # type: ignore[method-assign]
        return spec


_FITTING = threading.local()


def _attach_sklearn(base: Any) -> None:
    """Every estimator's `fit` is decorated with `_fit_context`, which is imported after this."""
    plain = base._fit_context

    @functools.wraps(plain)
    def fit_context(*arguments: Any, **options: Any) -> Callable[[Any], Any]:
        decorate = plain(*arguments, **options)

        def decorated(fit: Any) -> Any:
            wrapped = decorate(fit)

            @functools.wraps(wrapped)
            def fit_and_keep(estimator: Any, *given: Any, **named: Any) -> Any:
                outermost = not getattr(_FITTING, "busy", False)
                _FITTING.busy = True
                try:
                    return wrapped(estimator, *given, **named)
                finally:
                    if outermost:
                        _FITTING.busy = False
                        data = given[0] if given else named.get("X")
                        if data is not None:
                            with contextlib.suppress(Exception):
                                _SEEN.put(estimator, Sample((head(data),), "seen during fit"))

            return fit_and_keep

        return decorated

    base._fit_context = fit_context


def _attach_torch(module: Any) -> None:
    def keep(called: Any, arguments: tuple[Any, ...]) -> None:
        # A length that is asked for while the model is traced would be written into what is traced.
        traced = any(type(one).__name__ == "FakeTensor" for one in arguments)
        if called not in _SEEN and arguments and not traced:
            with contextlib.suppress(Exception):
                _SEEN.put(called, Sample(tuple(head(one, 8) for one in arguments), "seen in a call"))

    module.register_module_forward_pre_hook(keep)


_ATTACH: dict[str, Callable[[Any], None]] = {
    "sklearn.base": _attach_sklearn,
    "torch.nn.modules.module": _attach_torch,
}
