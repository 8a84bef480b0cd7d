"""A package that is not installed is named, with the line to type; a file of the user's own is not guessed at."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from nebulab import contract
from nebulab.kernel.advice import for_error, missing
from nebulab.stack import frameworks

# As pandas 2 words it.
PYTABLES = "Missing optional dependency 'pytables'.  Use pip or conda to install pytables."


def advice_on(module: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the advice on the error of importing `module`, as if it were not installed."""
    monkeypatch.setitem(sys.modules, module.partition(".")[0], None)
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module(module)
    return for_error(caught.value)


@pytest.mark.parametrize(
    ("module", "package"),
    [("cv2", "opencv-python-headless"), ("skimage.io", "scikit-image"), ("Bio", "biopython"), ("nibabel", "nibabel")],
)
def test_a_package_is_named_with_the_line_to_type(module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"%pip install {package}" in advice_on(module, monkeypatch)


@pytest.mark.parametrize("module", ["torch", "tensorflow", "jax"])
def test_a_framework_is_named_with_the_image_that_has_it(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    advice = advice_on(module, monkeypatch)
    assert f"%pip install {module}" in advice
    assert "./nebulab image build --variant cpu" in advice


@pytest.mark.parametrize(("module", "typed"), [("torch", "torch"), ("tensorflow", "all"), ("jax.numpy", "jax")])
def test_where_up_installed_the_environment_it_brings_a_framework(
    module: str, typed: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / contract.ENVIRONMENT_STAMP).touch()
    monkeypatch.setattr(missing, "ENVIRONMENT", tmp_path)
    advice = advice_on(module, monkeypatch)
    assert advice.endswith(f"./nebulab up --frameworks {typed}")
    assert frameworks.parse(typed)
    assert f"%pip install {module.partition('.')[0]} " in advice
    assert "image" not in advice
    assert "./nebulab image build" in advice_on("colabfold", monkeypatch), "up brings no such thing"


def test_up_takes_the_names_that_the_advice_has() -> None:
    assert frameworks.TITLES.keys() == missing.BROUGHT_BY_UP
    assert {name: missing.FRAMEWORKS[name][0] for name in frameworks.TITLES} == frameworks.TITLES


def test_a_module_that_a_package_lacks_is_no_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("json.nothing")
    assert for_error(caught.value) == ""
    assert for_error(ModuleNotFoundError("without a name")) == ""
    assert for_error(ImportError("cannot import name 'x' from 'json'", name="json")) == ""


def test_pandas_on_a_training_s_arrays() -> None:
    advice = for_error(ImportError(PYTABLES))
    assert "nebulab.load(path)[name]" in advice
    assert "%pip install tables" in advice


def test_each_package_has_one_name() -> None:
    assert not missing.OTHERWISE_NAMED.keys() & missing.FRAMEWORKS.keys()
