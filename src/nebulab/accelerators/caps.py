"""The settings that keep frameworks off a GPU that can't be used, and within their share of one that can; runs
everywhere.

What is set by environment variables alone is set here, the rest by `startup` in the process that imports the framework.
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
    """How one framework's share of the memory is kept."""

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
"""Enforced within a process, against accident: whoever wants to can undo it. Against intent: MIG, or MPS."""


def limit_bytes(environment: Mapping[str, str]) -> int | None:
    """Return the share of each GPU's memory that `environment` names, in bytes, or None."""
    # No error where it is no number: a kernel must start, and a notebook may have changed it.
    text = environment.get(GPU_MEMORY_MB, "").strip()
    return int(text) * _MIB if text.isdecimal() and int(text) > 0 else None


def limits(look: Look, limit_mb: int | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that keep a session's frameworks within their share.

    Parameters
    ----------
    limit_mb
        MiB of each GPU that a process may take; None: as much as there is, though only as it is needed, since kernels
        side by side use the same GPU.
    inherited
        The destination's own choices, which are kept.
    """
    if not look.usable:
        return {}
    made = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    sizes = _sizes(look)
    if limit_mb is not None and _binds(look, limit_mb):
        made[GPU_MEMORY_MB] = str(limit_mb)
        # Of the largest: JAX has one fraction for all, and none of them may be exceeded.
        if sizes and "XLA_CLIENT_MEM_FRACTION" not in inherited:  # JAX refuses its old and its new name side by side
            made["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{limit_mb * _MIB / max(sizes):.4f}"
        # Heeded by the driver where an MPS server runs, by nothing else.
        made["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] = ",".join(f"{place}={limit_mb}M" for place in range(len(look.usable)))
    return {name: value for name, value in made.items() if name not in inherited or name == GPU_MEMORY_MB}


def _sizes(look: Look) -> list[int]:
    return [part.memory_total for gpu in look.usable for part in gpu.parts if part.memory_total]


def _binds(look: Look, limit_mb: int) -> bool:
    """Whether a GPU has more than the share, or does not tell."""
    return limit_mb * _MIB < max(_sizes(look), default=limit_mb * _MIB + 1)


def fallback(seen: Seen) -> dict[str, str]:
    """Return the variables that let frameworks compute on the processor where a GPU is there and can't be used.

    Without them JAX stops with an error, and others try the GPU first and crash. A machine without any GPU needs none.
    """
    if seen.look.usable or not seen.serious:
        return {}
    return {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "NUMBA_DISABLE_CUDA": "1"}


def variables(seen: Seen, limit_mb: int | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return all that a session or job tells its kernels of the GPUs; see `limits` and `fallback`."""
    names = {GPUS: seen.look.names} if seen.look.usable else {}
    return limits(seen.look, limit_mb, inherited) | fallback(seen) | names


def onnxruntime_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options of ONNX Runtime's CUDA provider that keep a session of it within the share."""
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
