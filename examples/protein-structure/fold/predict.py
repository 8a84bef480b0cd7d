"""A protein's structure, predicted by AlphaFold2 as ColabFold runs it: one chain, the best of up to five networks."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import nebulab
from fold import PACKAGES, FoldError, chance, installed, msa
from fold import weights as weights_of
from fold.sequences import Query
from nebulab.errors import NebulabError

_LOGGERS = ("colabfold", "absl")
_RUN = "colabfold.batch"
_SETTINGS = ("num_models", "num_recycles", "random_seed", "version")
_GB_WEIGHTS = 3.0
_GB_AT_1000 = 12.0


@dataclass(frozen=True)
class Prediction:
    """The best of the predicted structures of a protein.

    `pdb` has the confidence in each amino acid (pLDDT, 0 to 100) in place of the temperature factor; `plddt` is
    (length,), `pae` (length, length) in Å: how wrong the place of one may be, seen from another. `ptm`, 0 to 1, is the
    confidence in the whole. `seconds` are those of each step. `random` means that nothing of it is true.
    """

    query: Query
    pdb: str
    plddt: np.ndarray
    pae: np.ndarray
    ptm: float
    random: bool
    model: str
    seconds: dict[str, float] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


def predict(
    query: Query,
    a3m: str,
    weights: weights_of.Weights,
    *,
    models: int = 1,
    recycles: int = 3,
    seed: int = 0,
) -> Prediction:
    """Predict a structure.

    Parameters
    ----------
    query, a3m
        The protein, and its alignment with relatives (`fold.msa`).
    weights
        See `fold.weights.find`.
    models
        How many of the five networks to ask; the best answer is returned.
    recycles
        How often a network sees its own answer again.
    seed
        Where chance begins.

    Raises
    ------
    FoldError
        ColabFold is not here, the protein needs more memory than there is, or ColabFold failed.
    """
    if not installed():
        raise FoldError("ColabFold is not here.", f"Run  %pip install {' '.join(PACKAGES)}  and this again.")
    if not 1 <= models <= 5 or recycles < 0:
        raise FoldError(
            f"models = {models} and recycles = {recycles} can't be.", "models: 1 to 5; recycles: 0 or more."
        )
    a3m = msa.own(a3m, query)[1]
    require_memory(len(query))
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        smaller = chance.two_blocks() if weights.random else contextlib.nullcontext()
        with smaller, _log() as log:
            _run(query, a3m, weights, folder, models=models, recycles=recycles, seed=seed)
        if not _has_result(folder):
            raise _failure(log)
        return _best(query, weights, folder, log, time.perf_counter() - begun, msa.depth(a3m))


def memory_gb(length: int) -> float:
    """Return how much memory a protein of this length needs, roughly: it grows with the square of the length."""
    return _GB_WEIGHTS + _GB_AT_1000 * (length / 1000) ** 2


def require_memory(length: int, free_gb: float | None = None) -> None:
    """Tell of a protein that is too long for this machine, before the time is spent.

    Raises
    ------
    FoldError
        It needs more than `free_gb`, by default what the GPU has, or the machine without one.
    """
    free = _free_gb() if free_gb is None else free_gb
    needed = memory_gb(length)
    if needed > free:
        most = int(1000 * max(free - _GB_WEIGHTS, 0) ** 0.5 / _GB_AT_1000**0.5)
        raise FoldError(
            f"{length} amino acids need some {needed:.0f} GB of memory, and {free:.1f} GB are here, "
            f"enough for about {most}.",
            "Ask for more memory or a larger GPU, or give a domain of the protein.",
        )


def device() -> str:
    """Return what computes, such as `NVIDIA A100` or `cpu`."""
    import jax

    return str(jax.devices()[0].device_kind)


def keep_compiled(folder: str | Path | None = None) -> Path:
    """Have JAX keep what it compiles: the same network for a protein of the same length then begins at once.

    By default in a checkpoint, a folder that the history keeps for later sessions and jobs. There is one for each kind
    of processor or GPU: what was compiled for one does not run on another.
    """
    import jax

    name = f"colabfold-{_kind()}"
    try:
        chosen = Path(folder or nebulab.checkpoint(name))
    except NebulabError as error:  # it only saves time: nothing is to fail for it
        print(f"What was compiled earlier is not used: {error}")
        chosen = Path(".compiled") / name
    chosen.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return chosen


def _run(query: Query, a3m: str, weights: weights_of.Weights, folder: Path, **how: Any) -> None:
    from colabfold import batch

    alone = msa.depth(a3m) == 1
    (folder / "out").mkdir()
    batch.run(
        [(query.name, query.sequence, [a3m], None)],
        folder / "out",
        num_models=how["models"],
        num_recycles=how["recycles"],
        random_seed=how["seed"],
        is_complex=False,
        model_type="alphafold2_ptm",
        msa_mode="single_sequence" if alone else "custom",
        data_dir=weights_of.for_colabfold(weights, folder / "data"),
        recompile_padding=0,
        skip_output=["plots", "msa"],
        user_agent=msa.AGENT,
    )


def _has_result(folder: Path) -> bool:
    return any((folder / "out").glob("*_scores_rank_001_*.json"))


def _best(
    query: Query, weights: weights_of.Weights, folder: Path, log: list[str], seconds: float, depth: int
) -> Prediction:
    out = folder / "out"
    scores = json.loads(next(out.glob("*_scores_rank_001_*.json")).read_text())
    structure = next(out.glob("*_rank_001_*.pdb"))
    network = sum(float(taken) for line in log for taken in re.findall(r" took ([\d.]+)s", line))
    settings = json.loads((out / "config.json").read_text())
    return Prediction(
        query=query,
        pdb=structure.read_text(),
        plddt=np.asarray(scores["plddt"], np.float32),
        pae=np.asarray(scores["pae"], np.float32),
        ptm=float(scores.get("ptm", float("nan"))),
        random=weights.random,
        model=structure.stem.partition("_rank_001_")[2],
        seconds={"network": round(network, 1), "all": round(seconds, 1)},
        settings={name: settings[name] for name in _SETTINGS} | {"device": device(), "sequences": depth},
    )


def _failure(log: list[str]) -> FoldError:
    """Say why there is no result: ColabFold logs what went wrong, and returns as if nothing were."""
    if re.search("RESOURCE_EXHAUSTED|[Oo]ut of memory|Not Enough GPU memory", "\n".join(log)):
        return FoldError(
            "The memory was not enough for this protein.", "Take a larger GPU, or a domain of the protein."
        )
    return FoldError(f"ColabFold made no structure: {(log or ['it says nothing'])[-1][:300]}", "Its log is above.")


@contextlib.contextmanager
def _log() -> Iterator[list[str]]:
    """Show what ColabFold tells of its steps, and collect all of it."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            line = record.getMessage()
            lines.append(line)
            if record.name.startswith("colabfold") and (
                record.levelno >= logging.ERROR or re.search("recycle=| took ", line)
            ):
                print(line, flush=True)

    handler = Kept()
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        logger.propagate = False
    try:
        yield lines
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


def _free_gb() -> float:
    import jax

    first = jax.devices()[0]
    told = first.memory_stats() if first.platform != "cpu" else None
    if told and "bytes_limit" in told:
        return float(told["bytes_limit"]) / 1e9
    import psutil

    free = float(psutil.virtual_memory().available) / 1e9
    limit = os.environ.get("GALAXY_MEMORY_MB", "")
    return min(free, int(limit) * 2**20 / 1e9) if limit.isdigit() else free


def _kind() -> str:
    """Return a word for what compiles alike: the GPU's model, or the instructions that the processor knows."""
    kind = device()
    if kind.lower() == "cpu":
        import zlib

        flags = next(
            (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Features"))),
            "",
        )
        kind = f"{platform.machine()}-{zlib.crc32(flags.encode()):08x}"
    return re.sub(r"[^\w.-]+", "-", kind)
