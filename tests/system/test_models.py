"""Models of every framework, exported and proven inside the kernels' environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nebulab.develop.environments import beside, cpu_torch
from nebulab.models.attempt import DEPENDS
from support.inside import outcomes
from support.stack import ENVIRONMENTS, ROOT

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("installed")]

KERNELS = ENVIRONMENTS / "kernels" / "bin" / "python"


def kernel(
    *arguments: str, paths: tuple[Path, ...] = (), folder: Path = ROOT, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the kernels' Python with this checkout's package, the tests' zoo, and what lies beside."""
    search = os.pathsep.join(map(str, (ROOT / "src", ROOT / "tests", *paths)))
    return subprocess.run(
        [str(KERNELS), *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": search, "TF_CPP_MIN_LOG_LEVEL": "3"} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )


def keep(family: str, *paths: Path, **variables: str) -> dict[str, dict[str, Any]]:
    """Keep a family of the zoo in a process of its own; each member becomes what its table says."""
    finished = kernel("-m", "zoo", family, paths=paths, folder=ROOT, **variables)
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


def catboost() -> Path:
    return beside(KERNELS, ROOT / "requirements" / "catboost.txt", ENVIRONMENTS / "catboost")


def test_what_unit_tests_check_where_the_libraries_are() -> None:
    failed = {name: told for name, told in outcomes(ROOT / "tests" / "unit" / "models" / "inside").items() if told}
    assert failed == {}


def test_scikit_learn() -> None:
    found = keep("scikit")
    assert found["mixed"]["sample"] == "seen during fit"
    assert set(found["mixed"]["inputs"]) == {"a", "b", "c"}
    assert found["mixed"]["inputs"]["c"].startswith("tensor(string)")
    assert found["categories"]["files"][0] == "native_models/categories.skops"


def test_boosted_trees() -> None:
    found = keep("boosting")
    assert found["xgb_pipeline"]["sample"] == "seen during fit"


def test_catboost() -> None:
    keep("catboost_models", catboost())


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
    found = keep("torch_models", torch())
    assert found["lstm"]["sample"] == "seen in a call"
    assert set(found["masked"]["inputs"]) == {"x", "mask"}, "the call's arguments by name"
    assert set(found["by_name"]["inputs"]) == {"x", "mask"}
    assert set(found["in_a_dictionary"]["inputs"]) == {"rows"}
    for name in ("time_first", "time_first_steps", "time_first_state", "time_first_attention"):
        assert "[9, 'batch', " in next(iter(found[name]["inputs"].values())), "the rows are second, and time is whole"
    for name in ("norm_of_the_batch", "centred"):
        assert DEPENDS in found[name]["precision"]
    for name, numbers in {"bfloat16": "float32, its weights cast from bfloat16", "float16": "float16"}.items():
        assert found[name]["precision"].startswith(numbers)
    assert found["by_name"]["precision"] == "float32, with scale=2.0"


def test_flax() -> None:
    keep("flax_models")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a saved model of each kind."""
    folder = tmp_path_factory.mktemp("files")
    made = kernel("-m", "zoo.files", folder=folder, paths=(catboost(),))
    assert made.returncode == 0, made.stderr
    return folder


SAVED = ["line.skops", "line.joblib", "net.keras", "xgb.ubj", "lgb.txt", "cat.cbm", "module.savedmodel.zip", "saved"]


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_model_is_exported_by_the_command(files: Path, name: str) -> None:
    trusted = ["--allow-pickle"] if name.endswith("joblib") else []
    done = kernel("-m", "nebulab", "export", name, "-s", "rows.npy", *trusted, folder=files, paths=(catboost(),))
    assert done.returncode == 0, done.stderr
    assert "not supported" not in done.stderr, "a converter's chatter"
    exported = files / done.stdout.splitlines()[0]
    assert exported.is_file()
    assert exported.name == f"{name.rpartition('.')[0] or name}.onnx"


def test_the_command_verify_tells_the_proof_and_proves_anew(files: Path) -> None:
    assert kernel("-m", "nebulab", "export", "lgb.txt", "-s", "rows.npy", "-o", "out", folder=files).returncode == 0
    told = kernel("-m", "nebulab", "verify", "out/models/lgb.onnx", folder=files)
    assert (told.returncode, "100.0% of the labels agree" in told.stdout) == (0, True), told.stdout
    assert "label: tensor(int64) [None]" in told.stdout, "one row of labels only"
    anew = ["-m", "nebulab", "verify", "out/models/lgb.onnx", "-s", "rows.npy", "--against"]
    same = kernel(*anew, "lgb.txt", folder=files)
    assert (same.returncode, "gives the same predictions on 64 rows" in same.stdout) == (0, True), same.stdout
    other = kernel(*anew, "xgb.ubj", folder=files)
    assert (other.returncode, "NOT the same" in other.stdout) == (1, True), other.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["net.safetensors"], 2, "Make the network in a notebook"),
        (["line.joblib"], 2, "--allow-pickle"),
        (["rows.npy"], 2, "Known are: "),
        (["line.skops", "-s", "few.npy"], 1, "features"),
    ],
)
def test_what_can_not_be_exported_says_what_to_do(files: Path, arguments: list[str], code: int, said: str) -> None:
    refused = kernel("-m", "nebulab", "export", *arguments, folder=files)
    assert refused.returncode == code
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
