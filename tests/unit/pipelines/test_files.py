"""Which files a node reads, and from where each comes: the disk, a node before it, or nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nebulab.pipelines.files import Needs, needs, overlap
from nebulab.pipelines.reading import read
from support.pipelines import node, write


def needed(folder: Path, *nodes: dict[str, Any]) -> Needs:
    """Return what the last node reads."""
    pipeline, _ = read(write(folder, *nodes))
    return needs(pipeline, pipeline.node(nodes[-1]["id"]))


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_files_of_the_disk(tmp_path: Path) -> None:
    touch(tmp_path, "data/a.csv", "data/b.csv", "data/deep/c.csv", "data/.hidden", "x[1].csv", "helper.py")
    one = needed(
        tmp_path, node("one.ipynb", dependencies=["data/*.csv", "x[1].csv", "helper.py", "gone.txt", "one.ipynb"])
    )
    assert one.here == ("data/a.csv", "data/b.csv", "x[1].csv", "helper.py")
    assert one.missing == ("gone.txt", "one.ipynb")


def test_folders_with_and_without_those_below(tmp_path: Path) -> None:
    touch(tmp_path, "data/a.csv", "data/deep/c.csv", "data/__pycache__/x.pyc")
    assert needed(tmp_path, node("one.ipynb", dependencies=["data"])).here == ("data/a.csv",)
    deep = needed(tmp_path, node("one.ipynb", dependencies=["data"], include_subdirectories=True))
    assert deep.here == ("data/a.csv", "data/deep/c.csv")
    pattern = needed(tmp_path, node("one.ipynb", dependencies=["*.csv"], include_subdirectories=True))
    assert pattern.here == ("data/a.csv", "data/deep/c.csv")


def test_paths_start_from_the_nodes_own_folder(tmp_path: Path) -> None:
    touch(tmp_path, "steps/data/a.csv", "shared.csv")
    one = needed(tmp_path, node("steps/one.ipynb", dependencies=["data/a.csv", "../shared.csv"]))
    assert one.here == ("steps/data/a.csv", "shared.csv")


def test_what_a_node_before_makes_is_not_taken_from_the_disk(tmp_path: Path) -> None:
    touch(tmp_path, "data/clean.csv", "data/raw.csv")
    one = needed(
        tmp_path,
        node("clean.ipynb", outputs=["data/clean.csv"]),
        node("middle.ipynb", after=["clean.ipynb"]),
        node("learn.ipynb", after=["middle.ipynb"], dependencies=["data/*.csv"]),
    )
    assert one.here == ("data/raw.csv",)
    assert one.made == {"data/*.csv": "clean.ipynb"}


def test_what_only_a_strange_node_makes(tmp_path: Path) -> None:
    one = needed(tmp_path, node("clean.ipynb", outputs=["*.csv"]), node("learn.ipynb", dependencies=["clean.csv"]))
    assert one.strange == {"clean.csv": "clean.ipynb"}
    touch(tmp_path, "clean.csv")  # of an earlier run
    one = needed(tmp_path, node("clean.ipynb", outputs=["*.csv"]), node("learn.ipynb", dependencies=["clean.csv"]))
    assert one.strange == {"clean.csv": "clean.ipynb"}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [("a.csv", "a.csv", True), ("a.csv", "*.csv", True), ("a?.csv", "ab.csv", True), ("a.csv", "b.csv", False)],
)
def test_outputs_that_may_be_one(first: str, second: str, same: bool) -> None:
    assert overlap(first, second) is same
    assert overlap(second, first) is same
