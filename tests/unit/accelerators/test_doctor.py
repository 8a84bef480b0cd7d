"""`nebulab doctor --gpu` as a user calls it, on stand-in GPUs: what it shows, advises and returns."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nebulab.stack.doctor import gpus
from nebulab.stack.settings import read_settings
from support import nvml
from support.nvml import TORCH

Environment = Callable[[str, str], Path]


def doctor(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    return subprocess.run(
        [sys.executable, "-m", "nebulab", "doctor", *arguments],
        env=environment | {"COLUMNS": "200", "UV_OFFLINE": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def works(environment: Environment) -> str:
    """An environment whose PyTorch sees both GPUs."""
    return str(environment("torch", TORCH.format(gpus=2, device="cuda", error="")).parents[1])


@pytest.fixture(scope="module")
def fails(environment: Environment) -> str:
    """An environment whose PyTorch, built for CUDA 12.8, sees none."""
    return str(environment("torch", TORCH.format(gpus=0, device="cpu", error="")).parents[1])


def test_a_machine_where_all_is_well(works: str) -> None:
    said = doctor("--gpu", "--environment", works, **nvml.variables(gpus=2, percent=63))
    assert said.returncode == 0, said.stderr
    assert "Driver 580.65.06, for CUDA up to 13.0" in said.stdout
    assert said.stdout.count("2.0 of 16.0 GiB") == 2
    assert "63 %" in said.stdout
    (torch,) = [line for line in said.stdout.splitlines() if line.startswith("PyTorch")]
    assert torch.split() == ["PyTorch", "9.8.7", "CUDA", "12.8", "2", "GPUs", "GPU", "kept"]
    assert "Every framework that is installed uses the GPU." in said.stdout


def test_a_driver_too_old_for_a_framework(fails: str) -> None:
    said = doctor("--gpu", "--environment", fails, **nvml.variables(driver="470.256.02", cuda=11040))
    assert said.returncode == 1
    assert "PyTorch 9.8.7 is built for CUDA 12.8, and the driver 470.256.02 is too old for it." in said.stdout
    assert "install driver 525.60.13 or newer" in said.stdout
    assert "environment that is built for CUDA 11.4 or older" in said.stdout


def test_an_update_of_the_driver_before_the_reboot(works: str) -> None:
    said = doctor("--gpu", "--environment", works, **nvml.variables(init=18))
    assert said.returncode == 1
    assert "The driver was updated while it ran" in said.stdout
    assert "reboot" in said.stdout


def test_everything_as_json(works: str) -> None:
    said = doctor("--gpu", "--json", "--environment", works, **nvml.variables(gpus=2, broken="1:15", mig="1g.5gb:4864"))
    told = json.loads(said.stdout)
    assert (said.returncode, told["good"], told["driver"]) == (1, False, "580.65.06")
    assert told["gpus"][0]["slices"][0]["profile"] == "1g.5gb"
    assert told["gpus"][1]["trouble"] == "LOST"
    assert [(one["cause"], one["serious"]) for one in told["findings"]] == [("LOST", True)]
    torch = next(one for one in told["frameworks"] if one["title"] == "PyTorch")
    assert (torch["device"], torch["gpus"]) == ("GPU", 2)
    assert {cap["name"]: cap["enforced"] for cap in told["caps"]} == {
        "tensorflow": True,
        "torch": True,
        "jax": True,
        "onnxruntime": False,
        "xgboost": False,
    }


def test_hidden_gpus_are_shown_as_hidden_and_are_no_failure(works: str) -> None:
    said = doctor("--gpu", "--environment", works, **nvml.variables(gpus=2), CUDA_VISIBLE_DEVICES="")
    assert said.stdout.count("hidden by CUDA_VISIBLE_DEVICES") == 2
    assert "CUDA_VISIBLE_DEVICES hides 2 GPUs." in said.stdout
    assert said.returncode == 0


def test_without_an_installed_environment_the_gpus_are_shown_all_the_same(tmp_path: Path) -> None:
    said = doctor("--gpu", "--data-dir", str(tmp_path), **nvml.variables(), NEBULAB_ENVIRONMENTS=str(tmp_path))
    assert said.returncode == 0, said.stderr
    assert "Stand-in T4" in said.stdout
    assert "`nebulab up` does it" in said.stdout


def test_a_folder_that_is_no_environment_is_refused(tmp_path: Path) -> None:
    said = doctor("--gpu", "--environment", str(tmp_path))
    assert said.returncode == 2
    assert "is no Python environment" in said.stderr


@pytest.mark.parametrize(
    ("state", "good", "found"),
    [
        ({"gpus": 1}, True, "Stand-in T4, 16.0 GiB; driver 580.65.06"),
        ({"init": 4}, None, "This user may not use the GPU."),
    ],
)
def test_the_plain_doctor_says_whether_there_is_a_gpu(
    tmp_path: Path, state: dict[str, int], good: bool | None, found: str
) -> None:
    said = doctor("--json", "--data-dir", str(tmp_path), **nvml.variables(**state))
    (gpu,) = [check for check in json.loads(said.stdout) if check["name"] == "GPU and driver"]
    assert gpu["good"] is good
    assert found in gpu["found"]
    assert good or gpu["costs"]


def test_which_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was named; the stack's; in a session, which has no stack, the first `python` of PATH."""
    for name in ("named", "kernels", "overlay"):
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path / 'overlay' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    stack = read_settings({"data_dir": tmp_path}, {"NEBULAB_ENVIRONMENTS": str(tmp_path)})
    asked = [
        gpus.kernels_python(tmp_path / "named", stack),
        gpus.kernels_python(None, stack),
        gpus.kernels_python(None, None),
    ]
    assert asked == [tmp_path / name / "bin" / "python" for name in ("named", "kernels", "overlay")]
