"""Which GPUs a Lab gets, and what its person is told where a container gets none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.accelerators.diagnosis import Seen, examine
from nebulab.accelerators.gpus import Gpu, Look, Trouble
from nebulab.accelerators.machine import Machine
from nebulab.containers.engine import Engine
from nebulab.errors import SettingsError
from nebulab.laptop import gpus

PODMAN = Engine("podman")
NOTHING = examine(Look(trouble=Trouble.NO_LIBRARY), Machine())


def seen(driver: str = "580.65.06") -> Seen:
    return examine(Look((Gpu(0, "RTX", "GPU-1", 8 * 2**30, 0),), driver, "13.0"), Machine(nodes=("nvidia0",)))


@pytest.fixture
def cdi(tmp_path: Path) -> Path:
    """A folder as the toolkit fills it."""
    (tmp_path / "nvidia.yaml").write_text("cdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: []\n")
    return tmp_path


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, runtimes: str) -> Engine:
    monkeypatch.setenv("PATH", str(folder))
    (folder / "docker").write_text(f"#!/bin/sh\necho '{runtimes}'\n")
    (folder / "docker").chmod(0o755)
    return Engine("docker")


def test_a_machine_without_one_gets_the_cpu_and_hears_nothing() -> None:
    assert gpus.choose("auto", NOTHING, PODMAN) == gpus.Choice(False)
    with pytest.raises(SettingsError, match="No GPU can be used"):
        gpus.choose("all", NOTHING, PODMAN)


def test_podman_gets_it_where_the_toolkit_listed_it(cdi: Path) -> None:
    choice = gpus.choose("auto", seen(), PODMAN, [cdi])
    assert choice.options == ("--device", "nvidia.com/gpu=all")
    assert choice.variants[0] == "cuda12"


def test_without_the_toolkit_the_remedy_is_told(tmp_path: Path) -> None:
    choice = gpus.choose("auto", seen(), PODMAN, [tmp_path, tmp_path / "absent"])
    assert not choice.with_gpus
    assert choice.variants == ("cpu",)
    assert "RTX" in choice.warnings[-1]
    assert "nvidia-ctk cdi generate" in choice.warnings[-1]
    assert "--no-container" in choice.warnings[-1]
    with pytest.raises(SettingsError, match="can't be handed") as caught:
        gpus.choose("all", seen(), PODMAN, [tmp_path])
    assert "nvidia-container-toolkit" in caught.value.hint


def test_docker_has_options_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_runtime = docker(tmp_path, monkeypatch, '{"nvidia":{},"runc":{}}')
    assert gpus.choose("auto", seen(), with_runtime, []).options == ("--gpus", "all")
    without = docker(tmp_path, monkeypatch, '{"runc":{}}')
    assert "restart Docker" in gpus.choose("auto", seen(), without, []).warnings[-1]
    (tmp_path / "nvidia-container-runtime-hook").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-container-runtime-hook").chmod(0o755)
    assert gpus.choose("auto", seen(), without, []).with_gpus


def test_without_a_container_the_lab_sees_what_is_there() -> None:
    assert gpus.choose("auto", seen(), None) == gpus.Choice(True)


def test_none_means_none_also_where_every_container_gets_one(cdi: Path) -> None:
    choice = gpus.choose("none", seen(), PODMAN, [cdi])
    assert (choice.with_gpus, choice.options) == (False, ("--env", "NVIDIA_VISIBLE_DEVICES=void"))


@pytest.mark.parametrize(
    ("driver", "variants"),
    [
        ("580.65.06", ("cuda12", "torch-jax-cuda13", "tensorflow-cuda12")),
        ("550.10", ("cuda12", "tensorflow-cuda12")),
        ("470.57.02", ("cpu",)),
    ],
)
def test_the_image_fits_the_driver(driver: str, variants: tuple[str, ...], cdi: Path) -> None:
    choice = gpus.choose("auto", seen(driver), PODMAN, [cdi])
    assert choice.variants == variants
    assert any("too old" in warning for warning in choice.warnings) is (variants == ("cpu",))


def test_a_gpu_in_trouble_is_told_and_not_waited_for() -> None:
    broken = examine(Look(trouble=Trouble.MISMATCH, reason="versions differ"), Machine(module="580.1", cards=1))
    choice = gpus.choose("auto", broken, PODMAN)
    assert not choice.with_gpus
    assert choice.warnings
