"""Notebooks that Git wrote in a session are not edited ones, until something else writes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nebulab.session.layout import Layout
from nebulab.session.outputs import cloned
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.mirror import Mirror
from support.git import git

EMPTY = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
CELL = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": 1}
EDITED = json.dumps(json.loads(EMPTY) | {"cells": [CELL]})


class Session:
    """A session, and the names of the notebooks that Galaxy would get as edited ones."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root / "working")
        self.layout.work.mkdir(parents=True)
        self.notebook = root / "dataset.dat"
        self.notebook.touch()
        self.mirror = Mirror(self.layout, Datatypes(["ipynb"]), print, notebook_output=self.notebook)
        self.mirror.begin(EMPTY.encode())
        self.clone = self.layout.work / "clone"

    def edited(self) -> list[str]:
        self.mirror.update()
        elements = json.loads(self.layout.metadata.read_text())["notebook_collection"]["elements"]
        return [one["name"] for one in elements]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A repository of three notebooks."""
    folder = tmp_path / "source"
    (folder / "deep").mkdir(parents=True)
    git(folder, "init")
    for name in ("a.ipynb", "b.ipynb", "deep/c.ipynb"):
        (folder / name).write_text(EMPTY)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


@pytest.fixture
def session(tmp_path: Path, source: Path) -> Session:
    started = Session(tmp_path)
    git(started.layout.work, "clone", str(source), "clone")
    return started


def test_a_clone_floods_nothing_and_is_no_executed_notebook(session: Session) -> None:
    assert session.edited() == []
    assert json.loads(session.notebook.read_text()) == json.loads(EMPTY)
    (session.clone / "a.ipynb").write_text(EDITED)
    assert session.edited() == ["clone/a"]
    assert json.loads(session.notebook.read_text()) == json.loads(EDITED)


def test_what_was_edited_stays_when_it_is_committed(session: Session) -> None:
    assert session.edited() == []
    (session.clone / "a.ipynb").write_text(EDITED)
    assert session.edited() == ["clone/a"]
    git(session.clone, "commit", "-a", "-m", "mine")
    assert session.edited() == ["clone/a"]


def test_what_is_edited_and_committed_between_two_looks_counts(session: Session) -> None:
    assert session.edited() == []
    (session.clone / "deep" / "c.ipynb").write_text(EDITED)
    git(session.clone, "commit", "-a", "-m", "mine")
    assert session.edited() == ["clone/deep/c"]


def test_a_notebook_beside_those_of_the_clone_counts(session: Session) -> None:
    (session.clone / "mine.ipynb").write_text(EDITED)
    assert session.edited() == ["clone/mine"]


def test_files_come_before_their_index(session: Session) -> None:
    """Git writes the index last: a look meanwhile must not take its files for edited ones."""
    index = session.clone / ".git" / "index"
    index.rename(index.with_name("index.lock"))
    assert session.edited() == []
    index.with_name("index.lock").rename(index)
    assert session.edited() == []


def test_a_lock_that_a_killed_git_left_hides_nothing_for_long(session: Session) -> None:
    (session.clone / ".git" / "index.lock").touch()
    path = session.clone / "a.ipynb"
    path.write_text(EDITED)
    os.utime(path, (path.stat().st_mtime - 120,) * 2)
    assert session.edited() == ["clone/a"]


@pytest.mark.parametrize("version", [2, 4])
def test_an_index_of_any_version_and_hash(tmp_path: Path, version: int) -> None:
    for algorithm in ("sha1", "sha256"):
        folder = tmp_path / algorithm
        (folder / "deep" / "ü").mkdir(parents=True)
        git(folder, "init", f"--object-format={algorithm}")
        files = [folder / "a.ipynb", folder / "deep" / ("n" * 200), folder / "deep" / "ü" / "x y.ipynb"]
        for file in files:
            file.write_text(file.name)
        git(folder, "add", ".")
        git(folder, "update-index", "--index-version", str(version))
        found = cloned.statuses((folder / ".git" / "index").read_bytes())
        assert found == {
            os.fsencode(str(file.relative_to(folder))): (
                *divmod(file.stat().st_mtime_ns, 10**9),
                file.stat().st_size,
            )
            for file in files
        }


@pytest.mark.parametrize(
    "content", [b"", b"DIRC", b"DIRC\0\0\0\2\0\0\0\5", b"\0" * 1000, b"DIRC\0\0\0\4\0\0\0\1" + b"\xff" * 90]
)
def test_an_index_that_can_not_be_read_hides_nothing(session: Session, content: bytes) -> None:
    (session.clone / ".git" / "index").write_bytes(content)
    assert session.edited() == ["clone/a", "clone/b", "clone/deep/c"]


def test_links_and_pipes_lead_nowhere(session: Session, source: Path) -> None:
    git_folder = session.clone / ".git"
    git_folder.rename(session.layout.root / "elsewhere")
    git_folder.symlink_to(session.layout.root / "elsewhere")
    assert session.edited() == ["clone/a", "clone/b", "clone/deep/c"]
    other = session.layout.work / "other"
    git(session.layout.work, "clone", str(source), "other")
    (other / ".git" / "index").unlink()
    os.mkfifo(other / ".git" / "index")
    assert "other/a" in session.edited()
