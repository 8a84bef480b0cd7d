"""Environment variables that keep frameworks off an unusable GPU, and within their share of a usable one; runs
everywhere.

Caps that no variable sets are set by `startup`, in the process that imports the framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nebulab.accelerators.diagnosis import Cause, Seen
from nebulab.accelerators.gpus import Look
from nebulab.contract import GPU_MEMORY_MB, GPUS

_MIB = 2**20


@dataclass(frozen=True)
class Cap:
    """The cap on one framework's share of GPU memory."""

    name: str
    """The module's name."""
    enforced: bool
    """Whether the framework itself refuses to take more; if not, the figure is a request to the notebook's author."""
    means: str


CAPS = (
    Cap("tensorflow", True, "a logical device of that size, and growth instead of taking all at once"),
    Cap("torch", True, "its allocator's fraction, set when CUDA starts"),
    Cap("jax", True, "XLA_PYTHON_CLIENT_MEM_FRACTION, and growth instead of taking three quarters at once"),
    Cap("onnxruntime", False, "gpu_mem_limit, which each session is given: Nebulab's predictors are, others choose"),
    Cap("xgboost", False, "it has none"),
)
"""Enforced within a process, against accidents: code can undo it. Against intent: MIG, or MPS."""


def limit_bytes(environment: Mapping[str, str]) -> int | None:
    """Return the share of each GPU's memory that `environment` names, in bytes, or None."""
    # Not an error if it is no number: a notebook may have changed it, and a kernel must start.
    text = environment.get(GPU_MEMORY_MB, "").strip()
    return int(text) * _MIB if text.isdecimal() and int(text) > 0 else None


def limits(look: Look, limit_mb: int | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep a session's frameworks within their share.

    Parameters
    ----------
    limit_mb
        MiB of each GPU that a process may take; None: all, but allocated as needed, since several kernels use one GPU.
    inherited
        The destination's variables, which take precedence.
    """
    if not look.usable:
        return {}
    capped = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    sizes = _sizes(look)
    if limit_mb is not None and _binds(look, limit_mb):
        capped[GPU_MEMORY_MB] = str(limit_mb)
        # A fraction of the largest: JAX has one for all GPUs, and the limit must hold on each.
        if sizes and "XLA_CLIENT_MEM_FRACTION" not in inherited:  # JAX refuses its old and its new name side by side
            capped["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{limit_mb * _MIB / max(sizes):.4f}"
        # Only the driver reads this, and only with an MPS server.
        limits_by_gpu = (f"{index}={limit_mb}M" for index in range(len(look.usable)))
        capped["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] = ",".join(limits_by_gpu)
    return {name: value for name, value in capped.items() if name not in inherited or name == GPU_MEMORY_MB}


def _sizes(look: Look) -> list[int]:
    return [part.memory_total for gpu in look.usable for part in gpu.parts if part.memory_total]


def _binds(look: Look, limit_mb: int) -> bool:
    """Whether a GPU has more memory than the limit, or does not report it."""
    return limit_mb * _MIB < max(_sizes(look), default=limit_mb * _MIB + 1)


def fallback(seen: Seen) -> dict[str, str]:
    """Return the variables that make frameworks compute on the processor if there is a GPU that can't be used.

    Without them JAX raises, and others try the GPU first and crash. A machine without a GPU needs none.
    """
    if seen.look.usable or not seen.serious:
        return {}
    return {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "NUMBA_DISABLE_CUDA": "1"}


def variables(seen: Seen, limit_mb: int | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return all variables on GPUs that a session or job sets for its kernels; see `limits` and `fallback`."""
    names = {GPUS: seen.look.names} if seen.look.usable else {}
    return limits(seen.look, limit_mb, inherited) | fallback(seen) | names


def onnxruntime_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options of ONNX Runtime's CUDA provider that cap an inference session's memory."""
    limit = limit_bytes(environment)
    return {} if limit is None else {"gpu_mem_limit": str(limit), "arena_extend_strategy": "kSameAsRequested"}


def describe(seen: Seen, limit_mb: int | None) -> str:
    """Return one line for a log: the GPUs, or why there are none, and what a process may take."""
    look = seen.look
    if look.usable:
        share = f"; {limit_mb / 1024:g} GiB of each for a process" if limit_mb and _binds(look, limit_mb) else ""
        troubled = "".join(f"; {finding.text}" for finding in seen.serious)
        return f"GPU: {look.names}; driver {look.driver}, CUDA {look.cuda}{share}{troubled}"
    if seen.serious:
        return f"GPU: {seen.serious[0]} Computing on the CPU."
    why = "".join(f" ({finding.text.rstrip('.')})" for finding in seen.findings if finding.cause is not Cause.NO_GPU)
    return f"GPU: none{why}; computing on the CPU"
