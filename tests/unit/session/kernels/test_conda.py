"""Kernels of conda environments: offered beside the session's own, started as if activated, harmless when broken."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import KernelManager
from traitlets.config import Config

from nebulab.session.kernels import conda
from nebulab.session.kernels.kernelspecs import KernelSpecs
from nebulab.session.lab import config as lab_config


def environment(root: Path, name: str) -> Path:
    """Lay out an environment as conda's programs do, with the Python that runs this in place of its own."""
    folder = root / "envs" / name
    for part in ("bin", "conda-meta", "share/jupyter/kernels/python3"):
        (folder / part).mkdir(parents=True)
    for package, version in (("python", "3.12.1"), ("ipykernel", "7.0")):
        record = folder / "conda-meta" / f"{package}-{version}-0.json"
        record.write_text(json.dumps({"name": package, "version": version, "build": "0", "files": []}))
    launcher = folder / "bin" / "python"
    launcher.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    launcher.chmod(0o755)
    spec = {"argv": [str(launcher), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": "python"}
    (folder / "share/jupyter/kernels/python3/kernel.json").write_text(
        json.dumps(spec | {"display_name": "Python 3 (ipykernel)"})
    )
    return folder


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAMBA_ROOT_PREFIX", str(tmp_path))
    return tmp_path


@pytest.fixture
def manager(root: Path, monkeypatch: pytest.MonkeyPatch) -> KernelSpecs:
    """The manager as a session's JupyterLab has it, with the session's own kernel."""
    monkeypatch.setenv(lab_config.TOKEN_FILE, str(root / "token"))
    (root / "token").write_text("secret")
    config = Config()
    lab_config.configure(config)
    assert config.ServerApp.kernel_spec_manager_class == f"{KernelSpecs.__module__}.{KernelSpecs.__name__}"
    own = root / "own" / "kernels"
    for name in ("python3", "of-the-machine"):
        (own / name).mkdir(parents=True)
        (own / name / "kernel.json").write_text(json.dumps({"argv": ["python"], "display_name": "Python 3 (AI)"}))
    return KernelSpecs(config=config, kernel_dirs=[str(own)])


def test_an_environments_kernel_is_offered_beside_the_sessions_own(manager: KernelSpecs, root: Path) -> None:
    assert set(manager.get_all_specs()) == {"python3"}
    environment(root, "R and Python")
    found = manager.get_all_specs()
    assert set(found) == {"python3", "conda-r-and-python"}
    assert found["python3"]["spec"]["display_name"] == "Python 3 (AI)"
    assert found["conda-r-and-python"]["spec"]["display_name"] == "Python 3 (ipykernel) [R and Python]"
    with pytest.raises(NoSuchKernel):
        manager.get_kernel_spec("conda-other")


def test_a_broken_environment_takes_no_other_kernel_away(manager: KernelSpecs, root: Path) -> None:
    environment(root, "whole")
    spec = environment(root, "broken") / "share/jupyter/kernels/python3/kernel.json"
    for content in ("{", "[]", "{}", json.dumps({"argv": []})):
        spec.write_text(content)
        assert {"python3", "conda-whole"} <= set(manager.get_all_specs()), content
    spec.unlink()
    spec.mkdir()
    assert set(manager.get_all_specs()) >= {"python3", "conda-whole"}
    (root / "envs" / "loop").symlink_to(root / "envs" / "loop")
    assert set(manager.get_all_specs()) >= {"python3", "conda-whole"}


def test_its_kernel_starts_as_if_the_environment_were_activated(
    manager: KernelSpecs, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = environment(root, "mine")
    monkeypatch.setenv("VIRTUAL_ENV", "/a/session's/layer")
    kernel = KernelManager(kernel_name="conda-mine", kernel_spec_manager=manager)
    kernel.start_kernel(cwd=str(root))
    client = kernel.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        code = (
            "import os; open('seen', 'w').write(repr([os.environ[n] for n in ('CONDA_PREFIX', 'VIRTUAL_ENV', 'PATH')]))"
        )
        client.execute_interactive(code, timeout=60)
        prefix, layer, path = eval((root / "seen").read_text())
        assert (prefix, layer) == (str(folder), "")
        assert path.split(os.pathsep)[0] == str(folder / "bin")
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
        kernel.context.destroy()


def test_an_environment_is_listed_with_its_python(root: Path) -> None:
    environment(root, "mine")
    (root / "envs" / "mine" / "conda-meta" / "half.json").write_text("{")
    (found,) = conda.environments(root)
    assert found.packages() == {"python": "3.12.1", "ipykernel": "7.0"}
