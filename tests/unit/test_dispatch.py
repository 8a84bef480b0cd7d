"""Which Python carries out a typed `run`, `export` or `verify`, in each of the places where people type it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nebulab import checkout, contract, dispatch
from nebulab.errors import SettingsError
from nebulab.files import locked
from nebulab.session.kernels import overlay
from nebulab.stack import folders


@pytest.fixture
def environments(tmp_path: Path) -> Path:
    """A folder of two environments, as far as they are looked at."""
    for name in (dispatch.LAB, dispatch.KERNELS):
        programs = tmp_path / "environments" / name / "bin"
        programs.mkdir(parents=True)
        (programs / "python").symlink_to(sys.executable)
        (programs.parent / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    return tmp_path / "environments"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkout, and no package beside click."""
    monkeypatch.setattr(checkout, "find", lambda: None)
    monkeypatch.setattr(dispatch, "_NEEDED", dict.fromkeys((dispatch.LAB, dispatch.KERNELS), ("no_such_module",)))


def test_in_a_session_its_own_environments_are_used(tmp_path: Path, environments: Path) -> None:
    """The Lab's runs notebooks, the user's overlay exports models: their classes may be in it alone."""
    folder = tmp_path / "overlay"
    lab = environments / "lab" / "bin" / "python"
    own = overlay.create(folder, environments / "kernels", lab=lab)
    session = {contract.OVERLAY: str(folder)}
    assert dispatch.find(dispatch.LAB, session) == dispatch.Place(lab)
    assert dispatch.find(dispatch.KERNELS, session) == dispatch.Place(own)


@pytest.mark.parametrize("prefix", ["lab", "kernels"])
def test_the_environments_know_one_another(environments: Path, monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    """As in the image, whose PATH names the Lab's alone: its kernel is not the Lab's bare one."""
    monkeypatch.setattr(sys, "prefix", str(environments / prefix))
    kernels = {contract.KERNELS: str(environments / "kernels")}
    assert dispatch.find(dispatch.LAB, {}) == dispatch.Place(environments / "lab" / "bin" / "python", kernels)
    assert dispatch.find(dispatch.KERNELS, {}) == dispatch.Place(environments / "kernels" / "bin" / "python")
    # A kernels' environment that the person named stays.
    named = dispatch.find(dispatch.LAB, {contract.KERNELS: "/elsewhere"})
    assert named == dispatch.Place(environments / "lab" / "bin" / "python")


def test_a_command_keeps_the_environments_that_it_began_with(
    environments: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`nebulab up --frameworks` leads the name to another one meanwhile, and deletes what nobody uses."""
    link, old = environments / "kernels", environments / "kernels-0123456789"
    link.rename(old)
    folders.put_in_place(link, old)
    monkeypatch.setattr(sys, "prefix", str(environments / "lab"))
    assert dispatch.find(dispatch.LAB, {}) == dispatch.Place(
        environments / "lab" / "bin" / "python", {contract.KERNELS: str(old)}
    )
    assert dispatch.find(dispatch.KERNELS, {}) == dispatch.Place(old / "bin" / "python")
    (old / "bin" / "python").unlink()
    (old / "bin" / "python").write_text("#!/bin/sh\necho begun\nexec cat\n")
    (old / "bin" / "python").chmod(0o755)
    code = (
        f"import sys; sys.prefix = {str(environments / 'lab')!r}; from nebulab import dispatch; "
        "dispatch.become(dispatch.find(dispatch.KERNELS, {}))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        with locked(old / contract.ENVIRONMENT_IN_USE, wait=False) as obtained:
            assert not obtained
        running.communicate()
    with locked(old / contract.ENVIRONMENT_IN_USE, wait=False) as obtained:
        assert obtained


@pytest.mark.usefixtures("alone")
def test_installed_alone_the_environments_of_this_machine_are_found(environments: Path) -> None:
    environ = {contract.ENVIRONMENTS: str(environments)}
    found = dispatch.find(dispatch.LAB, environ)
    assert found is not None
    assert found.python == environments / "lab" / "bin" / "python"


@pytest.mark.usefixtures("alone")
def test_installed_alone_without_any_it_is_told_what_to_do(tmp_path: Path) -> None:
    for name in (dispatch.LAB, dispatch.KERNELS):
        with pytest.raises(SettingsError, match=r"in a terminal of a session, or as \./nebulab in a checkout"):
            dispatch.find(name, {contract.DATA_DIR: str(tmp_path)})


def test_an_environment_that_can_do_it_does_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "find", lambda: None)
    monkeypatch.setattr(dispatch, "_NEEDED", {dispatch.LAB: ("json",)})
    assert dispatch.find(dispatch.LAB, {contract.DATA_DIR: str(tmp_path)}) is None


def test_a_missing_package_is_told_in_a_line_by_every_command(tmp_path: Path) -> None:
    """A Python that has click and this package: what `uv tool install` and `pip install` make of the wheel."""
    bare = "import sys; sys.modules['rich'] = sys.modules['rich.console'] = None; sys.argv = ['nebulab', 'up']\n"
    code = bare + "from nebulab.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "needs the package rich" in ended.stderr
    assert "./nebulab in a checkout" in ended.stderr
