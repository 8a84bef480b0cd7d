"""The list of libraries: each file is in it, and the first whose model it is counts."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nebulab.models import is_model, libraries
from nebulab.models.libraries import LIBRARIES, library_of
from nebulab.models.libraries.base import Library

FILES = [path.stem for path in Path(libraries.__file__).parent.glob("*.py") if path.stem != "__init__"]
KINDS = ["xgboost", "lightgbm", "catboost", "sklearn", "keras", "torch", "nnx", "linen", "tensorflow"]


def loaded(monkeypatch: pytest.MonkeyPatch, module: str, **classes: type) -> None:
    """Have a library be imported, as far as `is_mine` can see."""
    stand_in = ModuleType(module)
    vars(stand_in).update(classes)
    monkeypatch.setitem(sys.modules, module, stand_in)


def test_every_library_has_an_entry() -> None:
    written = {
        cls
        for file in FILES
        for cls in vars(importlib.import_module(f"{libraries.__name__}.{file}")).values()
        if inspect.isclass(cls) and issubclass(cls, Library) and cls is not Library
    }
    assert {type(library) for library in LIBRARIES} == written
    assert len(LIBRARIES) == len(written)


def test_the_kinds_in_model_cards_stay_what_they_are() -> None:
    assert [library.kind for library in LIBRARIES] == KINDS
    packages = {library.kind: library.package for library in LIBRARIES if library.package != library.kind}
    assert packages == {"sklearn": "scikit-learn", "nnx": "flax", "linen": "flax"}


def test_no_two_libraries_read_the_same_files() -> None:
    suffixes = [suffix for library in LIBRARIES for suffix in library.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)


@pytest.mark.parametrize("library", LIBRARIES, ids=KINDS)
def test_a_model_is_known_by_its_class(monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    for module, name in library.classes:
        base = type(name, (), {})
        loaded(monkeypatch, module, **{name: base})
        model = type("Own", (base,), {})()
        assert library.is_mine(model)
        assert library_of(model) is library
        assert is_model(model)
        assert not library.is_mine(base), "a class is no model"


@pytest.mark.parametrize("library", LIBRARIES, ids=KINDS)
def test_a_class_of_the_same_name_is_none(library: Library) -> None:
    for module, name in library.classes:
        assert not library.is_mine(type(name, (), {"__module__": module})())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("xgboost.sklearn", "XGBModel", "xgboost"), ("sklearn.base", "BaseEstimator")),
        (("lightgbm.sklearn", "LGBMModel", "lightgbm"), ("sklearn.base", "BaseEstimator")),
        (("keras", "Model", "keras"), ("torch.nn", "Module")),
        (("keras", "Model", "keras"), ("tensorflow", "Module")),
    ],
)
def test_a_model_of_two_libraries_is_the_more_special_ones(
    monkeypatch: pytest.MonkeyPatch, first: tuple[str, str, str], second: tuple[str, str]
) -> None:
    base = type(second[1], (), {})
    special = type(first[1], (base,), {})
    loaded(monkeypatch, second[0], **{second[1]: base})
    loaded(monkeypatch, first[0], **{first[1]: special})
    found = library_of(special())
    assert found is not None
    assert found.kind == first[2]


class Liar:
    """Its every attribute fails, its class too."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("asked")


def test_an_object_is_not_asked() -> None:
    assert library_of(Liar()) is None


@pytest.mark.parametrize("value", [None, 1, "text", [], object])
def test_other_values_are_no_models(value: Any) -> None:
    assert library_of(value) is None


def test_nothing_is_imported_to_tell() -> None:
    modules = {module for library in LIBRARIES for module, _ in library.classes}
    before = modules & set(sys.modules)
    assert not is_model(object())
    assert modules & set(sys.modules) == before
