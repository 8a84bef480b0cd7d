"""The layer over the kernels' environment: packages go in it, shadow what lies below, and nothing below changes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import nebulab
from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.session.kernels import overlay
from support.layers import run, shared_environment, wheel

BASE = Path(sys.prefix)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A shared environment of its own, with pip and one package."""
    return shared_environment(tmp_path)


def files(folder: Path) -> dict[str, int]:
    found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts and not path.is_dir())
    return {str(path): path.lstat().st_mtime_ns for path in found}


def test_a_layer_is_a_few_small_files(tmp_path: Path) -> None:
    """A copy of the environment, or Python's own venv, would take a session's start seconds."""
    overlay.kernelspec(tmp_path / "specs", overlay.create(tmp_path / "layer", BASE))
    made = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(made) < 20
    assert sum(path.stat().st_size for path in made) < 20_000


def test_shared_packages_are_there_and_the_layer_is_the_prefix(tmp_path: Path) -> None:
    python = overlay.create(tmp_path / "layer", BASE)
    seen = run(python, "-c", "import sys, nebulab, aiohttp; print(sys.prefix, sys.executable, aiohttp.__file__)")
    prefix, executable, package = seen.split()
    assert prefix == str(tmp_path / "layer")
    assert executable == str(python)
    assert package.startswith(str(BASE))
    assert overlay.create(tmp_path / "layer", BASE) == python


def test_an_installed_package_shadows_the_shared_one_and_leaves_it_alone(tmp_path: Path, base: Path) -> None:
    python = overlay.create(tmp_path / "layer", base)
    say = "import shared_thing; print(shared_thing.VERSION)"
    assert run(python, "-c", say) == "1.0"
    before = files(base)
    newer = wheel(tmp_path, "shared_thing", "2.0")
    run(python, "-m", "pip", "install", "--no-index", "--quiet", str(newer))
    assert run(python, "-c", say) == "2.0"
    assert run(tmp_path / "layer/bin/shared_thing-say") == "2.0"
    assert run(base / "bin/python", "-c", say) == "1.0"
    run(tmp_path / "layer/bin/pip", "uninstall", "--yes", "--quiet", "shared_thing")
    assert run(python, "-c", say) == "1.0"
    run(python, "-m", "pip", "uninstall", "--yes", "--quiet", "shared_thing")
    assert run(python, "-c", say) == "1.0"
    assert files(base) == before


def test_a_folder_that_is_no_environment_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Python environment"):
        overlay.create(tmp_path / "layer", tmp_path)


def test_the_kernelspec_is_the_shared_ones_with_the_layers_python(tmp_path: Path, base: Path) -> None:
    shared = base / "share/jupyter/kernels/python3/kernel.json"
    shared.parent.mkdir(parents=True)
    shared.write_text(
        json.dumps(
            {"argv": ["python", "-m", "k", "{connection_file}"], "metadata": {"supported_encryption": ["curve"]}}
        )
    )
    python = overlay.create(tmp_path / "layer", base)
    spec = json.loads((overlay.kernelspec(tmp_path, python) / "kernels/python3/kernel.json").read_text())
    assert spec["argv"] == [str(python), "-m", "k", "{connection_file}", "--ext", "nebulab.kernel"]
    assert spec["metadata"] == {"supported_encryption": ["curve"]}


def test_the_kernelspec_starts_the_layers_python_with_our_extension(tmp_path: Path) -> None:
    path = overlay.kernelspec(tmp_path, Path("/x/bin/python"))
    spec = json.loads((path / "kernels/python3/kernel.json").read_text())
    assert spec["argv"][0] == "/x/bin/python"
    assert spec["argv"][-2:] == ["--ext", "nebulab.kernel"]
    assert "{connection_file}" in spec["argv"]
    assert spec["display_name"] == "Python 3 (AI)"


def test_every_python_of_the_layer_keeps_to_its_share_of_the_gpus_memory(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = next(base.glob("lib/python3.*/site-packages"))
    (packages / "checkout.pth").write_text(str(Path(nebulab.__file__).parents[1]))
    python = overlay.create(tmp_path / "layer", base)
    code = "import sys; print('nebulab.accelerators.startup' in sys.modules)"
    assert run(python, "-c", code) == "False"
    monkeypatch.setenv("NEBULAB_GPU_MEMORY_MB", "4096")
    assert run(python, "-c", code) == "True"


def test_a_shared_environment_without_nebulab_starts_all_the_same(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEBULAB_GPU_MEMORY_MB", "4096")
    python = overlay.create(tmp_path / "layer", base)
    finished = subprocess.run([python, "-c", "print('here')"], capture_output=True, text=True, timeout=60)
    assert (finished.stdout, finished.stderr) == ("here\n", "")


@pytest.mark.parametrize("name", ["conda", "mamba"])
def test_conda_says_what_to_type_in_its_place(tmp_path: Path, name: str) -> None:
    overlay.create(tmp_path / "layer", BASE)
    path = f"{tmp_path}/layer/bin:/usr/bin:/bin"
    command = ["/bin/sh", "-c", f"{name} install -y seaborn"]
    finished = subprocess.run(command, capture_output=True, text=True, env={"PATH": path})
    assert finished.returncode == 127
    assert finished.stderr.startswith(f"There is no {name} here. Python packages: %pip install NAME")


def test_a_conda_of_the_machine_is_used(tmp_path: Path) -> None:
    overlay.create(tmp_path / "layer", BASE)
    machine = tmp_path / "a machine" / "bin"
    machine.mkdir(parents=True)
    (machine / "conda").write_text('#!/bin/sh\necho "real $*"\n')
    (machine / "conda").chmod(0o755)
    path = f"{tmp_path}/layer/bin:{machine}:/usr/bin:/bin"
    finished = subprocess.run(["conda", "list", "a b"], capture_output=True, text=True, env={"PATH": path})
    assert finished.stdout == "real list a b\n"


def test_where_keras_2_is_there_a_second_kernel_has_it(tmp_path: Path, base: Path) -> None:
    """It differs in its name and a variable alone: encrypted, debugged and forked like the first."""
    shared = base / "share/jupyter/kernels/python3/kernel.json"
    shared.parent.mkdir(parents=True)
    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    shared.write_text(json.dumps({"argv": argv, "metadata": {"supported_encryption": "curve"}}))
    python = overlay.create(tmp_path / "layer", base)
    without = overlay.kernelspec(tmp_path / "without", python) / "kernels"
    assert [path.name for path in without.iterdir()] == ["python3"]
    (overlay.packages(base) / "tf_keras").mkdir()
    folder = overlay.kernelspec(tmp_path / "with", python) / "kernels"
    first, second = (json.loads((folder / name / "kernel.json").read_text()) for name in ("python3", contract.KERAS2))
    assert second.pop("env") == {"TF_USE_LEGACY_KERAS": "1"}
    assert second.pop("display_name") == "Python 3 (Keras 2)"
    first.pop("display_name")
    assert second == first
