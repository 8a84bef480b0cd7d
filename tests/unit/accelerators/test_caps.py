"""The settings that a session gives its frameworks, and what is done when one is imported."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nebulab.accelerators import caps
from nebulab.accelerators.diagnosis import Cause, Finding, Seen
from nebulab.accelerators.gpus import Gpu, Look, MigSlice, Trouble
from nebulab.accelerators.machine import Machine

MIB = 2**20
T4 = Gpu(0, name="T4", uuid="GPU-a", memory_total=16384 * MIB, memory_used=0)
A100 = Gpu(1, name="A100", uuid="GPU-b", memory_total=40960 * MIB, memory_used=0)
ONE = Look((T4,), "580.65.06", "13.0")


def seen(look: Look, *findings: Finding) -> Seen:
    return Seen(look, Machine(), findings)


MISMATCH = Finding(Cause.MISMATCH, "The driver was updated.", "Reboot.")


def test_a_share_is_a_fraction_for_jax_and_megabytes_for_the_others() -> None:
    made = caps.limits(ONE, 4096, {})
    assert made == {
        "NEBULAB_GPU_MEMORY_MB": "4096",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.2500",
        "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT": "0=4096M",
    }


def test_of_two_gpus_the_larger_one_counts_for_the_fraction() -> None:
    made = caps.limits(Look((T4, A100)), 4096, {})
    assert made["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.1000"
    assert made["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == "0=4096M,1=4096M"


def test_of_a_cut_gpu_the_slice_counts() -> None:
    part = MigSlice("A100 MIG 1g.5gb", "1g.5gb", "MIG-p", 4096 * MIB, 0)
    cut = Gpu(0, memory_total=40960 * MIB, mig=True, slices=(part,))
    assert caps.limits(Look((cut,)), 1024, {})["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.2500"


def test_a_share_as_large_as_the_gpu_is_no_cap() -> None:
    assert caps.limits(ONE, 16384, {}) == caps.limits(ONE, None, {})
    assert "for a process" not in caps.describe(seen(ONE), 16384)


def test_a_gpu_that_does_not_tell_its_size_is_capped_where_no_size_is_needed() -> None:
    made = caps.limits(Look((Gpu(0, name="GB10"),)), 4096, {})
    assert made["NEBULAB_GPU_MEMORY_MB"] == "4096"
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in made


def test_without_a_share_frameworks_still_leave_room_for_each_other() -> None:
    assert caps.limits(ONE, None, {}) == {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def test_the_destinations_own_choices_stay() -> None:
    inherited = {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", "XLA_CLIENT_MEM_FRACTION": ".5"}
    made = caps.limits(ONE, 4096, inherited)
    assert not made.keys() & {*inherited, "XLA_PYTHON_CLIENT_MEM_FRACTION"}


def test_the_share_reaches_the_kernels_though_the_job_has_it_too() -> None:
    assert caps.limits(ONE, 4096, {"NEBULAB_GPU_MEMORY_MB": "4096"})["NEBULAB_GPU_MEMORY_MB"] == "4096"


def test_kernels_are_told_the_gpus_names() -> None:
    assert caps.variables(seen(ONE), None, {})["NEBULAB_GPUS"] == "T4, 16.0 GiB"
    assert caps.variables(seen(Look(trouble=Trouble.NO_LIBRARY)), None, {}) == {}


def test_without_a_gpu_nothing_is_set() -> None:
    assert caps.limits(Look(trouble=Trouble.NO_LIBRARY), 4096, {}) == {}


def test_frameworks_are_kept_off_a_gpu_that_can_not_be_used() -> None:
    made = caps.fallback(seen(Look(trouble=Trouble.MISMATCH), MISMATCH))
    assert made == {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu", "NUMBA_DISABLE_CUDA": "1"}


def test_nothing_is_taken_away_where_one_gpu_works_or_none_is_there() -> None:
    lost = Finding(Cause.LOST, "GPU 1 does not answer.", "Reset it.")
    assert caps.fallback(seen(Look((T4, Gpu(1, trouble=Trouble.LOST))), lost)) == {}
    none = Finding(Cause.NO_GPU, "No NVIDIA GPU.")
    assert caps.fallback(seen(Look(trouble=Trouble.NO_LIBRARY), none)) == {}


def test_the_log_says_which_gpus_there_are_and_what_a_process_may_take() -> None:
    assert caps.describe(seen(ONE), None) == "GPU: T4, 16.0 GiB; driver 580.65.06, CUDA 13.0"
    assert caps.describe(seen(ONE), 15360).endswith("; 15 GiB of each for a process")


@pytest.mark.parametrize(
    ("finding", "said"),
    [
        (MISMATCH, "GPU: The driver was updated. Reboot. Computing on the CPU."),
        (Finding(Cause.NO_GPU, "No NVIDIA GPU.", "…"), "GPU: none; computing on the CPU"),
        (Finding(Cause.HIDDEN, "It is hidden.", "…"), "GPU: none (It is hidden); computing on the CPU"),
    ],
)
def test_the_log_says_why_there_is_none(finding: Finding, said: str) -> None:
    assert caps.describe(seen(Look(), finding), None) == said


@pytest.mark.parametrize(("text", "limit"), [("4096", 4096 * MIB), ("", None), ("0", None), ("lots", None)])
def test_the_predictors_share(text: str, limit: int | None) -> None:
    assert caps.limit_bytes({"NEBULAB_GPU_MEMORY_MB": text}) == limit
    options = caps.onnxruntime_options({"NEBULAB_GPU_MEMORY_MB": text})
    assert options.get("gpu_mem_limit") == (None if limit is None else str(limit))


# No machine without a GPU can show a framework at its limit: these stand in for the calls that frameworks offer.
TENSORFLOW = """
    class _Config:
        class experimental:
            @staticmethod
            def set_memory_growth(device, enable): print("growth of", device)
        LogicalDeviceConfiguration = dict
        @staticmethod
        def list_physical_devices(kind): return {devices}
        @staticmethod
        def set_logical_device_configuration(device, parts): print(device, parts)
    config = _Config
"""
TORCH = """
    class cuda:
        started = []
        _lazy_call = started.append
        device_count = staticmethod(lambda: 2)
        @staticmethod
        def get_device_properties(device):
            class properties: total_memory = (8192 << 20, 2048 << 20)[device]
            return properties
        @staticmethod
        def set_per_process_memory_fraction(fraction, device): print(device, fraction)
        @staticmethod
        def init():
            for call in cuda.started: call()
"""


def run(folder: Path, code: str, modules: dict[str, str], **variables: str) -> tuple[str, str]:
    """Run `code` in a Python that loads the start-up first, as those of a session do."""
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    environment = os.environ | {"PYTHONPATH": str(folder), "NEBULAB_GPU_MEMORY_MB": "4096"} | variables
    command = [sys.executable, "-W", "error", "-c", f"import nebulab.accelerators.startup\n{code}"]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout, finished.stderr


def test_tensorflow_gets_one_logical_device_of_the_size(tmp_path: Path) -> None:
    modules = {"tensorflow": TENSORFLOW.format(devices=["GPU:0", "GPU:1"])}
    out, _ = run(tmp_path, "import tensorflow", modules)
    assert out.splitlines() == ["GPU:0 [{'memory_limit': 4096}]", "GPU:1 [{'memory_limit': 4096}]"]


def test_a_notebook_that_asks_tensorflow_for_growth_goes_on(tmp_path: Path) -> None:
    """TensorFlow refuses growth on a device that has a limit; it has it on already."""
    modules = {"tensorflow": TENSORFLOW.format(devices=["GPU:0"])}
    code = "import tensorflow as tf; tf.config.experimental.set_memory_growth('GPU:0', True)"
    assert "growth" not in run(tmp_path, code, modules)[0]
    code = "import tensorflow as tf; tf.config.experimental.set_memory_growth('other', True)"
    assert "growth of other" in run(tmp_path, code, modules)[0]


def test_pytorchs_fraction_is_set_when_cuda_starts_and_not_before(tmp_path: Path) -> None:
    out, _ = run(tmp_path, "import torch; print('imported'); torch.cuda.init()", {"torch": TORCH})
    assert out.splitlines() == ["imported", "0 0.5", "1 1.0"]


def test_looking_for_a_framework_is_no_import(tmp_path: Path) -> None:
    code = "import importlib.util; importlib.util.find_spec('torch'); print('looked')\nimport torch; torch.cuda.init()"
    assert run(tmp_path, code, {"torch": TORCH})[0].splitlines() == ["looked", "0 0.5", "1 1.0"]


def test_a_framework_that_changed_is_left_as_it_is(tmp_path: Path) -> None:
    out, err = run(tmp_path, "import torch; print(torch.cuda)", {"torch": "cuda = 'another'"})
    assert out.strip() == "another"
    assert "could not limit the GPU memory of torch" in err


def test_one_that_does_not_import_raises_its_own_error(tmp_path: Path) -> None:
    code = "try:\n import torch\nexcept ImportError as error: print(error)\n"
    code += "try:\n import tensorflow\nexcept ImportError as error: print(error)"
    out, err = run(tmp_path, code, {"torch": "raise ImportError('libtorch is broken')"})
    assert out.splitlines() == ["libtorch is broken", "No module named 'tensorflow'"]
    assert err == ""


@pytest.mark.parametrize("value", ["", "lots"])
def test_without_a_share_nothing_is_done(tmp_path: Path, value: str) -> None:
    code = "import sys; print([type(one).__module__ for one in sys.meta_path if 'nebulab' in type(one).__module__])"
    assert run(tmp_path, code, {}, NEBULAB_GPU_MEMORY_MB=value)[0].strip() == "[]"
