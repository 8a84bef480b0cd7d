"""What the package offers, and that looking at it imports no library."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nebulab import models
from nebulab.models import samples


def test_nothing_heavy_is_imported_to_find_models() -> None:
    code = (
        "import sys, nebulab.models; nebulab.models.is_model(1)\n"
        "heavy = {'onnx', 'onnxruntime', 'pandas', 'sklearn', 'torch', 'tensorflow', 'jax', 'xgboost', 'lightgbm'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_rows_are_named_by_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[object] = []
    monkeypatch.setattr(samples, "sample", lambda *arguments: named.extend(arguments))
    models.sample("model", 1, 2)
    assert named == ["model", 1, 2]
