"""An outputs' folder with everything that a file system can hold: what can be kept arrives, the rest is told.

Names, kinds, sizes and depths by chance, also while they change. HOSTILE_EXAMPLES in the environment asks for more than
CI's few.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nebulab.session.layout import Layout
from nebulab.session.outputs.collected import Collected
from nebulab.session.outputs.elements import LONGEST_IDENTIFIER, Datatypes
from nebulab.session.outputs.mirror import Mirror
from nebulab.session.outputs.results import COLLECTIONS, Results
from support.folders import make_deep

EXAMPLES = 40
DISK = 20 << 20
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
KINDS = (
    *("file", "file", "file", "empty", "holes", "huge", "unreadable"),
    *("folder", "pipe", "socket", "device", "link in", "link out", "link to nothing", "loop", "around", "second name"),
)

# A name is bytes but "/" and NUL, up to 255 of them: line ends, marks that turn the writing around, trailing dots.
odd = some.sampled_from(
    ["\n", "\r", "\t", "\x1b[31m", "\u202e", "\u200b", ".", " ", "e\u0301", "é", "💥", "'", '"', "\\", "-"]
)
pieces = some.one_of(odd, some.text(max_size=8), some.sampled_from([".csv", ".ipynb", ".tar.gz", "a", "A", "x" * 240]))
texts = some.lists(pieces, min_size=1, max_size=6).map("".join).map(lambda text: text.encode("utf-8", "replace"))
names = (
    some.one_of(texts, some.binary(min_size=1, max_size=255))
    .map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_")[:255])
    .filter(lambda name: name not in {b".", b".."} and not name.startswith(b".~"))
    .map(os.fsdecode)
)


@dataclass
class Hostile:
    """A folder, and what was put there: the contents that must arrive, and the names of what must be told."""

    folder: Path
    files: dict[Path, bytes] = field(default_factory=dict)
    told: list[Path] = field(default_factory=list)
    long: list[Path] = field(default_factory=list)

    def put(self, kind: str, path: Path, number: int) -> None:
        """Make one entry; a name that the file system does not take makes none."""
        with contextlib.suppress(OSError):
            getattr(self, "_" + kind.replace(" ", "_"))(path, f"content {number}".encode())

    def _file(self, path: Path, content: bytes) -> None:
        with path.open("xb") as file:
            file.write(content)
        self.files[path] = content

    def _empty(self, path: Path, content: bytes) -> None:
        self._file(path, b"")

    def _unreadable(self, path: Path, content: bytes) -> None:
        self._file(path, content)
        path.chmod(0)

    def _holes(self, path: Path, content: bytes) -> None:
        self._file(path, b"")
        os.truncate(path, 70_000)
        self.files[path] = bytes(70_000)

    def _huge(self, path: Path, content: bytes) -> None:
        with path.open("xb"):
            os.truncate(path, 10 << 30)
        self.long.append(path)

    def _folder(self, path: Path, content: bytes) -> None:
        path.mkdir()
        if path.name not in {"__pycache__", ".git", ".ipynb_checkpoints"}:
            self._file(path / "inner", content)

    def _pipe(self, path: Path, content: bytes) -> None:
        os.mkfifo(path)
        self.told.append(path)

    def _socket(self, path: Path, content: bytes) -> None:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(os.fsencode(f"/proc/self/fd/{folder}/") + os.fsencode(path.name))
        finally:
            os.close(folder)
        self.told.append(path)

    def _device(self, path: Path, content: bytes) -> None:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero, whose content has no end
        self.told.append(path)

    def _link_in(self, path: Path, content: bytes) -> None:
        target = next(iter(self.files), None)
        if target is not None:
            path.symlink_to(os.path.relpath(target, path.parent))
            self.files[path] = self.files[target]

    def _link_out(self, path: Path, content: bytes) -> None:
        path.symlink_to("/etc/passwd")
        self.told.append(path)

    def _link_to_nothing(self, path: Path, content: bytes) -> None:
        path.symlink_to("nothing of this name")
        self.told.append(path)

    def _loop(self, path: Path, content: bytes) -> None:
        path.symlink_to(path.name)
        self.told.append(path)

    def _around(self, path: Path, content: bytes) -> None:
        path.symlink_to(".")
        self.told.append(path)

    def _second_name(self, path: Path, content: bytes) -> None:
        target = next(iter(self.files), None)
        if target is not None and not target.is_symlink():
            os.link(target, path)
            self.files[path] = self.files[target]


@contextlib.contextmanager
def session(which: str) -> Iterator[tuple[Collected, Layout, list[str], Path]]:
    """What keeps the outputs of a session or of a training, and the folder that is to be filled."""
    root = Path(tempfile.mkdtemp(prefix="hostile-"))
    try:
        layout = Layout(root / "working")
        for made in (layout.outputs, layout.results / "files"):
            made.mkdir(parents=True)
        messages: list[str] = []
        datatypes = Datatypes(["csv", "txt", "ipynb", "tar.gz"])
        collected: Collected
        if which == "session":
            dataset = root / "notebook.dat"
            dataset.touch()
            collected = Mirror(layout, datatypes, messages.append, notebook_output=dataset, disk_bytes=DISK)
        else:
            collected = Results(layout, datatypes, messages.append, datasets={}, max_outputs=10_000, disk_bytes=DISK)
        collected.begin(NOTEBOOK)
        with pytest.MonkeyPatch.context() as patched:
            # How long it waits for a notebook that is just being written.
            patched.setattr("nebulab.session.outputs.mirror._WRITING_SECONDS", 0)
            yield collected, layout, messages, layout.outputs if which == "session" else layout.results / "files"
    finally:
        shutil.rmtree(root)


def elements(layout: Layout) -> list[dict[str, Any]]:
    listed: dict[str, Any] = json.loads(layout.metadata.read_text(encoding="utf-8"))
    assert listed.keys() <= {"output_collection", "notebook_collection", *COLLECTIONS.values()}
    return [element for collection in listed.values() for element in collection["elements"]]


def require_sound(layout: Layout) -> None:
    """Whatever happens: Galaxy can take what is listed, each a file under a name of its own."""
    found = elements(layout)
    assert len({element["name"] for element in found}) == len(found)
    for element in found:
        assert 0 < len(element["name"]) <= LONGEST_IDENTIFIER
        assert element["name"].isprintable()
        assert element["name"] == element["name"].encode("utf-8").decode("utf-8").strip()
        link = layout.root / element["filename"]
        assert link.is_relative_to(layout.mirror)
        assert not link.is_symlink()
        assert link.is_file()


@pytest.mark.parametrize("which", ["session", "training"])
@settings(max_examples=int(os.environ.get("HOSTILE_EXAMPLES", EXAMPLES)), deadline=None, database=None)
@given(entries=some.lists(some.tuples(some.sampled_from(KINDS), names, some.integers(0, 3)), max_size=25))
def test_what_can_be_kept_arrives_and_the_rest_is_told(which: str, entries: list[tuple[str, str, int]]) -> None:
    with session(which) as (collected, layout, messages, folder):
        hostile = Hostile(folder)
        for number, (kind, name, depth) in enumerate(entries):
            below = folder.joinpath(*["deep"] * depth)
            below.mkdir(parents=True, exist_ok=True)
            hostile.put(kind, below / name, number)
        if which == "training":
            # A training's hidden files are its own.
            hostile.files = {path: content for path, content in hostile.files.items() if not path.name.startswith(".")}
            hostile.long = [path for path in hostile.long if not path.name.startswith(".")]
        collected.update()
        collected.update()
        require_sound(layout)
        arrived = sorted((layout.root / element["filename"]).read_bytes() for element in elements(layout))
        assert arrived == sorted(hostile.files.values())
        refused = len({*hostile.told, *hostile.long})
        assert bool(messages) == bool(refused)
        assert len(messages) <= 4 * len({message.rpartition(": ")[2] for message in messages})


@pytest.mark.parametrize("which", ["session", "training"])
def test_what_changes_while_it_is_read_ends_nothing(which: str) -> None:
    """Files, folders and links that come, go and take one another's places, as fast as they can."""
    chance = random.Random(5)
    over = threading.Event()
    with session(which) as (collected, layout, _, folder):

        def change() -> None:
            while not over.is_set():
                path = folder.joinpath(*chance.choices("abc", k=chance.randint(1, 3)))
                with contextlib.suppress(OSError):
                    if chance.random() < 0.3:
                        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                    else:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        Hostile(folder).put(chance.choice(KINDS), path, 1)

        changing = threading.Thread(target=change)
        changing.start()
        try:
            for _ in range(60):
                collected.update()
                # Galaxy may collect now; what the list names stays as long as the next list is not there.
                require_sound(layout)
        finally:
            over.set()
            changing.join()
        shutil.rmtree(folder)
        folder.mkdir()
        Hostile(folder).put("file", folder / "last", 7)
        collected.update()
        assert [(layout.root / element["filename"]).read_bytes() for element in elements(layout)] == [b"content 7"]


def test_a_thousand_folders_deep_is_told_and_the_rest_arrives() -> None:
    with session("session") as (collected, layout, messages, folder):
        make_deep(folder, "a folder", 1000)
        collected.update()
        require_sound(layout)
        assert len(elements(layout)) == 64
        (message,) = messages
        assert "it lies in too many folders for Galaxy" in message
        assert len(message) < 400
        shutil.move(folder / "a folder", layout.root / "a folder")
        os.system(f"rm -r '{layout.root / 'a folder'}'")


def test_thousands_that_are_not_collected_drive_no_other_message_away() -> None:
    with session("session") as (collected, layout, messages, folder):
        for number in range(3000):
            os.mkfifo(folder / f"{number}")
        (folder / "link").symlink_to("/etc/passwd")
        for number in range(3):
            (folder / f"{number}.txt").write_text("kept")
            collected.update()
            assert len(elements(layout)) == number + 1
        assert len(messages) == 5
        assert "3,000 files are not collected" in " ".join(messages)


def test_those_that_come_when_others_were_mended_are_told_too() -> None:
    with session("session") as (collected, _, messages, folder):
        for number in range(5):
            os.mkfifo(folder / f"{number}")
            collected.update()
            (folder / f"{number}").unlink()
            collected.update()
        assert [message.split()[0] for message in messages] == [f"'outputs/{number}'" for number in range(5)]


def test_links_that_multiply_folders_end_no_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nebulab.session.outputs.scan._MOST", 500)
    with session("session") as (collected, layout, messages, folder):
        (folder / "many").mkdir()
        for number in range(60):
            (folder / "many" / f"{number}.csv").write_text(f"{number}")
            (folder / f"link {number}").symlink_to("many")
        collected.update()
        require_sound(layout)
        assert len(elements(layout)) == 500
        assert "a scan ends after" in messages[-1]


@pytest.mark.parametrize("kind", ["file", "pipe", "link out", "loop"])
def test_outputs_that_is_no_folder_is_told(kind: str) -> None:
    with session("session") as (collected, layout, messages, folder):
        folder.rmdir()
        Hostile(folder.parent).put(kind, folder, 1)
        collected.update()
        assert elements(layout) == []
        assert messages == ["'outputs' is not collected: it must be a folder for what is in it to be collected."]


def test_one_that_can_not_be_linked_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def refuse(name: str, target: Path, **options: Any) -> None:
        if name == "bad":
            raise PermissionError(13, "Permission denied")
        link(name, target, **options)

    with session("session") as (collected, layout, messages, folder):
        monkeypatch.setattr(os, "link", refuse)
        for name in ("a", "bad", "z"):
            (folder / name).write_text(name)
        (layout.mirror / "1").mkdir()
        collected.update()
        collected.update()
        assert sorted(element["name"] for element in elements(layout)) == ["a", "z"]
        assert messages == ["'outputs/bad' is not collected: no link to it can be made (Permission denied)."]


def test_a_file_that_nobody_may_read_arrives() -> None:
    with session("session") as (collected, layout, _, folder):
        Hostile(folder).put("unreadable", folder / "secret.txt", 1)
        collected.update()
        (element,) = elements(layout)
        assert (layout.root / element["filename"]).stat().st_mode & 0o400
