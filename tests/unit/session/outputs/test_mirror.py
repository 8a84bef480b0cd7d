"""What Galaxy would collect at any moment."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from nebulab.files import replace
from nebulab.session.layout import Layout
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.mirror import Mirror, is_whole_notebook

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


class Session:
    """A session's folder, the messages it told, and what Galaxy would collect from it."""

    def __init__(self, root: Path, **options: int) -> None:
        self.layout = Layout(root / "working")
        self.layout.work.mkdir(parents=True)
        self.notebook = root / "dataset.dat"
        self.notebook.touch()
        self.messages: list[str] = []
        self.mirror = Mirror(
            self.layout,
            Datatypes(["csv", "tsv", "txt", "ipynb", "h5"]),
            self.messages.append,
            notebook_output=self.notebook,
            **options,
        )

    def begin(self) -> Session:
        self.mirror.begin(NOTEBOOK.encode())
        return self

    def write(self, path: str, content: str = "content") -> Path:
        file = self.layout.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file

    def collected(self, name: str = "output_collection") -> dict[str, str]:
        """Identifiers and contents, as Galaxy would get them now."""
        elements = json.loads(self.layout.metadata.read_text())[name]["elements"]
        return {
            one["name"]: (self.layout.root / one["filename"]).read_bytes().decode("utf-8", "replace")
            for one in elements
        }

    def updated(self, name: str = "output_collection") -> dict[str, str]:
        self.mirror.update()
        return self.collected(name)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path).begin()


def test_from_the_start_there_is_a_valid_notebook_and_an_empty_list(session: Session) -> None:
    assert json.loads(session.notebook.read_text())["nbformat"] == 4
    assert session.collected() == {}


def test_every_file_of_outputs_is_collected(session: Session) -> None:
    for name in ("a.csv", "with space.txt", "größe", "sub/folder/b.csv", ".hidden", "v1.2.txt", "new\nline.txt"):
        session.write(f"outputs/{name}", name)
    assert session.updated() == {
        ".hidden": ".hidden",
        "a": "a.csv",
        "größe": "größe",
        "new_line": "new\nline.txt",
        "sub/folder/b": "sub/folder/b.csv",
        "v1.2": "v1.2.txt",
        "with space": "with space.txt",
    }


def test_names_that_are_no_text_are_collected(session: Session) -> None:
    session.layout.outputs.joinpath(os.fsdecode(b"bad\xff.csv")).write_text("kept")
    assert list(session.updated().values()) == ["kept"]


def test_other_files_of_the_working_folder_are_not(session: Session) -> None:
    session.write("notes.txt")
    session.write("outputs/.ipynb_checkpoints/a-checkpoint.csv")
    session.write("outputs/.~half.csv")
    assert session.updated() == {}


def test_a_file_that_grows_is_collected_as_it_is_at_the_end(session: Session) -> None:
    file = session.write("outputs/log.txt", "1\n")
    session.mirror.update()
    with file.open("a") as growing:
        growing.write("2\n")
    assert session.collected() == {"log": "1\n2\n"}


def test_a_replaced_file_is_collected_anew(session: Session) -> None:
    file = session.write("outputs/a.txt", "old")
    session.mirror.update()
    session.write("other", "new").replace(file)
    assert session.updated() == {"a": "new"}


def test_a_deleted_file_is_gone_at_the_next_look_and_breaks_nothing_before(session: Session) -> None:
    file = session.write("outputs/checkpoint.h5", "weights")
    session.mirror.update()
    file.unlink()
    assert session.collected() == {"checkpoint": "weights"}
    assert session.updated() == {}
    assert not list(session.layout.mirror.iterdir())


def test_no_content_is_copied(session: Session) -> None:
    file = session.write("outputs/large.h5")
    session.mirror.update()
    (link,) = session.layout.mirror.iterdir()
    assert link.samefile(file)


def test_where_no_link_can_be_made_the_file_itself_is_named(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    session.write("outputs/a.txt", "kept")
    assert session.updated() == {"a": "kept"}
    assert "jupyter/outputs/a.txt" in session.layout.metadata.read_text()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../../../working/galaxy.json", "nowhere"])
def test_a_link_that_leaves_the_folder_is_refused_and_told(session: Session, tmp_path: Path, target: str) -> None:
    (session.layout.root / "secret").write_text("secret")
    (session.layout.outputs / "link.txt").symlink_to(target)
    session.write("outputs/a.txt")
    assert list(session.updated()) == ["a"]
    leaves = target != "nowhere"
    assert (
        any("'outputs/link.txt' is not collected: it is a link out of" in message for message in session.messages)
        is leaves
    )
    assert len(session.messages) == 1


def test_a_folder_that_is_a_link_to_elsewhere_is_refused(session: Session, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key.txt").write_text("secret")
    (session.layout.outputs / "folder").symlink_to(tmp_path / "secrets")
    assert session.updated() == {}
    assert len(session.messages) == 1


def test_outputs_itself_cannot_be_a_link(session: Session, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key.txt").write_text("secret")
    session.layout.outputs.rmdir()
    session.layout.outputs.symlink_to(tmp_path / "secrets")
    assert session.updated() == {}


def test_a_link_swapped_in_later_changes_nothing_for_galaxy(session: Session, tmp_path: Path) -> None:
    """Galaxy collects a second after the last look, outside of the sandbox."""
    file = session.write("outputs/a.txt", "mine")
    session.mirror.update()
    (tmp_path / "secret").write_text("secret")
    file.unlink()
    file.symlink_to(tmp_path / "secret")
    assert session.collected() == {"a": "mine"}
    assert session.updated() == {}


def test_a_link_inside_the_folder_stands_for_its_content(session: Session) -> None:
    session.write("results/a.csv", "1,2")
    (session.layout.outputs / "a.csv").symlink_to("../results/a.csv")
    (session.layout.outputs / "all").symlink_to("../results")
    assert session.updated() == {"a": "1,2", "all/a": "1,2"}


def test_a_link_to_the_folder_around_it_does_not_go_round_for_ever(session: Session) -> None:
    session.write("outputs/a.txt")
    (session.layout.outputs / "self").symlink_to(".")
    assert list(session.updated()) == ["a"]


def test_pipes_and_sockets_are_refused_and_told_once(session: Session) -> None:
    os.mkfifo(session.layout.outputs / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(session.layout.outputs, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        session.mirror.update()
        assert session.updated() == {}
    assert len(session.messages) == 2


def test_the_notebook_saved_last_is_the_dataset_and_all_edited_ones_are_kept(session: Session) -> None:
    first = session.write("first.ipynb", NOTEBOOK.replace('"metadata"', '"name": "first", "metadata"'))
    second = session.write("deep/second.ipynb", NOTEBOOK.replace('"metadata"', '"name": "second", "metadata"'))
    now = time.time()
    os.utime(first, (now, now))
    os.utime(second, (now - 10, now - 10))
    assert set(session.updated("notebook_collection")) == {"first", "deep/second"}
    assert json.loads(session.notebook.read_text())["name"] == "first"
    os.utime(second, (now + 1, now + 1))
    session.mirror.update()
    assert json.loads(session.notebook.read_text())["name"] == "second"


def test_notebooks_that_nobody_touched_are_not_collected(tmp_path: Path) -> None:
    session = Session(tmp_path)
    session.write("Start here.ipynb", NOTEBOOK)
    session.begin()
    assert session.updated("notebook_collection") == {}
    session.write("Start here.ipynb", NOTEBOOK.replace("[]", '[{"cell_type": "raw", "source": "mine"}]'))
    assert list(session.updated("notebook_collection")) == ["Start here"]


def test_a_notebook_that_was_only_opened_is_not_edited(tmp_path: Path) -> None:
    """JupyterLab saves it with its kernel's name and cells' ids, after the notebook that was worked on."""
    session = Session(tmp_path)
    cell: dict[str, object] = {
        "cell_type": "code",
        "source": ["a = 1\n", "a"],
        "outputs": [],
        "execution_count": None,
        "metadata": {},
    }
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    session.write("Start here.ipynb", json.dumps(content))
    session.begin()
    mine = session.write("mine.ipynb", json.dumps(content | {"cells": [cell | {"source": "my = 1"}]}))
    os.utime(mine, (time.time() - 60, time.time() - 60))
    opened = content | {
        "cells": [cell | {"id": "a1", "source": "a = 1\na", "metadata": {"trusted": True}}],
        "metadata": {"kernelspec": {"name": "python3"}},
        "nbformat_minor": 5,
    }
    session.write("Start here.ipynb", json.dumps(opened))
    assert session.updated("notebook_collection").keys() == {"mine"}
    assert "my = 1" in session.notebook.read_text()
    session.write("Start here.ipynb", json.dumps(opened | {"cells": [cell | {"execution_count": 1}]}))
    assert session.updated("notebook_collection").keys() == {"mine", "Start here"}


def test_notebooks_of_packages_and_checkpoints_are_not_the_users(session: Session) -> None:
    for folder in (".ipynb_checkpoints", "venv/share", "node_modules/x", "a/__pycache__"):
        session.write(f"{folder}/n.ipynb", NOTEBOOK)
    session.write("venv/pyvenv.cfg")
    assert session.updated("notebook_collection") == {}


def test_half_a_notebook_does_not_replace_a_whole_one(session: Session) -> None:
    session.write("a.ipynb", NOTEBOOK)
    session.mirror.update()
    session.write("a.ipynb", NOTEBOOK[:20])
    session.mirror.update()
    assert is_whole_notebook(session.notebook.read_bytes())


def _with(source: str) -> str:
    cell: dict[str, object] = {
        "cell_type": "code",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": source,
    }
    return json.dumps(json.loads(NOTEBOOK) | {"cells": [cell]})


def test_an_empty_notebook_is_never_chosen_while_others_have_cells(session: Session) -> None:
    work = session.write("work.ipynb", _with("a = 1"))
    earlier = time.time() - 100
    os.utime(work, (earlier, earlier))
    session.write("Untitled.ipynb", _with(" \n"))
    session.mirror.update()
    assert "a = 1" in session.notebook.read_text()
    work.unlink()
    session.mirror.update()
    assert session.notebook.read_text() == _with(" \n")


@pytest.mark.parametrize(
    "content", ["[" * 200_000, '{"cells": 5}', "no notebook", "{", '{"cells": [{"source": [1, null]}]}']
)
def test_a_bad_notebook_is_that_files_fault_alone(session: Session, content: str) -> None:
    good = session.write("good.ipynb", _with("a = 1"))
    bad = session.write("bad.ipynb", content)
    long_ago = time.time() - 60
    os.utime(good, (long_ago - 60, long_ago - 60))
    os.utime(bad, (long_ago, long_ago))
    session.write("outputs/later.txt")
    assert list(session.updated()) == ["later"]
    assert set(session.collected("notebook_collection")) == {"good", "bad"}
    assert "a = 1" in session.notebook.read_text() or "null" in content


def test_a_huge_notebook_is_never_read(session: Session) -> None:
    session.write("good.ipynb", _with("a = 1"))
    os.truncate(session.write("huge.ipynb"), 1 << 30)
    session.mirror.update()
    assert "a = 1" in session.notebook.read_text()
    assert ["'huge.ipynb' is larger than 50 MB" in message for message in session.messages].count(True) == 1


def test_more_files_than_galaxy_takes_are_told_and_fail_nothing(tmp_path: Path) -> None:
    session = Session(tmp_path, max_outputs=3).begin()
    for number in range(5):
        session.write(f"outputs/{number}.txt")
    session.write("a.ipynb", NOTEBOOK)
    assert list(session.updated()) == ["0", "1"]
    assert "Galaxy takes 3 from one job" in session.messages[0]


def test_ten_thousand_files_cost_little_once_they_are_known(session: Session) -> None:
    for number in range(10_000):
        (session.layout.outputs / f"{number}.csv").touch()
    assert len(session.updated()) == 10_000
    before = session.layout.metadata.stat(), set(session.layout.mirror.iterdir())
    session.mirror.update()
    assert (session.layout.metadata.stat(), set(session.layout.mirror.iterdir())) == before


def sparse(file: Path, size: int, content: bytes = b"a beginning") -> Path:
    """Make a file of holes: long, and next to nothing on the disk."""
    file.write_bytes(content)
    os.truncate(file, size)
    return file


def test_a_file_of_holes_is_left_out_where_a_copy_of_it_has_no_room(tmp_path: Path) -> None:
    """Galaxy copies it in full: 150 GB of zeros for nothing."""
    session = Session(tmp_path, disk_bytes=20 << 20).begin()
    large = sparse(session.write("outputs/holes.h5"), 150 << 30)
    sparse(session.write("outputs/small.h5"), 5 << 20)
    session.write("outputs/dense.txt", "x" * (1 << 20))
    assert set(session.updated()) == {"dense", "small"}
    assert len(list(session.layout.mirror.iterdir())) == 2, "what is not collected is not counted as if it were"
    (message,) = session.messages
    assert message.startswith("'outputs/holes.h5' (150.0 GB) is not collected: a copy in Galaxy has no holes")
    assert "20 MB of disk space" in message
    assert "compressed" in message
    os.truncate(large, 3)
    session.mirror.update()
    assert session.updated()["holes"] == "a b"


def test_without_a_limit_the_disk_itself_is_one(session: Session) -> None:
    sparse(session.write("outputs/holes.h5"), 1 << 42)
    session.write("outputs/a.txt")
    assert list(session.updated()) == ["a"]
    assert "'outputs/holes.h5' (4096.0 GB)" in session.messages[0]


def test_files_of_holes_are_left_out_together(tmp_path: Path) -> None:
    """Each would fit, and all of them not; those that do are kept, whatever comes first in the folder."""
    session = Session(tmp_path, disk_bytes=20 << 20).begin()
    for number in range(8):
        sparse(session.write(f"outputs/{number}.h5"), (4 + number) << 20)
    assert set(session.updated()) == {"0", "1", "2"}
    assert [message.split(" is not")[0] for message in session.messages[:3]] == [
        "'outputs/3.h5' (7.0 MB)",
        "'outputs/4.h5' (8.0 MB)",
        "'outputs/5.h5' (9.0 MB)",
    ]
    assert session.messages[3].startswith("5 files are not collected, 'outputs/3.h5' among them: a copy in Galaxy")
    session.mirror.update()
    assert len(session.messages) == 4


def test_a_file_of_holes_that_grows_is_left_out_from_then_on(tmp_path: Path) -> None:
    session = Session(tmp_path, disk_bytes=20 << 20).begin()
    file = sparse(session.write("outputs/a.h5"), 5 << 20)
    assert set(session.updated()) == {"a"}
    os.truncate(file, 30 << 20)
    assert session.updated() == {}


def test_many_names_of_one_file_are_as_many_copies(tmp_path: Path) -> None:
    session = Session(tmp_path, disk_bytes=20 << 20).begin()
    session.write("outputs/a.txt", "x" * (6 << 20))
    for number in range(9):
        (session.layout.outputs / f"{number}.txt").symlink_to("a.txt")
    assert len(session.updated()) == 3
    assert session.messages[-1].startswith("7 files are not collected")


def test_a_notebook_of_holes_is_no_output_either(tmp_path: Path) -> None:
    session = Session(tmp_path, disk_bytes=100 << 20).begin()
    session.write("good.ipynb", _with("a = 1"))
    sparse(session.write("holes.ipynb"), 150 << 30)
    assert set(session.updated("notebook_collection")) == {"good"}
    assert "a = 1" in session.notebook.read_text()


def test_a_full_disk_keeps_what_was_there(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.write("outputs/a.txt", "kept")
    session.write("a.ipynb", NOTEBOOK)
    session.mirror.update()
    before = session.layout.metadata.read_bytes(), session.notebook.read_bytes()
    refuse_writing(monkeypatch)
    session.write("outputs/b.txt")
    session.write("a.ipynb", NOTEBOOK + " ")
    session.mirror.update()
    session.mirror.update()
    assert (session.layout.metadata.read_bytes(), session.notebook.read_bytes()) == before
    assert [message for message in session.messages if "disk is full" in message] == session.messages[-1:]
    monkeypatch.undo()
    assert set(session.updated()) == {"a", "b"}


def refuse_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nebulab.files._fill", refuse)


def test_a_file_that_can_only_be_overwritten_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container a dataset may be a mount of its own."""

    def busy(self: Path, target: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    target = tmp_path / "dataset.dat"
    target.write_text("old")
    replace(target, b"new")
    assert target.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["dataset.dat"]


def test_readers_never_see_half_a_list(session: Session) -> None:
    """The list is renamed into place: one that a reader has open stays whole."""
    session.write("outputs/a.txt")
    session.mirror.update()
    with session.layout.metadata.open() as reading:
        session.write("outputs/b.txt")
        session.mirror.update()
        assert len(json.load(reading)["output_collection"]["elements"]) == 1
    assert len(session.collected()) == 2
