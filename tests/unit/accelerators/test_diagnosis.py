"""What keeps a GPU from being used, and what is advised: one scenario a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nebulab.accelerators import diagnosis, machine
from nebulab.accelerators.diagnosis import Cause
from nebulab.accelerators.frameworks import View
from nebulab.accelerators.gpus import ComputeMode, Gpu, Look, Trouble
from nebulab.accelerators.machine import Machine

GIB = 2**30
T4 = Gpu(0, name="T4", uuid="GPU-a", memory_total=16 * GIB, memory_used=GIB)
NODES = ("nvidia-uvm", "nvidia0", "nvidiactl")
HOST = Machine(cards=1, module="550.54.14", nodes=NODES)


def seen(*gpus: Gpu, driver: str = "550.54.14", cuda: str = "12.4") -> Look:
    return Look(gpus or (T4,), driver, cuda)


def without(trouble: Trouble) -> Look:
    return Look(trouble=trouble, reason="the reason")


def view(name: str = "torch", **told: Any) -> View:
    usual: dict[str, Any] = {"installed": True, "version": "2.10.0", "cuda": "12.8", "cuda_build": True}
    return View(name, **(usual | told))


def cause(look: Look, machine: Machine, *views: View) -> Cause | None:
    findings = [*diagnosis.of_machine(look, machine), *diagnosis.of_frameworks(look, machine, views)]
    assert all(finding.text and finding.remedy for finding in findings)
    return findings[0].cause if findings else None


def test_a_gpu_that_every_framework_uses_needs_no_advice() -> None:
    assert cause(seen(), HOST, view(gpus=1, works=True, device="GPU")) is None


def test_a_machine_without_a_gpu_is_no_trouble() -> None:
    (finding,) = diagnosis.of_machine(without(Trouble.NO_LIBRARY), Machine())
    assert (finding.cause, finding.serious) == (Cause.NO_GPU, False)
    assert cause(without(Trouble.NO_LIBRARY), Machine(), view(works=True, device="CPU")) is Cause.NO_GPU


@pytest.mark.parametrize(
    ("look", "machine", "expected", "advice"),
    [
        (without(Trouble.NO_LIBRARY), Machine(cards=1), Cause.NO_DRIVER, "install NVIDIA's driver"),
        (without(Trouble.NO_DRIVER), Machine(cards=1), Cause.NO_DRIVER, "modprobe nvidia"),
        (without(Trouble.NO_LIBRARY), Machine(module="550.54", nodes=NODES), Cause.NO_LIBRARY, "container toolkit"),
        (without(Trouble.MISMATCH), HOST, Cause.MISMATCH, "reboot"),
        (without(Trouble.NO_PERMISSION), HOST, Cause.NO_PERMISSION, "group"),
        (without(Trouble.LOST), HOST, Cause.LOST, "--gpu-reset"),
        (without(Trouble.SILENT), HOST, Cause.SILENT, "Xid"),
        (without(Trouble.OTHER), HOST, Cause.BROKEN, "nvidia-smi"),
        (seen(Gpu(0, trouble=Trouble.LOST)), HOST, Cause.LOST, "--gpu-reset"),
        (seen(Gpu(0, mode=ComputeMode.PROHIBITED)), HOST, Cause.PROHIBITED, "-c DEFAULT"),
        (seen(Gpu(0, mig=True)), HOST, Cause.NO_SLICE, "mig -cgi"),
        (seen(), Machine(1, "550.54", NODES, barred=("nvidia0",)), Cause.NO_PERMISSION, "group"),
    ],
)
def test_a_gpu_that_can_not_be_used_is_serious_and_has_a_remedy(
    look: Look, machine: Machine, expected: Cause, advice: str
) -> None:
    (finding,) = diagnosis.of_machine(look, machine)
    assert (finding.cause, finding.serious) == (expected, True)
    assert advice in finding.remedy


@pytest.mark.parametrize("trouble", [Trouble.NO_LIBRARY, Trouble.NO_DRIVER])
def test_a_container_without_the_toolkit_is_told_what_to_pass(trouble: Trouble) -> None:
    (finding,) = diagnosis.of_machine(without(trouble), Machine(cards=1, module="550.54", container=True))
    assert finding.cause is Cause.NO_DEVICE
    assert not finding.serious  # a job that asked for no GPU is in order
    for option in ("--gpus all", "nvidia.com/gpu=all", "--nv"):
        assert option in finding.remedy


def test_missing_devices_outside_of_a_container_are_made() -> None:
    (finding,) = diagnosis.of_machine(without(Trouble.NO_LIBRARY), Machine(cards=1, module="550.54"))
    assert finding.cause is Cause.NO_DEVICE
    assert "nvidia-modprobe" in finding.remedy


def test_hidden_gpus_are_told_and_not_serious() -> None:
    (finding,) = diagnosis.of_machine(seen(Gpu(0, visible=False), Gpu(1, visible=False)), HOST)
    assert (finding.cause, finding.serious) == (Cause.HIDDEN, False)
    assert "2 GPUs" in finding.text


@pytest.mark.parametrize(
    ("built", "driver", "knows", "needed"),
    [
        ("13.0", "570.124.06", "12.8", "580"),
        ("13", "580.65.06", "13.0", None),
        ("12.8", "525.60.13", "12.0", None),  # minor versions of one CUDA run on its first driver
        ("12.8", "525.60.11", "12.0", "525.60.13"),
        ("11.8", "450.51.06", "11.0", "450.80.02"),
        ("12", "535.54", "12.2", None),
        ("14.1", "580.65.06", "13.0", "of CUDA 14"),
        ("", "580.65.06", "13.0", None),
        ("13.0", "", "", None),
    ],
)
def test_the_oldest_driver_of_each_cuda(built: str, driver: str, knows: str, needed: str | None) -> None:
    assert diagnosis.driver_needed(built, Look(driver=driver, cuda=knows)) == needed


def test_a_driver_too_old_names_the_one_to_install() -> None:
    look = seen(driver="550.54.14", cuda="12.4")
    (finding,) = diagnosis.of_frameworks(look, HOST, [view(cuda="13.0", gpus=0, works=True, device="CPU")])
    assert (finding.cause, finding.framework) == (Cause.DRIVER_TOO_OLD, "torch")
    assert "550.54.14" in finding.text
    assert "580" in finding.remedy


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"error": "RuntimeError: The NVIDIA driver on your system is too old (found version 11040)."}, "too old"),
        ({"error": "CUDA driver version is insufficient for CUDA runtime version"}, "too old"),
        ({"error": "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB."}, "memory is full"),
        ({"error": "XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 16384 bytes"}, "memory is full"),
        ({"error": "CUDA error: CUDA-capable device(s) is/are busy or unavailable"}, "busy"),
        ({"error": "CUDA error: no kernel image is available for execution on the device"}, "not built for this card"),
        ({"said": "Could not load library libcudnn_ops.so.9: cannot open shared object file"}, "libraries"),
        ({"said": "cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used."}, "library"),
        ({"said": "RuntimeError: Unable to load cuDNN. Is it installed?"}, "libraries"),
        ({"error": "it crashed with signal 11 (SIGSEGV)"}, "does not work"),
    ],
)
def test_what_a_framework_says_is_understood(told: dict[str, str], expected: str) -> None:
    found = cause(seen(), HOST, view(gpus=0, **told))
    assert found is not None
    assert expected in found.value


def test_the_reason_is_looked_for_in_what_was_said_last() -> None:
    """As XGBoost says it where it finds no GPU."""
    said = "training.py:200: UserWarning: No visible GPU is found, setting device to CPU.\n  bst.update(dtrain)"
    told = view("xgboost", gpus=0, works=True, device="CPU", said=said)
    (finding,) = diagnosis.of_frameworks(seen(), HOST, [told])
    assert "No visible GPU is found" in finding.text


def test_a_full_gpu_is_told_even_if_the_framework_gives_no_reason() -> None:
    full = Gpu(0, memory_total=16 * GIB, memory_used=16 * GIB - 1)
    (finding,) = diagnosis.of_frameworks(seen(full), HOST, [view(gpus=0, works=True, device="CPU")])
    assert finding.cause is Cause.OUT_OF_MEMORY
    assert "16.0 of 16.0 GiB" in finding.text


def test_an_exclusive_gpu_that_another_process_has_is_busy() -> None:
    taken = Gpu(0, memory_total=GIB, memory_used=0, mode=ComputeMode.ONE_PROCESS, processes=1)
    assert cause(seen(taken), HOST, view(gpus=0, works=True, device="CPU")) is Cause.BUSY
    free = Gpu(0, memory_total=GIB, memory_used=0, mode=ComputeMode.ONE_PROCESS, processes=0)
    assert cause(seen(free), HOST, view(gpus=0, works=True, device="CPU")) is Cause.BROKEN


def test_a_missing_uvm_device_is_named() -> None:
    host = Machine(cards=1, module="550.54", nodes=("nvidia0", "nvidiactl"))
    assert cause(seen(), host, view(error="CUDA unknown error")) is Cause.NO_UVM


def test_a_build_without_cuda_gets_the_package_that_has_it() -> None:
    told = view("xgboost", cuda="", cuda_build=False, works=True, device="CPU")
    (finding,) = diagnosis.of_frameworks(seen(), HOST, [told])
    assert (finding.cause, finding.serious) == (Cause.CPU_BUILD, False)
    assert "xgboost-cpu" in finding.remedy


def test_a_framework_that_is_not_installed_is_no_finding() -> None:
    assert diagnosis.of_frameworks(seen(), HOST, [View("jax")]) == []


def test_a_framework_that_does_not_even_compute_on_the_processor_is_told_without_a_gpu() -> None:
    assert cause(Look(), Machine(), view(error="ImportError: libgomp.so.1")) is Cause.NO_GPU
    (finding,) = diagnosis.of_frameworks(Look(), Machine(), [view(error="ImportError: libgomp.so.1")])
    assert (finding.cause, finding.serious) == (Cause.BROKEN, True)


def test_the_machines_files_are_read(tmp_path: Path) -> None:
    """A host with one card and a driver, and one node that this user may not open."""
    card = tmp_path / "sys/bus/pci/devices/0000:01:00.0"
    sound = tmp_path / "sys/bus/pci/devices/0000:01:00.1"
    for folder, kind in ((card, "0x030200"), (sound, "0x040300")):
        folder.mkdir(parents=True)
        (folder / "vendor").write_text("0x10de\n")
        (folder / "class").write_text(f"{kind}\n")
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)  Sun Jul 27\n"
        "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"
    )
    nodes = tmp_path / "dev"
    (nodes / "nvidia-caps").mkdir(parents=True)
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm", "null"):
        (nodes / name).touch()
    seen = machine.read(tmp_path)
    assert (seen.cards, seen.module, seen.container) == (1, "580.65.06", False)
    assert (seen.nodes, seen.gpu_nodes) == (NODES, ("nvidia0",))
    (tmp_path / ".dockerenv").touch()
    assert machine.read(tmp_path).container


def test_a_closed_kernel_modules_version_is_read_too(tmp_path: Path) -> None:
    version = tmp_path / "proc/driver/nvidia/version"
    version.parent.mkdir(parents=True)
    version.write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.256.02  Thu May  2 14:37:44 UTC 2024\n")
    assert machine.read(tmp_path).module == "470.256.02"


def test_a_machine_without_a_driver_has_no_traces(tmp_path: Path) -> None:
    assert machine.read(tmp_path) == Machine()
