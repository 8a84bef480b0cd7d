"""Models: the zoo exported and proven, and ONNX Runtime beside the originals for prediction.

Each family runs in a process of its own in the kernels' environment, on one processor.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.table import Row, grid
from nebulab.develop.environments import beside, cpu_torch
from nebulab.models.libraries import boosting, library_of
from nebulab.models.libraries.flax import Linen, Nnx
from nebulab.models.libraries.keras import Keras
from nebulab.models.libraries.lightgbm import LightGBM
from nebulab.models.libraries.tensorflow import TensorFlow
from nebulab.models.libraries.torch import Torch
from nebulab.models.libraries.xgboost import XGBoost

ROUNDS = 30
_WARM_UP = 3
OUTCOMES = ("proven", "kept natively", "failed")
_FAMILY_TITLES = ("family", *OUTCOMES, "time: median ratio (range)", "file size: median ratio (range)")
_TITLES = ("model", "outcome", "rows", "ONNX Runtime", "original", "ratio", "ONNX file", "own format")
# One thread for both; libraries without such a variable are bound to one processor.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def measure(environments: Path, checkout: Path) -> list[Row]:
    """Export and time every family; print a line a model, and return the counts against their goals."""
    python = environments / "kernels" / "bin" / "python"
    torch = cpu_torch(python, environments / "torch")
    catboost = beside(python, checkout / "requirements" / "catboost.txt", environments / "catboost")
    runs: list[tuple[str, str, dict[str, str]]] = [
        ("scikit-learn", "scikit", {}),
        ("boosted trees", "boosting", {}),
        ("CatBoost", "catboost_models", {"PYTHONPATH": str(catboost)}),
        ("Keras on TensorFlow", "keras_models", {}),
        ("Keras on PyTorch", "keras_models", {"KERAS_BACKEND": "torch", "PYTHONPATH": str(torch)}),
        ("Keras on JAX", "keras_models", {"KERAS_BACKEND": "jax"}),
        ("PyTorch", "torch_models", {"PYTHONPATH": str(torch)}),
        ("Flax", "flax_models", {}),
    ]
    lines: list[tuple[str, ...]] = [_TITLES]
    families: list[tuple[str, ...]] = [_FAMILY_TITLES]
    outcomes: Counter[str] = Counter()
    for title, family, variables in runs:
        found = _family(python, family, checkout, variables)
        lines += [(f"{title}: {name}", *_cells(one)) for name, one in found.items()]
        families.append((title, *_summary(list(found.values()))))
        outcomes.update(one["outcome"] for one in found.values())
    print(grid(lines), grid(families), sep="\n\n", end="\n\n")
    total = sum(outcomes.values())
    return [
        Row.figure(f"of {total} models of the zoo: failed", outcomes["failed"], "", goal=0),
        Row.at_least("models of the zoo: proven", outcomes["proven"], 25, "", "wanted", goal=1.0),
    ]


def _summary(members: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return a family's number of models with each outcome, and median and range of its ratios of time and of size."""
    counts = Counter(one["outcome"] for one in members)
    timed = [one for one in members if "ours" in one]
    times = sorted(one["ours"] / one["theirs"] for one in timed)
    sizes = sorted(one["onnx"] / one["native"] for one in timed)
    spread = [f"{statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})" for ratios in (times, sizes)]
    return (*(str(counts[outcome]) for outcome in OUTCOMES), *spread)


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    if "ours" not in one:
        return (f"{one['outcome']}: {one['reason']}", "", "", "", "", "", _kilobytes(one.get("native")))
    return (
        one["outcome"],
        str(one["rows"]),
        f"{one['ours'] * 1000:.3f} ms",
        f"{one['theirs'] * 1000:.3f} ms",
        f"{one['ours'] / one['theirs']:.2f}",
        _kilobytes(one["onnx"]),
        _kilobytes(one.get("native")),
    )


def _kilobytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1000:.1f} kB"


def _family(python: Path, family: str, checkout: Path, variables: dict[str, str]) -> dict[str, dict[str, Any]]:
    search = [str(checkout / "src"), str(checkout / "tests"), str(checkout), variables.get("PYTHONPATH", "")]
    finished = subprocess.run(
        [str(python), "-m", "bench.models", family],
        env=os.environ | ONE_THREAD | variables | {"PYTHONPATH": os.pathsep.join(filter(None, search))},
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        raise RuntimeError(f"{family}: {finished.stderr[-3000:]}")
    found: dict[str, dict[str, Any]] = json.loads(finished.stdout.rpartition("@@")[2])
    return found


def _inside(family: str) -> None:
    """Keep and time each member of a family that is trained; print what was found as JSON."""
    import warnings

    from zoo import keep_all

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    if "torch" in family or os.environ.get("KERAS_BACKEND") == "torch":
        import torch

        torch.set_num_threads(1)
    told = {}
    for found in keep_all(family):
        if found.member.fate == "not kept":  # there to be refused: the tests' business
            continue
        told[found.name] = _one(found)
    print("\n@@" + json.dumps(told))


def _one(found: Any) -> dict[str, Any]:
    from nebulab.models.predictor import Predictor

    kept, member = found.kept, found.member
    if kept.fate == "not kept":
        return {"outcome": "failed", "reason": kept.reason}
    own = found.folder / "own"
    own.mkdir(exist_ok=True)
    library = library_of(member.model)
    assert library is not None, f"{found.name} is no model"
    path, _ = library.native(member.model, own, found.name, found.globals)
    told: dict[str, Any] = {"native": path.stat().st_size}
    if kept.fate != "model":
        return told | {"outcome": "kept natively", "reason": kept.reason.split(";")[0]}
    exported = found.folder / kept.files[0]
    predictor = Predictor(exported, threads=1)
    ours, theirs = _in_turn(lambda: predictor.run(*member.batch), original(library, found))
    return told | {
        "outcome": "proven",
        "rows": len(member.batch[0]),
        "ours": ours,
        "theirs": theirs,
        "onnx": exported.stat().st_size,
    }


def _in_turn(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """Return the median seconds of both, called in turn after a warm-up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for turn in range(_WARM_UP + ROUNDS):
        for call, kept in zip((ours, theirs), seconds, strict=True):
            begun = time.perf_counter()
            call()
            if turn >= _WARM_UP:
                kept.append(time.perf_counter() - begun)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


@functools.singledispatch
def original(library: Any, found: Any) -> Callable[[], Any]:
    """Return the original's own prediction of the batch, the quickest that its library offers.

    Without a better one: all methods that the proof compared, since the file computes all outputs at once.
    """
    model, batch = found.member.model, found.member.batch
    names = {output.original for output in found.kept.proof.outputs}
    methods = [getattr(model, name) for name in names if hasattr(model, name)]
    return lambda: [method(*batch) for method in methods]


@original.register
def _(library: Keras, found: Any) -> Callable[[], Any]:
    model, batch = found.member.model, found.member.batch
    given = batch[0] if len(batch) == 1 else list(batch)
    return lambda: model.predict_on_batch(given)


@original.register
def _(library: Torch, found: Any) -> Callable[[], Any]:
    import torch

    model, batch = found.member.model, found.member.batch
    model.eval()

    def call() -> Any:
        with torch.inference_mode():
            return model(*batch)

    return call


@original.register
def _(library: TensorFlow, found: Any) -> Callable[[], Any]:
    import tensorflow as tf

    model, batch = found.member.model, found.member.batch
    traced = tf.function(lambda *given: model(*given))
    return lambda: traced(*batch).numpy()


@original.register(LightGBM)
@original.register(XGBoost)
def _(library: Any, found: Any) -> Callable[[], Any]:
    model, batch = found.member.model, found.member.batch
    if not boosting.is_booster(model):
        return original.dispatch(object)(library, found)
    predict = getattr(model, "inplace_predict", model.predict)
    return lambda: predict(*batch)


@original.register
def _(library: Linen, found: Any) -> Callable[[], Any]:
    import jax

    compiled, parameters = jax.jit(found.member.model.apply), found.globals["params"]
    return lambda: compiled(parameters, *found.member.batch).block_until_ready()


@original.register
def _(library: Nnx, found: Any) -> Callable[[], Any]:
    import jax
    from flax import nnx

    still = nnx.merge(*nnx.split(found.member.model))
    still.eval()
    graph, state = nnx.split(still)
    compiled = jax.jit(lambda state, *given: nnx.merge(graph, state)(*given))
    return lambda: compiled(state, *found.member.batch).block_until_ready()


if __name__ == "__main__":
    _inside(sys.argv[1])
