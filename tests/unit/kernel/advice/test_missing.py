"""A package that is not installed is named, with the line to type; a file of the user's own is not guessed at."""

from __future__ import annotations

import importlib
import sys

import pytest

from nebulab.kernel.advice import for_error, missing

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
