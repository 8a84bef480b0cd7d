"""Environments are installed once, repaired when something is missing, and shared by starts at the same time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from nebulab import contract, files
from nebulab.errors import InstallError
from nebulab.stack import environments, frameworks
from nebulab.stack.environments import Environment
from nebulab.stack.settings import StackSettings
from support.stack import ROOT

pytestmark = pytest.mark.system

SMALL = (Environment("galaxy", False, ("python", "httpx")), Environment("lab", True, ("python", "nebulab")))
CONSOLE = Console(quiet=True)


def _lock(*packages: str) -> str:
    """Cut the packages out of the project's own lock."""
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements" / "nebulab.txt").read_text())
    return "\n".join(block for block in blocks if block.split("==")[0] in packages) + "\n"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """A copy of the sources, with environments that are small enough to be made for every test."""
    checkout = tmp_path / "checkout"
    for folder in ("src", "lab-extension/built", "lab-extension/settings", "examples"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, checkout)
    (checkout / "requirements").mkdir()
    (checkout / "requirements" / "galaxy.txt").write_text(
        _lock("httpx", "anyio", "certifi", "httpcore", "h11", "idna", "typing-extensions")
    )
    (checkout / "requirements" / "lab.txt").write_text(_lock("click", "colorama"))
    monkeypatch.setattr(environments, "ENVIRONMENTS", SMALL)
    (tmp_path / "environments").mkdir()
    return StackSettings(tmp_path / "data", tmp_path / "environments", checkout)


@pytest.fixture
def kernels(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """The kernels' environment alone: small, and with a package in PyTorch's place."""
    monkeypatch.setattr(environments, "ENVIRONMENTS", (Environment("kernels", True, ("python", "nebulab")),))
    requirements = settings.checkout / "requirements"
    (requirements / "image").mkdir()
    (requirements / "kernels.txt").write_text(_lock("click", "colorama"))
    (requirements / "image" / "torch-cpu.txt").write_text(_lock("h11"))
    return settings


def _imports(settings: StackSettings, *modules: str) -> bool:
    python = settings.environment("kernels") / "bin" / "python"
    code = f"import {', '.join(modules)}, nebulab"
    return subprocess.run([python, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def _versions(settings: StackSettings) -> list[Path]:
    return sorted(settings.environments_dir.glob("kernels-*"))


def test_frameworks_come_and_go_beside_what_sessions_use(kernels: StackSettings) -> None:
    torch = replace(kernels, frameworks=("torch",))
    assert environments.install_missing(kernels, CONSOLE) == ["kernels"]
    assert (_imports(kernels, "click"), _imports(kernels, "h11")) == (True, False)
    old = kernels.environment("kernels").resolve()
    session = files.hold(old / contract.ENVIRONMENT_IN_USE)
    assert session is not None
    assert environments.install_missing(torch, CONSOLE) == ["kernels"]
    assert _imports(kernels, "click", "h11")
    before = subprocess.run([old / "bin" / "python", "-c", "import h11"], stderr=subprocess.DEVNULL)
    assert before.returncode == 1, "the session's environment is what it was"
    assert environments.install_missing(kernels, CONSOLE) == [], "a plain start keeps the choice"
    assert environments.install_missing(torch, CONSOLE) == []
    os.close(session)
    assert environments.install_missing(kernels, CONSOLE) == []
    assert _versions(kernels) == [kernels.environment("kernels").resolve()], "and removes what nobody uses any more"
    assert environments.install_missing(replace(kernels, frameworks=()), CONSOLE) == ["kernels"]
    assert (_imports(kernels, "click"), _imports(kernels, "h11")) == (True, False)
    assert len(_versions(kernels)) == 1
    # A newer nebulab comes into the folder that is there, and its command works where that is all one sees.
    module = kernels.checkout / "src" / "nebulab" / "__init__.py"
    module.write_text(module.read_text() + '\n\nADDED = "yes"\n')
    assert environments.install_missing(kernels, CONSOLE) == ["kernels"]
    [folder] = _versions(kernels)
    assert (folder / "bin" / "nebulab").read_text().startswith(f"#!{folder}/bin/python")


def test_an_interrupted_change_goes_on_and_the_old_environment_works_until_then(kernels: StackSettings) -> None:
    environments.install_missing(kernels, CONSOLE)
    old = kernels.environment("kernels").resolve()
    code = (
        "from pathlib import Path; from rich.console import Console; from nebulab.stack import environments as e; "
        "from nebulab.stack.settings import StackSettings as S; "
        "e.ENVIRONMENTS = (e.Environment('kernels', True, ('python', 'nebulab')),); "
        f"s = S(Path({str(kernels.data_dir)!r}), Path({str(kernels.environments_dir)!r}), "
        f"Path({str(kernels.checkout)!r}), frameworks=('torch',)); e.install_missing(s, Console(quiet=True))"
    )
    installing = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while len(_versions(kernels)) < 2:
        assert installing.poll() is None
        time.sleep(0.001)
    installing.kill()
    installing.wait()
    assert kernels.environment("kernels").resolve() == old
    assert _imports(kernels, "click")
    assert environments.install_missing(kernels, CONSOLE) == ["kernels"], "a plain start goes on"
    assert _imports(kernels, "click", "h11")
    assert kernels.environment("kernels").resolve() != old


def test_a_change_that_fails_says_the_way_back_and_leaves_what_was_there(kernels: StackSettings) -> None:
    environments.install_missing(kernels, CONSOLE)
    lock = kernels.checkout / "requirements" / "image" / "torch-cpu.txt"
    lock.write_text(lock.read_text().replace("sha256:", "sha256:00", 1).replace("h11==", "h11==0.0.0.", 1))
    with pytest.raises(InstallError) as failed:
        environments.install_missing(replace(kernels, frameworks=("torch",)), CONSOLE)
    assert "`./nebulab up --frameworks none` goes back" in failed.value.hint
    assert "PIP_FIND_LINKS" in failed.value.hint
    assert _imports(kernels, "click")
    assert environments.install_missing(replace(kernels, frameworks=()), CONSOLE) == [], "nothing had changed"
    assert environments.install_missing(kernels, CONSOLE) == []
    assert len(_versions(kernels)) == 1


def test_an_install_without_room_changes_nothing(kernels: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    environments.install_missing(kernels, CONSOLE)
    huge = replace(frameworks.choose(("torch",), None).packages, disk_mb=10**12)
    monkeypatch.setattr(frameworks, "choose", lambda names, cuda: frameworks.Choice(("torch",), huge))
    (kernels.checkout / "requirements" / "image" / "torch-cpu.txt").write_text(_lock("h11", "idna"))
    (kernels.environments_dir / "kernels-ffffffffff").mkdir()
    with pytest.raises(InstallError, match="bytes free"):
        environments.install_missing(replace(kernels, frameworks=("torch",)), CONSOLE)
    assert len(_versions(kernels)) == 1, "what was left of another install made room"
    assert environments.install_missing(kernels, CONSOLE) == [], "the choice is not remembered"


def _works(settings: StackSettings) -> bool:
    galaxy = subprocess.run([settings.environment("galaxy") / "bin" / "python", "-c", "import httpx, anyio"])
    lab = subprocess.run([settings.environment("lab") / "bin" / "nebulab", "--version"], stdout=subprocess.DEVNULL)
    return galaxy.returncode == lab.returncode == 0


def test_the_second_start_installs_nothing(settings: StackSettings) -> None:
    assert environments.install_missing(settings, CONSOLE) == ["galaxy", "lab"]
    assert _works(settings)
    started = time.monotonic()
    assert environments.install_missing(settings, CONSOLE) == []
    assert time.monotonic() - started < 0.5


def test_what_was_broken_or_interrupted_is_redone_and_nothing_else(settings: StackSettings) -> None:
    environments.install_missing(settings, CONSOLE)
    galaxy, lab = settings.environment("galaxy"), settings.environment("lab")
    packages = next(galaxy.glob("lib/python*/site-packages"))

    def lose_a_package() -> None:
        shutil.rmtree(packages / "anyio")

    def lose_a_program() -> None:
        (galaxy / "bin" / "httpx").unlink()

    def lose_python() -> None:
        (galaxy / "bin" / "python").unlink()
        (galaxy / "bin" / "python").symlink_to("/nowhere/python")

    def be_interrupted() -> None:
        # What a kill leaves: packages half there, no stamp.
        (galaxy / "nebulab-stamp.json").unlink()
        shutil.rmtree(packages / "httpcore")

    for harm in (lose_a_package, lose_a_program, lose_python, be_interrupted):
        harm()
        assert environments.install_missing(settings, CONSOLE) == ["galaxy"], harm.__name__
        assert _works(settings), harm.__name__
    (lab / "bin" / "nebulab").unlink()
    assert environments.install_missing(settings, CONSOLE) == ["lab"]
    assert _works(settings)


def test_a_kill_in_the_middle_is_mended_by_the_next_start(settings: StackSettings, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from rich.console import Console; from nebulab.stack import environments as e; "
        "from nebulab.stack.settings import StackSettings as S; "
        "e.ENVIRONMENTS = (e.Environment('galaxy', False, ('python', 'httpx')), "
        "e.Environment('lab', True, ('python', 'nebulab'))); "
        f"s = S(Path({str(settings.data_dir)!r}), Path({str(settings.environments_dir)!r}), "
        f"Path({str(settings.checkout)!r})); e.install_missing(s, Console(quiet=True))"
    )
    installing = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not (settings.environment("galaxy") / "bin").exists():
        assert installing.poll() is None
        time.sleep(0.01)
    installing.kill()
    installing.wait()
    assert environments.install_missing(settings, CONSOLE) == ["galaxy", "lab"]
    assert _works(settings)
    # Two starts at once: one installs, the other waits for it.
    (settings.environment("lab") / "nebulab-stamp.json").unlink()
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert environments.install_missing(settings, CONSOLE) == []
    assert _works(settings)


def test_a_changed_lock_or_source_is_brought_in(settings: StackSettings) -> None:
    environments.install_missing(settings, CONSOLE)
    lock = settings.checkout / "requirements" / "galaxy.txt"
    lock.write_text(lock.read_text() + _lock("psutil"))
    assert environments.install_missing(settings, CONSOLE) == ["galaxy"]
    version = settings.checkout / "src" / "nebulab" / "__init__.py"
    version.write_text(version.read_text() + '\n\nADDED = "yes"\n')
    assert environments.install_missing(settings, CONSOLE) == ["lab"]
    python = settings.environment("lab") / "bin" / "python"
    subprocess.run([python, "-c", "import nebulab; assert nebulab.ADDED"], check=True)
    assert environments.install_missing(settings, CONSOLE, reinstall=True) == ["galaxy", "lab"]
    assert _works(settings)


def test_an_install_that_fails_says_why_and_is_not_taken_for_done(settings: StackSettings) -> None:
    lock = settings.checkout / "requirements" / "galaxy.txt"
    good = lock.read_text()
    lock.write_text(good.replace("sha256:", "sha256:00", 1).replace("httpx==", "httpx==0.0.0.", 1))
    with pytest.raises(InstallError, match="galaxy"):
        environments.install_missing(settings, CONSOLE)
    lock.write_text(good)
    assert "galaxy" in environments.install_missing(settings, CONSOLE)
    source = settings.checkout / "src" / "nebulab" / "errors.py"
    good = source.read_text()
    source.write_text(good + "\ndef broken(:\n")
    with pytest.raises(InstallError, match=r"errors\.py"):
        environments.install_missing(settings, CONSOLE)
    source.write_text(good)
    assert environments.install_missing(settings, CONSOLE) == ["lab"]
    assert _works(settings)
    assert _works(settings)
