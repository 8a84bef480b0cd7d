"""uv in a session: it sees the shared packages, writes into the user's layer alone, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nebulab.packages import uv
from nebulab.session.kernels import overlay
from support.layers import run, shared_environment, wheel

SAY = "import shared_thing; print(shared_thing.VERSION)"


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The layer of a session over an environment with shared_thing 1.0; wheels lie in `wheels` beside it."""
    shared = shared_environment(tmp_path)
    folder = tmp_path / "a user's layer"
    overlay.create(folder, shared)
    (tmp_path / "wheels").mkdir()
    told = {
        "VIRTUAL_ENV": str(folder),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_OFFLINE": "1",
        "UV_LINK_MODE": "copy",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return folder


def options(layer: Path) -> list[str]:
    return ["--no-index", "--find-links", str(layer.parent / "wheels")]


def python(layer: Path) -> Path:
    return layer / "bin" / "python"


def shared_files(layer: Path) -> dict[str, int]:
    below = overlay.below(layer)
    return {
        str(path): path.lstat().st_mtime_ns
        for path in below.rglob("*")
        if "__pycache__" not in path.parts and not path.is_dir()
    }


def entries(layer: Path) -> list[str]:
    return sorted(path.name for path in overlay.packages(layer).glob("*.dist-info"))


@pytest.mark.parametrize("program", ["terminal", "%uv"])
def test_what_is_shared_is_not_installed_again(layer: Path, tmp_path: Path, program: str) -> None:
    wheel(tmp_path / "wheels", "mine", "1.0", needs="shared_thing>=1")
    wheel(tmp_path / "wheels", "shared_thing", "2.0")
    before = shared_files(layer)
    command = [layer / "bin" / "uv"] if program == "terminal" else [python(layer), "-m", "uv"]
    run(*command, "pip", "install", *options(layer), "mine")
    assert entries(layer) == ["mine-1.0.dist-info"]
    assert run(python(layer), "-c", "import mine; " + SAY) == "1.0"
    assert shared_files(layer) == before


def test_a_version_that_is_asked_for_shadows_the_shared_one(layer: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "shared_thing", "2.0")
    before = shared_files(layer)
    run(layer / "bin" / "uv", "pip", "install", *options(layer), "shared_thing==2")
    assert run(python(layer), "-c", SAY) == "2.0"
    assert "shared-thing 2.0" in run(layer / "bin" / "uv", "pip", "list")
    run(layer / "bin" / "uv", "pip", "uninstall", "shared_thing")
    assert run(python(layer), "-c", SAY) == "1.0"
    assert entries(layer) == []
    assert shared_files(layer) == before


def test_what_is_shared_is_not_the_users_to_remove(layer: Path) -> None:
    finished = subprocess.run(
        [layer / "bin" / "uv", "pip", "uninstall", "shared_thing"], capture_output=True, text=True
    )
    assert "not installed" in finished.stderr
    assert run(python(layer), "-c", SAY) == "1.0"


def test_a_need_that_the_shared_version_does_not_meet_is_met_in_the_layer(layer: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "mine", "1.0", needs="shared_thing>=2")
    wheel(tmp_path / "wheels", "shared_thing", "2.0")
    run(layer / "bin" / "uv", "pip", "install", *options(layer), "mine")
    assert run(python(layer), "-c", SAY) == "2.0"


def test_a_run_that_was_killed_leaves_nothing_for_the_next(layer: Path, tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "mine", "1.0")
    killed = (
        "import os, sys; from pathlib import Path; from nebulab.packages import uv\n"
        "with uv.seen(Path(sys.argv[1])):\n    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", killed, layer]).returncode == 9
    assert len(entries(layer)) > 0
    run(layer / "bin" / "uv", "pip", "install", *options(layer), "mine")
    assert entries(layer) == ["mine-1.0.dist-info"]


def test_an_environment_of_the_users_own_is_theirs(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path / "wheels", "mine", "1.0", needs="shared_thing")
    wheel(tmp_path / "wheels", "shared_thing", "2.0")
    program = layer / "bin" / "uv"
    run(program, "venv", "--quiet", "--python", sys.executable, str(tmp_path / "own"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "own"))
    run(program, "pip", "install", *options(layer), "mine")
    assert run(tmp_path / "own" / "bin" / "python", "-c", SAY) == "2.0"
    assert entries(layer) == []


def test_a_file_of_the_users_named_like_a_module_does_not_stop_uv(
    layer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('broken')")
    monkeypatch.chdir(tmp_path)
    run(layer / "bin" / "uv", "pip", "list")


def test_only_what_reads_the_installed_packages_is_told_of_the_shared_ones() -> None:
    assert uv.needs_stand_ins(["pip", "install", "x"])
    assert uv.needs_stand_ins(["-q", "pip", "list"])
    assert not uv.needs_stand_ins(["pip", "uninstall", "x"])
    assert not uv.needs_stand_ins(["venv", "pip"])
    assert not uv.needs_stand_ins([])
