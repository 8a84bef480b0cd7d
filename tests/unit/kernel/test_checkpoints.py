"""A checkpoint without a Galaxy is a folder on the disk; with one it comes back from the history, whatever happened."""

from __future__ import annotations

import errno
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import nebulab
from nebulab.errors import SettingsError, TransferError
from nebulab.kernel import checkpoints
from support.fake_galaxy import FakeGalaxy


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("GALAXY_URL", "API_KEY", "HISTORY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "_open", {})
    at_exit: list[Callable[[], None]] = []
    monkeypatch.setattr("atexit.register", at_exit.append)
    yield
    for last in at_exit:
        last.__self__._over.set()  # type: ignore[attr-defined]


def test_it_is_a_folder_that_is_found_again(tmp_path: Path) -> None:
    folder = nebulab.checkpoint("train-1")
    (folder / "state.txt").write_text("3")
    folder.save()
    assert nebulab.checkpoint("train-1") is folder
    assert Path(folder) == tmp_path / ".checkpoints" / "train-1"
    assert "1 file in" in repr(folder)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200, "a b"])
def test_a_name_that_is_no_folders_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="can't be called"):
        nebulab.checkpoint(name)


# --- with a Galaxy --------------------------------------------------------------------------------------------------


@pytest.fixture
def new_run(monkeypatch: pytest.MonkeyPatch, nowhere: None, fake: FakeGalaxy, tmp_path: Path) -> Callable[[], None]:
    """Begin a run of a notebook, in a folder of its own."""

    def begin() -> None:
        folder = tmp_path / f"run {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        checkpoints._open.clear()

    begin()
    return begin


def versions(fake: FakeGalaxy) -> list[dict[str, bytes]]:
    """The files of each version in the history."""
    found = []
    for shown in fake.contents:
        with zipfile.ZipFile(BytesIO(fake.files[shown["id"]])) as archive:
            found.append({name: archive.read(name) for name in archive.namelist() if not name.endswith("/")})
    return found


def soon(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 10
    while not (found := what()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_the_next_run_finds_what_the_last_one_saved(fake: FakeGalaxy, new_run: Callable[[], None]) -> None:
    folder = nebulab.checkpoint("train")
    (folder / "deep").mkdir()
    (folder / "deep" / "state.txt").write_text("3")
    (folder / "empty").mkdir()
    folder.save()
    folder.save()
    assert versions(fake) == [{"deep/state.txt": b"3"}], "what has not changed is not sent again"
    assert [path.name for path in Path(folder).parent.iterdir()] == ["train"]
    new_run()
    again = nebulab.checkpoint("train")
    assert (again / "deep" / "state.txt").read_text() == "3"
    assert (again / "empty").is_dir()


@pytest.mark.parametrize("there", ["", "empty", "empty/deep"])
def test_an_empty_folder_in_its_place_does_not_keep_it_away(
    fake: FakeGalaxy, new_run: Callable[[], None], there: str
) -> None:
    folder = nebulab.checkpoint("train")
    (folder / "state.txt").write_text("3")
    folder.save()
    new_run()
    path = Path(checkpoints.FOLDER, "train", there)
    path.mkdir(parents=True)
    assert (nebulab.checkpoint("train") / "state.txt").read_text() == "3"
    assert path.is_dir()


def test_what_lies_there_already_is_left_alone(fake: FakeGalaxy, new_run: Callable[[], None]) -> None:
    folder = nebulab.checkpoint("train")
    (folder / "state.txt").write_text("3")
    folder.save()
    new_run()
    path = Path(checkpoints.FOLDER, "train", "deep", "newer.txt")
    path.parent.mkdir(parents=True)
    path.write_text("4")
    nebulab.checkpoint("train")
    assert path.read_text() == "4"
    assert not path.parent.with_name("state.txt").exists()


def test_a_broken_version_is_told_and_nothing_begins_anew(fake: FakeGalaxy, new_run: Callable[[], None]) -> None:
    fake.add("checkpoint train", b"no zip", tags=[checkpoints.TAG])
    with pytest.raises(TransferError, match="can't be unpacked"):
        nebulab.checkpoint("train")


def test_what_cannot_be_packed_is_told_and_the_sent_version_stays(
    fake: FakeGalaxy, new_run: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = nebulab.checkpoint("train")
    (folder / "state.txt").write_text("3")
    folder.save()
    (folder / "state.txt").write_text("4")
    (folder / "gone.txt").write_text("soon")
    listed = checkpoints._files

    def vanishes(path: Path) -> list[Path]:
        """As for a file that is deleted between the listing and its turn."""
        found = listed(path)
        (path / "gone.txt").unlink(missing_ok=True)
        return found

    with monkeypatch.context() as meanwhile, pytest.raises(TransferError, match="can't be packed"):
        meanwhile.setattr(checkpoints, "_files", vanishes)
        meanwhile.setattr(checkpoints.Checkpoint, "_state", lambda self: "changed")
        folder.save()
    assert versions(fake) == [{"state.txt": b"3"}]
    folder.save()
    assert versions(fake)[-1] == {"state.txt": b"4"}


def test_the_thread_that_sends_outlives_what_fails(
    fake: FakeGalaxy, new_run: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A full disk, a file that goes while it is packed: the next time is another try."""
    monkeypatch.setattr(checkpoints, "_STILL_SECONDS", 0.0)
    failures = iter([OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), FileNotFoundError("gone"), RuntimeError("grew")])
    send = checkpoints.Checkpoint._send

    def fails_at_first(self: checkpoints.Checkpoint, galaxy: Any) -> None:
        for error in failures:
            raise error
        send(self, galaxy)

    monkeypatch.setattr(checkpoints.Checkpoint, "_send", fails_at_first)
    folder = nebulab.checkpoint("train", every=0.01)
    (folder / "state.txt").write_text("3")
    try:
        assert soon(lambda: fake.contents)
    finally:
        folder._every = 3600.0
    assert versions(fake) == [{"state.txt": b"3"}]
    assert capsys.readouterr().err.count("was not sent, and will be") == 3
    assert any(thread.name == "nebulab-checkpoint-train" for thread in threading.enumerate())
