"""Diagnosis of unused GPUs: cause and remedy, from NVML, the driver's files and the frameworks; runs everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from nebulab.accelerators.gpus import ComputeMode, Gpu, Look, Trouble
from nebulab.accelerators.machine import Machine

if TYPE_CHECKING:
    from nebulab.accelerators.frameworks import View

MINIMUM_DRIVERS = {11: "450.80.02", 12: "525.60.13", 13: "580"}
"""The oldest Linux driver that runs programs built for a CUDA of this first number ("minor version compatibility").

Source: NVIDIA, "CUDA Compatibility", table 1 of "Minor Version Compatibility"
(docs.nvidia.com/deploy/cuda-compatibility), and the CUDA Toolkit's release notes, "CUDA Toolkit and Minimum Required
Driver Version for CUDA Minor Version Compatibility" (docs.nvidia.com/cuda/cuda-toolkit-release-notes).
"""

_GIB = 2**30
_NEARLY_FULL = 0.9
_LONGEST_REASON = 300
# Patterns in the lower-cased output of frameworks.
_MEMORY_WORDS = "out of memory|out_of_memory|resource_exhausted|cudnn_status_alloc_failed|bad_alloc"
_BUSY_WORDS = r"devices?(\(s\))? (is|are|is/are) busy|busy or unavailable|device_unavailable|exclusive"
_OLD_WORDS = "driver version is insufficient|driver.{0,40}too old|insufficient_driver|unsupported_ptx"
_NO_KERNEL_WORDS = "no kernel image|not compatible with the current pytorch|invalid_device_function"
_LIBRARY_WORDS = (
    "cannot open shared object file|cannot dlopen|failed to load library|could not load library|unable to load c"
)
_DRIVER_LIBRARY_WORDS = r"could not find cuda drivers|libcuda\.so"
_REASON_WORDS = "error|fail|could not|cannot|can't|unable|not found|no visible|too old"


class Cause(Enum):
    """The reason for which a GPU is not used."""

    NO_GPU = "no GPU"
    NO_DRIVER = "the driver is missing"
    NO_DEVICE = "no GPU was passed in"
    NO_UVM = "a device is missing"
    NO_LIBRARY = "the driver's library is missing"
    MISMATCH = "driver and library differ"
    NO_PERMISSION = "no permission"
    LOST = "the GPU is lost"
    SILENT = "the driver does not answer"
    HIDDEN = "hidden by CUDA_VISIBLE_DEVICES"
    PROHIBITED = "closed to computing"
    NO_SLICE = "no slices"
    NO_BINDING = "nvidia-ml-py is missing"
    DRIVER_TOO_OLD = "the driver is too old"
    CPU_BUILD = "built without CUDA"
    BUSY = "the GPU is busy"
    OUT_OF_MEMORY = "the GPU's memory is full"
    CARD_TOO_NEW_OR_OLD = "not built for this card"
    NO_CUDA_LIBRARIES = "CUDA's libraries are missing"
    BROKEN = "it does not work"


@dataclass(frozen=True)
class Finding:
    """One fault, with its remedy."""

    cause: Cause
    text: str
    remedy: str = ""
    framework: str = ""
    """The module's name, if it concerns one framework."""

    @property
    def serious(self) -> bool:
        """Whether it keeps a GPU that should be used from being used."""
        return self.cause not in _HARMLESS

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}".strip()


@dataclass(frozen=True)
class Seen:
    """The GPUs by NVML, the driver's files on the machine, and the findings on them."""

    look: Look
    machine: Machine
    findings: tuple[Finding, ...]

    @property
    def serious(self) -> tuple[Finding, ...]:
        """The findings that keep GPUs from being used."""
        return tuple(finding for finding in self.findings if finding.serious)


# Causes that are no fault: a job that asked for no GPU has none, also on a host that has some.
_HARMLESS = frozenset({Cause.NO_GPU, Cause.NO_DEVICE, Cause.HIDDEN, Cause.CPU_BUILD, Cause.NO_BINDING})


def examine(look: Look, machine: Machine) -> Seen:
    """Return the GPUs and the machine with the findings on them."""
    return Seen(look, machine, tuple(of_machine(look, machine)))


def of_machine(look: Look, machine: Machine) -> list[Finding]:
    """Return findings on GPUs that can't be used, frameworks aside; none if all can."""
    if look.trouble is not None:
        return [_without_nvml(look, machine)]
    if not look.gpus:
        return [_no_gpu(machine)]
    findings = [finding for gpu in look.gpus for finding in _of_gpu(gpu)]
    if not any(gpu.visible for gpu in look.gpus):
        findings.append(
            Finding(
                Cause.HIDDEN,
                f"CUDA_VISIBLE_DEVICES hides {_counted(len(look.gpus))}.",
                "If that is not meant: unset it, or ask the scheduler for a GPU.",
            )
        )
    elif machine.barred and set(machine.barred) & set(machine.gpu_nodes):
        findings.append(_barred(machine))
    return findings


def of_frameworks(look: Look, machine: Machine, views: Iterable[View]) -> list[Finding]:
    """Return findings on frameworks that do not use a usable GPU; none without one."""
    return [finding for view in views for finding in _of_view(look, machine, view)]


def driver_needed(cuda: str, look: Look) -> str | None:
    """Return the driver's version that a framework built for `cuda` needs, or None if the installed one suffices.

    Parameters
    ----------
    cuda
        A version such as `12.5`, `12` or `13.0`; for any other text None is returned.
    """
    number = re.match(r"\d+", cuda)
    if number is None or not look.driver:
        return None
    major = int(number[0])
    if major in MINIMUM_DRIVERS:
        wanted = MINIMUM_DRIVERS[major]
        return wanted if _numbers(look.driver) < _numbers(wanted) else None
    newest = re.match(r"\d+", look.cuda)
    return f"of CUDA {major}" if newest is not None and int(newest[0]) < major else None


def _without_nvml(look: Look, machine: Machine) -> Finding:
    match look.trouble:
        case Trouble.NO_LIBRARY if machine.gpu_nodes:
            return Finding(
                Cause.NO_LIBRARY,
                f"The GPU's devices are here, the driver's library is not ({look.reason}).",
                "In a container: start it through NVIDIA's container toolkit (docker: --gpus all, podman: --device "
                "nvidia.com/gpu=all, Apptainer: --nv) with NVIDIA_DRIVER_CAPABILITIES=compute,utility. Else install "
                "the package of the driver's libraries.",
            )
        case Trouble.NO_LIBRARY:
            return _no_gpu(machine)
        case Trouble.NO_DRIVER if machine.module and not machine.gpu_nodes:  # the toolkit brought the library alone
            return _no_gpu(machine)
        case Trouble.NO_DRIVER:
            return Finding(
                Cause.NO_DRIVER,
                f"NVIDIA's driver is installed, and not loaded ({look.reason}).",
                "An administrator: `modprobe nvidia`; after a new kernel the driver has to be built again.",
            )
        case Trouble.MISMATCH:
            loaded = f" The loaded driver is {machine.module}." if machine.module else ""
            return Finding(
                Cause.MISMATCH,
                f"The driver was updated while it ran: its library and the loaded driver differ ({look.reason})."
                f"{loaded}",
                "An administrator: reboot, or unload and load the driver (`rmmod nvidia_uvm nvidia_drm nvidia_modeset "
                "nvidia; modprobe nvidia`); then start containers anew, they keep the old library.",
            )
        case Trouble.NO_PERMISSION:
            return _barred(machine)
        case Trouble.LOST:
            return Finding(Cause.LOST, f"The GPU does not answer any more ({look.reason}).", _LOST_REMEDY)
        case Trouble.SILENT:
            return Finding(
                Cause.SILENT,
                f"NVIDIA's driver hangs: {look.reason}.",
                "An administrator: look for Xid messages in `dmesg`; as a rule only a reboot helps.",
            )
        case Trouble.NO_BINDING:
            return Finding(
                Cause.NO_BINDING,
                f"GPUs can't be looked at: {look.reason}.",
                "Install it there: `pip install nvidia-ml-py`.",
            )
        case _:
            return Finding(
                Cause.BROKEN, f"The GPUs can't be asked: {look.reason}.", "Does `nvidia-smi` work on the host?"
            )


_LOST_REMEDY = (
    "An administrator: `nvidia-smi --gpu-reset`, or reboot; `dmesg` has the reason (Xid; the card's power or slot)."
)


def _no_gpu(machine: Machine) -> Finding:
    if machine.module and not machine.gpu_nodes and machine.container:
        return Finding(
            Cause.NO_DEVICE,
            f"The host has NVIDIA's driver ({machine.module}), and no GPU was passed into this container.",
            "Start it with one: docker: --gpus all, with NVIDIA's container toolkit installed on the host; podman: "
            "--device nvidia.com/gpu=all; Apptainer: --nv.",
        )
    if machine.module and not machine.gpu_nodes:
        return Finding(
            Cause.NO_DEVICE,
            f"NVIDIA's driver ({machine.module}) is loaded, and there is no /dev/nvidia0.",
            "In a scheduler's job: ask for a GPU (Slurm: --gres=gpu:1). Else an administrator: `nvidia-modprobe -c 0 "
            "-u` makes the devices.",
        )
    if machine.cards and not machine.module:
        return Finding(
            Cause.NO_DRIVER,
            f"{_counted(machine.cards, 'NVIDIA card')} in this machine, and no driver is loaded.",
            "An administrator: install NVIDIA's driver (Debian: nvidia-driver, Ubuntu: `ubuntu-drivers install`).",
        )
    return Finding(Cause.NO_GPU, "No NVIDIA GPU.", "Notebooks compute on the processor.")


def _barred(machine: Machine) -> Finding:
    barred = ", ".join(f"/dev/{name}" for name in machine.barred)
    return Finding(
        Cause.NO_PERMISSION,
        f"This user may not use the GPU{f' ({barred})' if barred else ''}.",
        "An administrator: `ls -l /dev/nvidia*`; add the user to the group that owns them (often video), or pass the "
        "GPU to the job: a scheduler's device limits forbid the others.",
    )


def _of_gpu(gpu: Gpu) -> list[Finding]:
    name = f"GPU {gpu.index}" + (f" ({gpu.name})" if gpu.name else "")
    if gpu.trouble is Trouble.LOST:
        return [Finding(Cause.LOST, f"{name} does not answer any more.", _LOST_REMEDY)]
    if gpu.trouble is Trouble.NO_PERMISSION:
        return [Finding(Cause.NO_PERMISSION, f"This user may not use {name}.", "Use another, or ask an administrator.")]
    if gpu.trouble is not None:
        return [Finding(Cause.BROKEN, f"{name}: {gpu.trouble.value}.", "Does `nvidia-smi` show it?")]
    if not gpu.visible:
        return []
    if gpu.mode is ComputeMode.PROHIBITED:
        return [
            Finding(
                Cause.PROHIBITED,
                f"{name} is closed to computing (compute mode prohibited).",
                f"An administrator: `nvidia-smi -i {gpu.index} -c DEFAULT`.",
            )
        ]
    if gpu.mig and not gpu.slices:
        return [
            Finding(
                Cause.NO_SLICE,
                f"{name} is in MIG mode and has no slices: nothing can compute on it.",
                "An administrator: make some (`nvidia-smi mig -cgi 1g.5gb -C`; `nvidia-smi mig -lgip` lists the "
                f"profiles), or leave MIG mode (`nvidia-smi -i {gpu.index} -mig 0`).",
            )
        ]
    return []


def _of_view(look: Look, machine: Machine, view: View) -> list[Finding]:
    if not view.installed:
        return []
    if view.works and (view.device == "GPU" or not look.usable):
        return []
    if not look.usable or (not view.works and not view.cuda_build):
        return [_broken(view)]
    if not view.cuda_build:
        return [
            Finding(
                Cause.CPU_BUILD,
                f"{view.title} {view.version} is built without CUDA: it computes on the processor.",
                _CUDA_PACKAGES.get(view.name, ""),
                view.name,
            )
        ]
    return [_unused(look, machine, view)]


def _unused(look: Look, machine: Machine, view: View) -> Finding:
    """Return the finding on a framework that is built for CUDA and leaves a GPU unused, by the surest sign."""
    output = f"{view.error}\n{view.said}".lower()
    needed = driver_needed(view.cuda, look)
    if needed is not None or re.search(_OLD_WORDS, output):
        return Finding(
            Cause.DRIVER_TOO_OLD,
            f"{view.title} {view.version} is built for CUDA {view.cuda}, and the driver {look.driver} is too old "
            "for it.",
            f"An administrator: install driver {needed or 'of a newer series'} or newer. Without one: an "
            f"environment that is built for CUDA {look.cuda or 'of this driver'} or older.",
            view.name,
        )
    if machine.gpu_nodes and "nvidia-uvm" not in machine.nodes:
        return Finding(
            Cause.NO_UVM,
            f"{view.title} can't compute on the GPU: /dev/nvidia-uvm is missing.",
            "An administrator: `nvidia-modprobe -u -c 0` on the host; then start the container anew.",
            view.name,
        )
    if re.search(_DRIVER_LIBRARY_WORDS, output):
        return Finding(
            Cause.NO_LIBRARY,
            f"{view.title} does not find the driver's CUDA library (libcuda.so.1), though the GPU is here.",
            "In a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility (or all). Else: the driver's package for "
            "computing (Debian and Ubuntu: libcuda1, libnvidia-compute-…).",
            view.name,
        )
    full = _fullest(look)
    if re.search(_MEMORY_WORDS, output):
        return _full(view, full)
    crowded = [gpu for gpu in look.usable if gpu.mode in _ONE and gpu.processes]
    if re.search(_BUSY_WORDS, output) or crowded:
        return Finding(
            Cause.BUSY,
            f"{view.title} gets no place on the GPU: it is in exclusive mode and another process has it.",
            "Shut down the other kernels that use it (in Lab: Kernel > Shut Down All Kernels), wait, or have an "
            "administrator share it: `nvidia-smi -c DEFAULT`.",
            view.name,
        )
    if re.search(_NO_KERNEL_WORDS, output):
        return Finding(
            Cause.CARD_TOO_NEW_OR_OLD,
            f"{view.title} {view.version} has no code for this card.",
            "Cards that are newer than the framework need a newer one; a very old card an older one.",
            view.name,
        )
    if re.search(_LIBRARY_WORDS, output):
        return Finding(
            Cause.NO_CUDA_LIBRARIES,
            f"{view.title} {view.version} does not find CUDA's libraries: {_short(view)}",
            _CUDA_LIBRARIES.get(view.name, "Install it again, with its CUDA packages."),
            view.name,
        )
    if full is not None:
        return _full(view, full)
    return _broken(view)


_ONE = frozenset({ComputeMode.ONE_PROCESS, ComputeMode.ONE_THREAD})
_CUDA_PACKAGES = {
    "tensorflow": "`pip install tensorflow[and-cuda]` in place of tensorflow-cpu.",
    "torch": "`pip install torch` from PyPI, whose Linux builds have CUDA, in place of the +cpu build.",
    "jax": '`pip install "jax[cuda12]"` (or cuda13, as the driver allows).',
    "onnxruntime": "`pip install onnxruntime-gpu` in place of onnxruntime.",
    "xgboost": "`pip install xgboost` in place of xgboost-cpu.",
}

_CUDA_LIBRARIES = {
    "tensorflow": "`pip install tensorflow[and-cuda]` brings them.",
    "torch": "They come with it: `pip install --force-reinstall torch`.",
    "jax": '`pip install "jax[cuda12]"` (or cuda13) brings them.',
    "onnxruntime": '`pip install "onnxruntime-gpu[cuda,cudnn]"` brings them.',
}


def _full(view: View, gpu: Gpu | None) -> Finding:
    holders = "other processes hold it"
    if gpu is not None and gpu.memory_total:
        used = f"{(gpu.memory_used or 0) / _GIB:.1f} of {gpu.memory_total / _GIB:.1f} GiB"
        holders = f"{used} are held by other processes"
    return Finding(
        Cause.OUT_OF_MEMORY,
        f"{view.title} gets no memory on the GPU: {holders}.",
        "Shut down the kernels that hold it (TensorFlow and JAX keep theirs until their kernel ends); `nvidia-smi` "
        "lists the processes.",
        view.name,
    )


def _fullest(look: Look) -> Gpu | None:
    """Return a GPU whose memory is nearly all taken."""
    for gpu in look.usable:
        if gpu.memory_total and gpu.memory_used is not None and gpu.memory_used >= _NEARLY_FULL * gpu.memory_total:
            return gpu
    return None


def _broken(view: View) -> Finding:
    where = "" if view.works else " and on no processor either"
    return Finding(
        Cause.BROKEN,
        f"{view.title} {view.version} does not compute on the GPU{where}: {_short(view)}"
        if view.cuda_build
        else f"{view.title} {view.version} does not compute: {_short(view)}",
        "Run `nebulab doctor --gpu --json` for all that it said.",
        view.name,
    )


def _short(view: View) -> str:
    if view.error:
        return view.error.splitlines()[0][:_LONGEST_REASON]
    lines = [line.strip() for line in view.said.splitlines()]
    reasons = [line for line in lines if re.search(_REASON_WORDS, line.lower())]
    return (reasons or lines or ["it gives no reason"])[-1][:_LONGEST_REASON]


def _counted(number: int, noun: str = "GPU") -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
