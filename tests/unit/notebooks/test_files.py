"""What a notebook wrote into its folder: kept once, as files and as a zip, or refused with the reason."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from nebulab.notebooks import files
from support.folders import make_deep


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    (folder / "deep").mkdir(parents=True)
    (folder / "given.txt").write_text("as it was")
    (folder / "changed.txt").write_text("before")
    return folder


def collect(work: Path, before: files.Snapshot, **options: int) -> files.Collected:
    (work / "run").mkdir(exist_ok=True)
    return files.collect(work, before, work / "run", besides=frozenset({work / "run.ipynb"}), **options)


def test_new_and_changed_files_are_kept(work: Path) -> None:
    before = files.snapshot(work)
    (work / "changed.txt").write_text("and after")
    (work / "deep" / "new.bin").write_bytes(bytes(1000))
    (work / "run.ipynb").write_text("the runner's own")
    found = collect(work, before)
    assert (found.kept, found.refused) == (["changed.txt", "deep/new.bin"], {})
    assert (work / "run" / "files" / "deep" / "new.bin").stat().st_ino == (work / "deep" / "new.bin").stat().st_ino
    assert zipfile.ZipFile(work / "run" / "files.zip").namelist() == found.kept


def test_a_second_run_keeps_nothing_of_the_first(work: Path) -> None:
    before = files.snapshot(work)
    (work / "first.txt").write_text("1")
    collect(work, before)
    (work / "first.txt").unlink()
    assert collect(work, before).kept == []
    assert not (work / "run" / "files").exists()


def test_links_pipes_and_what_is_too_much_are_refused(work: Path) -> None:
    before = files.snapshot(work)
    (work / "link").symlink_to("/etc/passwd")
    os.mkfifo(work / "pipe")
    (work / "a.txt").write_text("a")
    (work / "b.txt").write_text("b")
    found = collect(work, before, most=1)
    assert found.kept == ["a.txt"]
    assert "a link" in found.refused["link"]
    assert "no file" in found.refused["pipe"]
    assert "more than 1 files" in found.refused["b.txt"]
    assert not (work / "run" / "files" / "link").exists()


def test_caches_environments_and_hidden_files_are_no_results(work: Path) -> None:
    before = files.snapshot(work)
    for name in ("__pycache__/x.pyc", ".hidden/x", ".x", "galaxy_inputs/in.txt", "venv/lib/x.py", "venv/pyvenv.cfg"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("x")
    assert collect(work, before).kept == []


def test_a_name_that_no_zip_can_hold_is_refused_alone(work: Path) -> None:
    before = files.snapshot(work)
    (work / os.fsdecode(b"bad \xff name")).write_text("x")
    (work / "good").write_text("x")
    found = collect(work, before)
    assert found.kept == ["good"]
    assert len(found.refused) == 1


def test_what_lies_too_deep_is_refused_and_the_rest_is_kept(work: Path) -> None:
    """Deeper than Python's stack, which making folders within folders would need."""
    before = files.snapshot(work)
    make_deep(work, "d", 1200)
    found = collect(work, before)
    assert len(found.kept) == 201
    assert list(found.refused.values()) == ["a folder that lies too deep: move it up"]
    assert files.snapshot(work)
    # pytest can't delete it: it would need Python's stack.
    subprocess.run(["rm", "-r", str(work / "d")], check=True)


def test_a_file_of_holes_is_refused_where_a_copy_of_it_has_no_room(work: Path) -> None:
    """The zip would be read for minutes, and Galaxy would write all of its zeros."""
    before = files.snapshot(work)
    for name, size in {"holes": 150 << 30, "few": 5 << 20, "dense": 0}.items():
        (work / name).write_bytes(b"x" * 1000)
        os.truncate(work / name, max(size, 1000))
    found = collect(work, before, disk_bytes=20 << 20)
    assert found.kept == ["dense", "few"]
    assert found.refused == {"holes": "150.0 GB with its holes: save it in a compressed form"}
    assert zipfile.ZipFile(work / "run" / "files.zip").namelist() == ["dense", "few"]


def test_files_for_later_steps(tmp_path: Path) -> None:
    work, results = tmp_path / "work", tmp_path / "results"
    for name in ("steps/made.csv", "figures/a.png", "figures/deep/b.png"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(name)
    (tmp_path / "given.csv").write_text("given")
    (work / "given.csv").symlink_to(tmp_path / "given.csv")
    (results / "step_files").mkdir(parents=True)
    (results / "step_files" / "of an earlier run").write_text("")
    wanted = tmp_path / "wanted.json"
    patterns = ["steps/*.csv", "figures", "given.csv", "gone.txt"]
    wanted.write_text(json.dumps({"folder": str(work), "patterns": patterns}))
    assert files.collect_for_later(wanted, results) == ["gone.txt"]
    kept = {str(path.relative_to(results / "step_files")) for path in results.rglob("*") if path.is_file()}
    assert kept == {"steps/made.csv", "figures/a.png", "figures/deep/b.png", "given.csv"}
    assert not (results / "step_files" / "given.csv").is_symlink()
    assert (results / "step_files" / "given.csv").read_text() == "given"
