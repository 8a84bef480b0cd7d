"""Without a session `python3` is the kernel of the kernels' environment, not the bare one beside Jupyter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nebulab import contract
from nebulab.notebooks.kernels import KernelSpecs
from support import kernelspec


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "kernels" / "share" / "jupyter" / "kernels" / "python3"
    folder.mkdir(parents=True)
    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    return tmp_path / "kernels"


def test_the_kernel_of_the_named_environment_comes_first(
    tmp_path: Path, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernelspec.provide(tmp_path / "jupyter", monkeypatch)
    bare = KernelSpecs().get_kernel_spec("python3").argv
    monkeypatch.setenv(contract.KERNELS, str(environment))
    spec = KernelSpecs().get_all_specs()["python3"]["spec"]
    assert spec["argv"] == [str(environment / "bin" / "python"), *bare[1:], "--ext", "nebulab.kernel"]
    # Jupyter puts its own Python in place of the word `python` alone.
    assert spec["argv"][0] != "python"


def test_an_environment_without_a_kernel_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec.provide(tmp_path / "jupyter", monkeypatch)
    known = KernelSpecs().get_all_specs()
    monkeypatch.setenv(contract.KERNELS, str(tmp_path))
    assert KernelSpecs().get_all_specs() == known
