"""Each framework's view, asked in a process of its own.

The frameworks themselves are asked in tests/system/test_accelerators.py; here small modules stand in for what can't be
shown without a GPU or at will: a framework that sees one, one that crashes, one that hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nebulab.accelerators import frameworks
from nebulab.accelerators.frameworks import View
from support.nvml import TORCH

Environment = Callable[..., Path]


def ask(name: str, python: Path, seconds: float = 30) -> View:
    return frameworks.view(name, python, seconds=seconds)


def test_a_framework_that_sees_a_gpu_computes_on_it(environment: Environment) -> None:
    seen = ask("torch", environment("torch", TORCH.format(gpus=2, device="cuda", error="")))
    assert (seen.version, seen.cuda, seen.cuda_build, seen.gpus) == ("9.8.7", "12.8", True, 2)
    assert (seen.works, seen.device, seen.error, seen.title) == (True, "GPU", "", "PyTorch")


def test_a_framework_that_sees_none_says_why(environment: Environment) -> None:
    seen = ask("torch", environment("torch", TORCH.format(gpus=0, device="cpu", error="")))
    assert (seen.works, seen.gpus) == (False, 0)
    assert seen.error == "RuntimeError: The NVIDIA driver on your system is too old"


def test_a_wrong_result_is_no_success(environment: Environment) -> None:
    seen = ask("torch", environment("torch", TORCH.format(gpus=1, device="cuda", error="+ 1")))
    assert not seen.works
    assert "262145" in seen.error


def test_a_crash_is_told_with_its_signal_and_last_words(environment: Environment) -> None:
    code = "import os, signal, sys; sys.stderr.write('cuInit failed'); sys.stderr.flush(); os.kill(os.getpid(), 11)"
    seen = ask("jax", environment("jax", code))
    assert seen.error == "it crashed with signal 11 (SIGSEGV)"
    assert seen.said == "cuInit failed"


def test_an_exit_within_an_import_is_told(environment: Environment) -> None:
    assert ask("jax", environment("jax", "raise SystemExit('no')")).error == "SystemExit: no"


def test_one_that_hangs_is_ended_with_what_it_started(environment: Environment, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"""
        import pathlib, subprocess, time
        child = subprocess.Popen(["sleep", "600"])
        pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))
        time.sleep(600)
    """
    began = time.monotonic()
    seen = ask("tensorflow", environment("tensorflow", code), seconds=2)
    assert time.monotonic() - began < 10
    assert seen.error == "no answer within 2 s"
    stat = Path(f"/proc/{pid_file.read_text()}/stat")
    # It was sent SIGKILL; on a busy machine it may still be on its way out.
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() - began < 20
        time.sleep(0.02)


def test_what_is_not_installed_is_said_so(environment: Environment) -> None:
    python = environment("unrelated", "")
    for name in frameworks.FRAMEWORKS:
        seen = ask(name, python)
        assert (seen.installed, seen.works, seen.error) == (False, False, "")


def test_a_module_of_the_working_folder_is_no_framework(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('the notebook folder was imported')")
    monkeypatch.chdir(tmp_path)
    assert not ask("torch", environment("unrelated", "")).installed


def test_a_python_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "does not start" in ask("torch", tmp_path / "python").error
