"""`nebulab packages`: what was added, by what, what it hides, how long it lasts; the list kept; all of it undone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nebulab.cli import cli
from nebulab.packages import listing
from nebulab.session.kernels import overlay
from support.layers import run, shared_environment, wheel


def install_by_uv(layer: Path, folder: Path) -> None:
    """Install the package `mine` 1.5 from a wheel below `folder`."""
    (folder / "wheels").mkdir()
    wheel(folder / "wheels", "mine", "1.5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRTUAL_ENV", str(layer))
        patch.setenv("UV_CACHE_DIR", str(folder / "cache"))
        links = ["--no-index", "--find-links", str(folder / "wheels")]
        run(layer / "bin" / "uv", "pip", "install", *links, "mine")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer with a package by pip that shadows a shared one, and a package by uv that does not."""
    folder = tmp_path_factory.mktemp("session")
    python = overlay.create(folder / "layer", shared_environment(folder))
    run(python, "-m", "pip", "install", "--quiet", "--no-index", str(wheel(folder, "shared_thing", "2.0")))
    install_by_uv(folder / "layer", folder)
    return folder / "layer"


@pytest.fixture
def layer(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """That layer, in a session around the test, which leaves it as it is."""
    monkeypatch.setenv("NEBULAB_OVERLAY", str(made))
    return made


def packages(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["packages", *arguments], input=answer)


def test_each_is_listed_with_its_installer_and_what_it_hides(layer: Path) -> None:
    said = packages()
    assert said.exit_code == 0, said.output
    assert str(layer) in said.output
    assert "until this session ends" in said.output
    rows = [line.split() for line in said.output.splitlines()]
    assert ["mine", "1.5", "0.0", "MB", "uv"] in rows
    assert ["shared_thing", "2.0", "0.0", "MB", "pip", "1.0"] in rows


def test_programs_get_the_same(layer: Path) -> None:
    told = json.loads(packages("--json").output)
    assert [(one["name"], one["by"], one["shadows"]) for one in told["packages"]] == [
        ("mine", "uv", ""),
        ("shared_thing", "pip", "1.0"),
    ]
    assert all(one["bytes"] > 100 for one in told["packages"])


def test_the_list_brings_the_same_into_another_session(layer: Path, tmp_path: Path) -> None:
    saved = tmp_path / "outputs" / "requirements.txt"
    assert "%pip install -r" in packages("freeze", "--save", str(saved)).output
    assert packages("freeze").output == saved.read_text()
    assert "mine==1.5" in saved.read_text()
    # It came from a file of this session, which no other one has.
    assert f"# shared_thing==2.0 was installed from file://{layer.parent}" in saved.read_text()
    python = overlay.create(tmp_path / "next", overlay.below(layer))
    links = ["--no-index", "--find-links", str(layer.parent / "wheels")]
    run(python, "-m", "pip", "install", "--quiet", *links, "-r", str(saved))
    assert run(python, "-c", "import mine; print(mine.VERSION)") == "1.5"


def test_a_reset_gives_kernels_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = tmp_path / "layer"
    overlay.create(layer, shared_environment(tmp_path))
    install_by_uv(layer, tmp_path)
    monkeypatch.setenv("NEBULAB_OVERLAY", str(layer))
    (overlay.packages(layer) / "sitecustomize.py").write_text("raise SystemExit('a user broke Python')")
    broken = subprocess.run([layer / "bin" / "python", "-c", ""], capture_output=True, text=True)
    assert "a user broke Python" in broken.stderr
    assert packages("--reset", answer="n\n").exit_code == 1
    assert len(json.loads(packages("--json").output)["packages"]) == 1
    assert "Removed 1 package." in packages("--reset", "--yes").output
    assert run(layer / "bin" / "python", "-c", "import shared_thing; print(shared_thing.VERSION)") == "1.0"
    assert "You added none yet" in packages().output
    assert [path.name for path in tmp_path.glob("layer*")] == ["layer"]


def test_a_package_that_is_half_there_is_left_out(layer: Path) -> None:
    half = overlay.packages(layer) / "gone-1.0.dist-info"
    half.mkdir()
    try:
        assert [one.name for one in listing.read(layer, os.environ).packages] == ["mine", "shared_thing"]
    finally:
        half.rmdir()


def test_without_a_session_it_says_where_to_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEBULAB_OVERLAY", raising=False)
    finished = subprocess.run([sys.executable, "-m", "nebulab", "packages"], capture_output=True, text=True)
    assert finished.returncode == 2
    assert "in a terminal of a session's JupyterLab" in finished.stderr.replace("\n", " ")


def test_how_long_it_lasts_is_told(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    folder = tmp_path / "home of mine" / "overlay"
    escaped = str(folder.parent).replace(" ", "\\040")
    root = "21 1 0:20 / / rw - overlay overlay rw\n"

    def told(mounts: str, kept: str = "folder") -> str:
        table.write_text(mounts)
        return listing.kept(folder, {"NEBULAB_KEPT": kept}, table)

    assert told(root) == "until this container ends; a volume at HOME keeps it"
    assert told(root + f"22 21 0:30 / {escaped} rw - tmpfs tmpfs rw\n").startswith("until this container ends")
    volume = root + f"22 21 8:1 /volumes/x {escaped} rw shared:1 - ext4 /dev/vda rw\n"
    assert told(volume) == f"for this folder, in what is mounted at {folder.parent}"
    assert told("21 1 8:1 / / rw - ext4 /dev/vda rw\n") == "for this folder"
    assert told(volume, "session") == "until this session ends"
