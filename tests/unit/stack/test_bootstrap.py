"""`./nebulab` starts within a moment, and says what to type where it can't start."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.stack import ROOT

TOOLS = ("awk", "cat", "cksum", "dirname", "flock", "head", "id", "mkdir", "readlink", "rm", "tail")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A fresh checkout on a machine with nothing but the basic tools."""
    checkout, programs = tmp_path / "a checkout", tmp_path / "bin"
    (checkout / "requirements").mkdir(parents=True)
    shutil.copy(ROOT / "nebulab", checkout)
    shutil.copy(ROOT / "pyproject.toml", checkout)
    shutil.copy(ROOT / "requirements" / "nebulab.txt", checkout / "requirements")
    programs.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found:
            (programs / name).symlink_to(found)
    return tmp_path


def _program(bare: Path, name: str, script: str) -> None:
    path = bare / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _start(bare: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [bare / "a checkout" / "nebulab", "--version"],
        env={"PATH": str(bare / "bin")},
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_without_a_new_enough_python_it_says_what_to_install(bare: Path) -> None:
    _program(bare, "python3", "exit 1")
    finished = _start(bare)
    assert finished.returncode == 1
    assert "no Python 3.11 or newer" in finished.stderr
    assert "NEBULAB_PYTHON" in finished.stderr


def test_without_venv_and_pip_it_says_what_to_install(bare: Path) -> None:
    python = sys.executable
    _program(bare, "python3", f'case "$*" in *ensurepip*|"-m pip"*) exit 1;; esac; exec {python} "$@"')
    _program(bare, "apt-get", "exit 1")
    _program(bare, "sudo", "exit 1")
    finished = _start(bare)
    assert finished.returncode == 1
    assert "sudo apt-get install python3." in finished.stderr
    assert "uv could not" not in finished.stderr


def test_with_an_environment_it_only_runs_it(bare: Path) -> None:
    checkout = bare / "a checkout"
    _program(bare, "python3", "echo python was asked for; exit 1")
    venv = checkout / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "nebulab").write_text('#!/bin/sh\necho "ran with $*"\n')
    (venv / "nebulab").chmod(0o755)
    sums = [
        subprocess.run(["cksum"], input=path.read_bytes(), capture_output=True, check=True).stdout.decode()
        for path in (checkout / "requirements" / "nebulab.txt", checkout / "pyproject.toml")
    ]
    (checkout / ".venv" / "nebulab-stamp").write_text(f"{checkout}\n{''.join(sums)}")
    assert _start(bare).stdout == "ran with --version\n"
    (checkout / "pyproject.toml").write_text("changed")
    assert "no Python 3.11" in _start(bare).stderr


def test_it_is_executable() -> None:
    assert os.access(ROOT / "nebulab", os.X_OK)
