"""Rows to try a model on: named, seen, found among the globals."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from nebulab.models import samples
from nebulab.models.samples import accepted_by, candidates, head, sample, sample_of, with_columns, with_shape

TABLE = np.arange(200.0).reshape(100, 2)


class Model:
    pass


def test_what_the_user_names_is_known_as_long_as_the_model() -> None:
    model = Model()
    assert sample_of(model) is None
    sample(model, TABLE, "text")
    found = sample_of(model)
    assert found is not None
    assert (found.source, found.arguments[0].shape, found.arguments[1]) == ("given by the user", (64, 2), "text")
    key = id(model)
    del model
    gc.collect()
    assert key not in samples._GIVEN._by_id


@pytest.mark.parametrize("value", [TABLE, pd.DataFrame(TABLE)], ids=["array", "frame"])
def test_the_head_is_spread_over_all_rows_and_a_copy(value: Any) -> None:
    rows = head(value, 3)
    assert np.asarray(rows)[:, 0].tolist() == [0, 98, 198]
    assert not np.shares_memory(np.asarray(rows), TABLE)


@pytest.mark.parametrize(("value", "rows"), [([1, 2, 3], [1, 2]), (5, 5), ("text", "text"), ({"a": 1}, {"a": 1})])
def test_the_head_of_other_values(value: Any, rows: Any) -> None:
    assert head(value, 2) == rows


def test_the_likeliest_names_come_first() -> None:
    around = {"zeros": TABLE, "X": TABLE, "a": TABLE, "X_test": TABLE, "number": 1, "text": "x"}
    assert [name for name, _ in candidates(around)] == ["X_test", "X", "a", "zeros"]


def test_a_table_is_found_by_its_columns() -> None:
    around = {"frame": pd.DataFrame(TABLE, columns=["b", "a"]), "X": TABLE.astype(int), "wide": np.zeros((3, 3))}
    named = with_columns(around, 2, ["a", "b"])
    assert named is not None
    assert (named.source, list(named.arguments[0].columns)) == ("found in frame", ["a", "b"])
    plain = with_columns(around, 2, None)
    assert plain is not None
    assert (plain.source, plain.arguments[0].dtype) == ("found in X", np.float64)
    assert with_columns(around, 4, None) is None


def test_an_array_is_found_by_its_shape() -> None:
    around = {"images": np.zeros((3, 8, 8, 1)), "words": np.zeros((3, 8), dtype=int), "empty": np.zeros((0, 5))}
    found = with_shape(around, (None, 8, 1))
    assert found is not None
    assert found.source == "found in images"
    assert with_shape(around, (8,)) is None, "of whole numbers"
    assert with_shape(around, (8,), kinds="iu") is not None
    assert with_shape(around, (5,)) is None, "it has no rows"


class Tensor:
    """A tensor of TensorFlow's, whose dtype numpy does not take by its name."""

    __module__ = "tensorflow.python.framework"

    def __init__(self, values: Any) -> None:
        self.values = np.asarray(values, dtype=np.float32)
        self.shape = self.values.shape
        self.dtype = SimpleNamespace(as_numpy_dtype=np.float32)

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.values


class Odd(np.ndarray):
    """An array that can't be looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise ValueError("no shape yet")


def test_no_value_among_the_globals_ends_the_search() -> None:
    sparse = scipy.sparse.csr_matrix(TABLE)
    around: dict[Any, Any] = {"X": Odd((3, 2)), "x_batch": Tensor(np.ones((9, 3))), "zeros": np.zeros((9, 2)), 5: TABLE}
    shaped, tabled, taken = with_shape(around, (2,)), with_columns(around, 2, None), accepted_by(len, around)
    assert [found and found.source for found in (shaped, tabled, taken)] == [
        "found in zeros",
        "found in zeros",
        "found in x_batch",
    ]
    tensor = with_shape(around, (3,))
    assert tensor is not None
    assert tensor.source == "found in x_batch"
    table = with_columns({"data": sparse}, 2, None)
    assert table is not None
    assert table.arguments[0].shape == (64, 2)


class Recurrent:
    """A network with a layer that has time first."""

    def modules(self) -> list[Any]:
        return [self, SimpleNamespace(batch_first=False)]


def test_with_time_first_time_is_not_cut() -> None:
    model, series = Recurrent(), np.zeros((100, 5, 2))
    sample(model, series)
    found = sample_of(model)
    assert found is not None
    assert found.arguments[0].shape == series.shape
    sample(model, np.zeros((100, 20_000)))
    found = sample_of(model)
    assert found is not None
    assert found.arguments[0].shape == (64, 20_000), "large ones are cut"
    whole = accepted_by(len, {"X": series}, whole=True)
    assert whole is not None
    assert whole.arguments[0].shape == series.shape


def test_rows_that_the_model_refuses_are_no_sample() -> None:
    def accepted(rows: Any) -> None:
        if rows.max() > 1:
            raise IndexError("no such word")

    found = with_shape({"a": np.full((9, 2), 2.0), "b": np.ones((9, 2))}, (2,), accepted=accepted)
    assert found is not None
    assert found.source == "found in b"


def test_an_array_that_the_model_takes_is_found() -> None:
    def call(rows: Any) -> None:
        if rows.shape[1] != 3:
            raise ValueError("3 columns")

    found = accepted_by(call, {"a": TABLE, "b": np.zeros((4, 3)), "list": np.zeros(3)})
    assert found is not None
    assert found.source == "found in b"


def _watching(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str, attach: Any) -> None:
    (tmp_path / f"{module}.py").write_text("hook = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(samples, "_ATTACH", {module: attach})
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, module, raising=False)


def test_a_library_is_watched_as_soon_as_it_was_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    attached: list[str] = []
    _watching(monkeypatch, tmp_path, "watched_library", lambda module: attached.append(module.__name__))
    samples.watch()
    assert attached == []
    importlib.import_module("watched_library")
    monkeypatch.delitem(sys.modules, "watched_library")
    assert attached == ["watched_library"]


def test_a_library_of_another_make_is_imported_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def attach(module: Any) -> None:
        raise AttributeError("no such hook")

    _watching(monkeypatch, tmp_path, "another_library", attach)
    samples.watch()
    assert importlib.import_module("another_library").hook is None
    monkeypatch.delitem(sys.modules, "another_library")


def test_the_rows_of_the_outermost_fit_are_seen() -> None:
    base: Any = SimpleNamespace(_fit_context=lambda: lambda fit: fit)
    samples._attach_sklearn(base)

    class Inner:
        @base._fit_context()  # type: ignore[untyped-decorator]
        def fit(self, X: Any) -> Any:
            return self

    class Outer:
        def __init__(self) -> None:
            self.inner = Inner()

        @base._fit_context()  # type: ignore[untyped-decorator]
        def fit(self, X: Any) -> Any:
            self.inner.fit(X * 2)
            return self

    model = Outer().fit(X=TABLE)
    seen = sample_of(model)
    assert seen is not None
    assert seen.source == "seen during fit"
    assert sample_of(model.inner) is None


def test_the_first_call_of_a_network_is_seen() -> None:
    hooks: list[Any] = []
    samples._attach_torch(SimpleNamespace(register_module_forward_hook=lambda hook, with_kwargs: hooks.append(hook)))
    network = Model()
    mask, state = np.zeros(100), np.zeros((1, 100))
    hooks[0](network, (TABLE,), {"mask": mask, "scale": 2.0}, "answer")
    hooks[0](network, (TABLE * 2,), {}, "answer")
    seen = sample_of(network)
    assert seen is not None
    assert (seen.source, seen.arguments[0].shape, seen.arguments[0].max()) == ("seen in a call", (8, 2), 199)
    assert {"mask": seen.named["mask"].shape, "scale": seen.named["scale"]} == {"mask": (8,), "scale": 2.0}
    recurrent = Model()
    hooks[0](recurrent, (TABLE, state), {}, "answer")
    seen = sample_of(recurrent)
    assert seen is not None
    assert [argument.shape for argument in seen.arguments] == [(100, 2), (1, 100)], "rows are another axis of a state"


def test_the_arguments_by_name_are_part_of_a_sample() -> None:
    model = Model()
    sample(model, {"rows": TABLE, "square": np.zeros((5, 5))}, mask=TABLE[:, 0], training=False)
    found = sample_of(model)
    assert found is not None
    assert {name: value.shape for name, value in found.arguments[0].items()} == {"rows": (64, 2), "square": (5, 5)}
    assert (found.named["mask"].shape, found.named["training"]) == ((64,), False)
