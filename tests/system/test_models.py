"""Models of every framework, exported and proven inside the kernels' environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nebulab.develop.environments import beside, cpu_torch
from support.stack import ENVIRONMENTS, ROOT, Stack

pytestmark = pytest.mark.system

KERNELS = ENVIRONMENTS / "kernels" / "bin" / "python"


@pytest.fixture(autouse=True)
def installed(stack: Stack) -> None:
    """A stack's start has installed the kernels' environment."""
    assert KERNELS.exists()


def keep(family: str, *paths: Path, **variables: str) -> dict[str, dict[str, Any]]:
    """Keep a family of the zoo in a process of its own; each member becomes what its table says."""
    search = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", *paths)))
    finished = subprocess.run(
        [str(KERNELS), "-m", "zoo", family],
        env=os.environ | {"PYTHONPATH": search, "TF_CPP_MIN_LOG_LEVEL": "3"} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "@@" in finished.stdout, finished.stdout + finished.stderr
    found: dict[str, dict[str, Any]] = json.loads(finished.stdout.rpartition("@@")[2])
    for name, one in found.items():
        assert one["fate"] == one["expected"], f"{name}: {one}"
        assert one["expected_reason"] in one["reason"], f"{name}: {one}"
        assert one["there"], f"{name} lacks a file of {one['files']}"
        assert one.get("own", name).startswith(name), f"{name} has no format of its own"
        assert "only" not in one.get("precision", ""), f"{name} takes batches of one size only"
    return found


def torch() -> Path:
    return cpu_torch(KERNELS, ENVIRONMENTS / "torch")


def test_scikit_learn() -> None:
    found = keep("scikit")
    assert found["mixed"]["sample"] == "seen during fit"
    assert set(found["mixed"]["inputs"]) == {"a", "b", "c"}
    assert found["mixed"]["inputs"]["c"].startswith("tensor(string)")
    assert found["categories"]["files"][0] == "native_models/categories.skops"


def test_boosted_trees() -> None:
    keep("boosting")


def test_catboost() -> None:
    keep("catboost_models", beside(KERNELS, ROOT / "requirements" / "catboost.txt", ENVIRONMENTS / "catboost"))


def test_keras_and_tensorflow() -> None:
    found = keep("keras_models")
    assert found["unet"]["sample"] == "found in X_slices"
    assert "module" in found


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_on_another_backend(backend: str) -> None:
    found = keep("keras_models", *([torch()] if backend == "torch" else []), KERAS_BACKEND=backend)
    length = found["transformer"]["inputs"].popitem()[1].rpartition(", ")[2]
    assert not length[0].isdigit(), "texts of one length only"


def test_torch() -> None:
    assert keep("torch_models", torch())["lstm"]["sample"] == "seen in a call"


def test_flax() -> None:
    keep("flax_models")
