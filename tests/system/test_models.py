"""Models of every framework, exported and proven inside the kernels' environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nebulab.develop.environments import cpu_torch
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

ZOO = ROOT / "tests" / "frameworks"
KERNELS = ENVIRONMENTS / "kernels" / "bin" / "python"


@pytest.fixture(autouse=True)
def installed(stack: Stack) -> None:
    """A stack's start has installed the kernels' environment."""
    assert KERNELS.exists()


def zoo(name: str, *paths: Path, **variables: str) -> dict[str, dict[str, Any]]:
    """Run a zoo in a process of its own, and return what became of each model."""
    search = os.pathsep.join(map(str, (ROOT / "src", *paths)))
    finished = subprocess.run(
        [str(KERNELS), str(ZOO / f"{name}.py")],
        env=os.environ | {"PYTHONPATH": search, "TF_CPP_MIN_LOG_LEVEL": "3"} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "@@" in finished.stdout, finished.stdout + finished.stderr
    found: dict[str, dict[str, Any]] = json.loads(finished.stdout.rpartition("@@")[2])
    return found


def check(found: dict[str, dict[str, Any]], others: dict[str, tuple[str, str]]) -> None:
    """All models are proven, but `others`: what became of them, and what the reason says."""
    assert all(one["there"] for one in found.values())
    for name, one in found.items():
        fate, reason = others.get(name, ("model", ""))
        assert one["fate"] == fate, f"{name}: {one}"
        assert reason in one["reason"], f"{name}: {one}"
        assert ("only" in one.get("precision", "")) is False, f"{name} takes batches of one size only"


def test_scikit_learn() -> None:
    found = zoo("scikit")
    check(found, {"categories": ("native model", "of the labels"), "unfitted": ("not kept", "not fitted")})
    assert found["mixed"]["sample"] == "seen during fit"
    assert set(found["mixed"]["inputs"]) == {"a", "b", "c"}
    assert found["mixed"]["inputs"]["c"].startswith("tensor(string)")
    assert found["categories"]["files"][0] == "native_models/categories.skops"


def test_boosted_trees() -> None:
    check(zoo("boosting"), {})


def test_keras_and_tensorflow() -> None:
    found = zoo("keras_models")
    check(found, {"never_called": ("not kept", "never built or called")})
    assert found["unet"]["sample"] == "found in X_images"


def test_torch() -> None:
    found = zoo("torch_models", cpu_torch(KERNELS, ENVIRONMENTS / "torch"))
    check(found, {"loss": ("not kept", "no weights")})
    assert found["dense"]["sample"] == "seen in a call"


def test_flax() -> None:
    check(zoo("flax_models"), {})
