"""Frameworks are chosen by name, for the GPU that is there or for processors, and the choice is remembered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nebulab import contract
from nebulab.accelerators.nvml import has_library
from nebulab.cli import cli
from nebulab.errors import SettingsError
from nebulab.stack import environments, frameworks
from nebulab.stack.settings import StackSettings, read_settings
from support import nvml
from support.stack import ROOT

UP = "./nebulab up"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("torch", ("torch",)),
        ("tensorflow, torch", ("torch", "tensorflow")),
        ("JAX,jax", ("jax",)),
        ("all", ("torch", "jax", "tensorflow")),
        ("none", ()),
    ],
)
def test_a_list_names_frameworks(text: str, names: tuple[str, ...]) -> None:
    assert frameworks.parse(text) == names
    assert read_settings({"frameworks": text}, {}).frameworks == names


@pytest.mark.parametrize("text", ["pytorch", "torch,pytorch", "torch;jax", "", ",", "all,torch", "none,jax"])
def test_another_name_is_refused_with_those_that_there_are(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"frameworks": text}, {})
    assert refused.value.hint == "Choose from torch, jax, tensorflow, with commas between them; or `all`, or `none`."


def test_the_command_refuses_before_it_does_anything(tmp_path: Path) -> None:
    said = CliRunner().invoke(cli, ["up", "--data-dir", str(tmp_path / "data"), "--frameworks", "pytorch"])
    assert isinstance(said.exception, SettingsError)
    assert said.exception.message == "Unknown framework 'pytorch'."
    assert not (tmp_path / "data").exists()


def test_the_help_names_them() -> None:
    said = CliRunner().invoke(cli, ["up", "--help"]).output
    assert all(name in said.partition("--frameworks LIST")[2] for name in (*frameworks.TITLES, "all", "none"))


@pytest.mark.parametrize(
    ("names", "cuda", "packages"),
    [
        ("none", None, "processors"),
        ("none", 13, "processors"),
        ("jax", None, "processors"),
        ("torch", None, "torch-processors"),
        ("all", None, "torch-processors"),
        ("all", 11, "torch-processors"),
        ("torch", 13, "torch-jax-cuda13"),
        ("torch,jax", 13, "torch-jax-cuda13"),
        ("jax", 12, "cuda12"),
        ("tensorflow", 13, "tensorflow-cuda12"),
        ("all", 13, "cuda12"),
    ],
)
def test_the_smallest_set_with_all_of_them_is_taken(names: str, cuda: int | None, packages: str) -> None:
    choice = frameworks.choose(frameworks.parse(names), cuda)
    assert choice.packages.name == packages
    assert set(choice.frameworks) <= set(choice.packages.frameworks)


@pytest.mark.parametrize("packages", frameworks.SETS.values(), ids=frameworks.SETS)
def test_a_set_s_locks_have_its_frameworks_and_no_others(packages: frameworks.FrameworkSet) -> None:
    locks = "\n".join((ROOT / "requirements" / name).read_text() for name in packages.locks)
    there = {line.partition("==")[0].removesuffix("-cpu") for line in locks.splitlines() if line[:1].isalnum()}
    assert there & set(frameworks.TITLES) == set(packages.frameworks)


def test_what_pytorch_needs_stands_in_the_ordinary_lock() -> None:
    """Its lock for processors is one package, without what it needs."""
    lock = (ROOT / "requirements" / "kernels.txt").read_text()
    for name in ("filelock", "fsspec", "jinja2", "networkx", "sympy", "typing-extensions"):
        assert f"\n{name}==" in lock


def test_the_choice_is_remembered_and_given_up(tmp_path: Path) -> None:
    assert frameworks.remembered(tmp_path) == frameworks.Choice((), frameworks.BASE)
    for names, cuda in (("torch", None), ("torch", 13), ("jax", None), ("all", 12)):
        choice = frameworks.choose(frameworks.parse(names), cuda)
        frameworks.remember(tmp_path, choice)
        assert frameworks.remembered(tmp_path) == choice
    frameworks.remember(tmp_path, frameworks.choose((), None))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"set": "of another version", "frameworks": ["torch"]}'])
def test_a_choice_that_nobody_can_read_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "kernels.json").write_text(content)
    assert frameworks.remembered(tmp_path) == frameworks.Choice((), frameworks.BASE)


def test_a_plain_start_keeps_the_choice_and_another_process_hears_of_it(tmp_path: Path) -> None:
    settings = read_settings({"data_dir": tmp_path, "frameworks": "torch"}, {})
    assert StackSettings.from_json(settings.to_json()) == settings
    assert read_settings({"data_dir": tmp_path}, {}).frameworks is None


def test_gpus_are_asked_for_their_cuda() -> None:
    """The stand-in for NVIDIA's library has two GPUs, and none where it is not."""
    code = "from nebulab.stack import environments; print(environments.newest_cuda())"
    shown = nvml.variables(gpus=2)
    said = subprocess.run([sys.executable, "-c", code], env=os.environ | shown, capture_output=True, text=True)
    assert said.stdout.strip() == "13", said.stderr
    if not has_library():
        assert environments.newest_cuda() is None


def environment_with(folder: Path, packages: str, *distributions: str) -> Path:
    for distribution in distributions:
        (folder / "lib" / "python3.11" / "site-packages" / f"{distribution}.dist-info").mkdir(parents=True)
    (folder / contract.ENVIRONMENT_STAMP).write_text(f'{{"set": "{packages}"}}')
    return folder


def test_what_is_there_is_told_with_the_way_to_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frameworks, "has_library", lambda: False)
    base = environment_with(tmp_path / "a", "processors", "jax-0.10.2", "jaxlib-0.10.2", "tensorflow_cpu-2.21.0")
    assert frameworks.described(base, UP) == (
        "JAX 0.10.2, TensorFlow 2.21.0 (for processors). PyTorch: ./nebulab up --frameworks torch"
    )
    full = environment_with(tmp_path / "b", "cuda12", "jax-0.10.2", "torch-2.10.0", "tensorflow-2.20.0")
    assert frameworks.described(full, UP).startswith("PyTorch 2.10.0, JAX 0.10.2, TensorFlow 2.20.0 (for CUDA 12")
    assert "./nebulab" not in frameworks.described(full, UP)
    monkeypatch.setattr(frameworks, "has_library", lambda: True)
    assert frameworks.described(base, UP).endswith("PyTorch, builds for GPUs: ./nebulab up --frameworks all")
    bare = environment_with(tmp_path / "c", "torch-jax-cuda13", "jax-0.10.2", "torch-2.15.0")
    assert frameworks.described(bare, UP).endswith("(for CUDA 13). TensorFlow: ./nebulab up --frameworks all")
    assert frameworks.described(tmp_path / "nowhere", UP).startswith("none. PyTorch, JAX, TensorFlow")
