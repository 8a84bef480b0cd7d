"""GPUs through NVML, with a stand-in for the driver's library, in the states that a machine can be in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nebulab.accelerators import asking
from nebulab.accelerators.gpus import ComputeMode, Gpu, Look, MigSlice, Trouble, show
from support import nvml

Ask = Callable[..., Look]
MIB = 2**20


def in_process(code: str, **state: object) -> str:
    """Run `code` where the stand-in is the driver's library, and return what it printed."""
    environment = dict(os.environ) | nvml.variables(**state)
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=environment, capture_output=True, text=True, timeout=30
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_gpu_tells_everything(look: Ask) -> None:
    seen = look(gpus=2, memory_mb=15360, used_mb=1000, percent=63, processes=3, driver="550.54.14", cuda=12040)
    assert (seen.driver, seen.cuda, seen.trouble) == ("550.54.14", "12.4", None)
    assert [gpu.index for gpu in seen.usable] == [0, 1]
    first = seen.gpus[0]
    assert (first.name, first.uuid) == ("Stand-in T4", "GPU-00000000-0000-0000-0000-000000000000")
    assert (first.memory_total, first.memory_used) == (15360 * MIB, 1000 * MIB)
    assert (first.percent, first.celsius, first.watts, first.processes) == (63, 55, 45.5, 3)
    assert seen.names == "Stand-in T4, 15.0 GiB; Stand-in T4, 15.0 GiB"


def test_what_a_card_does_not_tell_is_left_open(look: Ask) -> None:
    (gpu,) = look(silent_card=1).gpus
    assert (gpu.memory_total, gpu.percent, gpu.celsius, gpu.watts) == (None, None, None, None)
    assert gpu.usable
    assert look(silent_card=1).names == "Stand-in T4"


def test_slices_have_a_profile_and_memory_of_their_own(look: Ask) -> None:
    seen = look(name="Stand-in A100", mig="1g.5gb:4864,2g.10gb:9728")
    (gpu,) = seen.gpus
    assert gpu.mig
    assert [(part.profile, part.memory_total) for part in gpu.slices] == [
        ("1g.5gb", 4864 * MIB),
        ("2g.10gb", 9728 * MIB),
    ]
    assert seen.names == "Stand-in A100 MIG 1g.5gb, 4.8 GiB; Stand-in A100 MIG 2g.10gb, 9.5 GiB"


def test_a_gpu_that_is_cut_and_has_no_slices_can_not_be_used(look: Ask) -> None:
    assert look(mig="").usable == ()


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        (18, Trouble.MISMATCH),
        (4, Trouble.NO_PERMISSION),
        (9, Trouble.NO_DRIVER),
        (15, Trouble.LOST),
        (10, Trouble.SILENT),
        (999, Trouble.OTHER),
    ],
)
def test_an_error_of_the_driver_is_told_apart(look: Ask, code: int, trouble: Trouble) -> None:
    seen = look(init=code)
    assert (seen.gpus, seen.trouble) == ((), trouble)
    assert seen.reason.startswith("NVML says: ")


def test_one_lost_gpu_does_not_hide_the_others(look: Ask) -> None:
    seen = look(gpus=3, broken="1:15,2:4")
    assert [gpu.trouble for gpu in seen.gpus] == [None, Trouble.LOST, Trouble.NO_PERMISSION]
    assert [gpu.index for gpu in seen.usable] == [0]


def test_a_closed_gpu_is_not_usable(look: Ask) -> None:
    assert look(mode=2).gpus[0].mode is ComputeMode.PROHIBITED
    assert look(mode=2).usable == ()
    assert look(mode=3).usable[0].mode is ComputeMode.ONE_PROCESS


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has NVIDIA's driver")
def test_without_the_library_the_reason_is_told_and_nothing_heavy_is_imported() -> None:
    code = "import sys; from nebulab.accelerators.nvml import Nvml; n = Nvml(); l = n.look(); "
    code += "print(l.trouble.name, '|', l.reason, '|', n.sample(), '|', 'pynvml' in sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert finished.stdout.strip() == "NO_LIBRARY | libnvidia-ml.so.1 is not on this machine | None | False"


def test_the_driver_is_opened_once_for_all_samples_and_let_go_at_the_end(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    code = "from nebulab.accelerators.nvml import Nvml; n = Nvml(); [n.sample() for _ in range(50)]; n.look()"
    in_process(code, calls=calls)
    assert calls.read_text() == "is"


def test_samples_are_live_and_cheap(tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    figures.write_text("100 10")
    code = f"""
import pathlib, time
from nebulab.accelerators.nvml import Nvml
nvml = Nvml()
print(nvml.sample())
pathlib.Path({str(figures)!r}).write_text("300 90")
print(nvml.sample())
began = time.perf_counter()
for _ in range(100): nvml.sample()
print(time.perf_counter() - began)
"""
    first, second, seconds = in_process(code, gpus=2, figures=figures).splitlines()
    assert first == f"Sample(percent=10, memory_used={200 * MIB}, memory_total={32768 * MIB})"
    assert second == f"Sample(percent=90, memory_used={600 * MIB}, memory_total={32768 * MIB})"
    assert float(seconds) / 100 < 0.005


def test_a_sample_counts_the_visible_slices_alone() -> None:
    code = "from nebulab.accelerators.nvml import Nvml\n"
    code += "print(Nvml({'CUDA_VISIBLE_DEVICES': 'MIG-00000000-0000-0000-0000-000000000001'}).sample())"
    said = in_process(code, mig="1g.5gb:4864,2g.10gb:9728", used_mb=500)
    assert said.strip() == f"Sample(percent=None, memory_used={500 * MIB}, memory_total={9728 * MIB})"


SLICES = tuple(MigSlice("s", "1g.5gb", f"MIG-{letter}", 1, 0) for letter in "pq")
GPUS = (Gpu(0, uuid="GPU-aa1"), Gpu(1, uuid="GPU-aa2"), Gpu(2, uuid="GPU-b", mig=True, slices=SLICES))


@pytest.mark.parametrize(
    ("choice", "shown"),
    [
        (None, ["GPU-aa1", "GPU-aa2", "MIG-p", "MIG-q"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", ["GPU-aa2"]),
        ("1,0", ["GPU-aa1", "GPU-aa2"]),
        ("0,7,1", ["GPU-aa1"]),
        ("0,-1,1", ["GPU-aa1"]),
        ("0,0", []),
        (" 0 , 1 ", ["GPU-aa1", "GPU-aa2"]),
        ("GPU-aa2", ["GPU-aa2"]),
        ("GPU-b", ["MIG-p", "MIG-q"]),
        ("GPU-a", []),
        ("GPU-unknown,0", []),
        ("MIG-q", ["MIG-q"]),
        ("MIG-q,0", ["GPU-aa1", "MIG-q"]),
    ],
)
def test_cuda_visible_devices_shows_what_cuda_would(choice: str | None, shown: list[str]) -> None:
    look = Look(show(GPUS, choice))
    assert [part.uuid for gpu in look.usable for part in gpu.parts] == shown


def test_hidden_gpus_are_listed_and_not_counted_as_usable(look: Ask) -> None:
    seen = look("1", gpus=3)
    assert [gpu.visible for gpu in seen.gpus] == [False, True, False]
    assert [gpu.index for gpu in seen.usable] == [1]


def test_a_look_survives_the_way_through_json(look: Ask) -> None:
    seen = look("0", gpus=2, mig="1g.5gb:4864", broken="1:15", mode=3)
    assert Look.from_json(json.loads(json.dumps(seen.to_json()))) == seen


def test_a_driver_that_hangs_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "has_library", lambda: True)
    began = time.monotonic()
    asked = asking.ask(dict(os.environ) | nvml.variables(hang=1))
    seen = asked.answer(1.5)
    assert time.monotonic() - began < 4
    assert (seen.trouble, seen.reason) == (Trouble.SILENT, "the driver did not answer within 1.5 s")


def test_the_answer_of_another_process_is_the_same(look: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "has_library", lambda: True)
    asked = asking.ask(
        {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"} | nvml.variables(gpus=2)
    )
    assert asked.answer() == look(gpus=2)
