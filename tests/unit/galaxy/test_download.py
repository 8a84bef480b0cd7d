"""A download arrives whole under its final name, or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from nebulab.errors import DiskFull, GalaxyAway, HashMismatch, TransferIncomplete
from nebulab.galaxy import download as module
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.download import download
from nebulab.galaxy.progress import Silent
from nebulab.galaxy.reading import Content
from support.fake_galaxy import FakeGalaxy

CONTENT = bytes(range(256)) * 8192


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "tést.bin"


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def fetch(fake: FakeGalaxy, galaxy: Galaxy, target: Path, **fields: object) -> Path:
    return download(galaxy, fake.add("test.bin", CONTENT, **fields)["id"], target)


def test_a_whole_download(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    assert fetch(fake, galaxy, target).read_bytes() == CONTENT
    assert names(target.parent) == [target.name]
    assert target.stat().st_mode & 0o777 == 0o644


def test_a_page_of_html_arrives_as_it_is(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    """Galaxy packs every one of them, since some have files beside them."""
    fake.add("one.html", CONTENT, extension="html")
    fake.add("several.html", CONTENT, extension="html")
    fake.answers["datasets/d2/extra_files"] = [{"class": "File", "path": "plot.png"}]
    fake.cuts = [700_001]
    assert download(galaxy, "d1", target).read_bytes() == CONTENT
    with zipfile.ZipFile(download(galaxy, "d2", target)) as archive:
        assert archive.namelist() == ["page.html"]


def test_an_empty_dataset(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    download(galaxy, fake.add("empty")["id"], target)
    assert target.read_bytes() == b""


def test_a_broken_connection_is_taken_up_where_it_broke(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.cuts = [700_001, 1, 500_000]
    assert fetch(fake, galaxy, target).read_bytes() == CONTENT
    assert fake.count("GET /api/datasets/d1/display") == 4


def test_a_server_without_ranges_sends_the_beginning_again(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.ranges = False
    fake.cuts = [700_001, 900_000]
    assert fetch(fake, galaxy, target).read_bytes() == CONTENT


def test_galaxy_away_in_the_middle_is_waited_for(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.cuts = [100_000]
    fake.before_content = lambda: setattr(fake, "away", 2) if len(fake.cuts) == 1 else None
    assert fetch(fake, galaxy, target).read_bytes() == CONTENT


def test_progress_renews_the_patience(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.cuts = [100_000] * 12
    began = time.monotonic()
    assert fetch(fake, galaxy, target).read_bytes() == CONTENT
    assert time.monotonic() - began > galaxy.settings.patience


def test_galaxy_that_stays_away_leaves_nothing_behind(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.cuts = [100_000] + [0] * 1000
    with pytest.raises(GalaxyAway):
        fetch(fake, galaxy, target)
    assert names(target.parent) == []


def test_an_announced_length_that_never_comes(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.announce = lambda size: size + 10
    with pytest.raises((TransferIncomplete, GalaxyAway)):
        fetch(fake, galaxy, target, file_size=len(CONTENT) + 10)
    assert names(target.parent) == []


def test_a_server_between_that_shortens(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    with pytest.raises(TransferIncomplete, match=str(len(CONTENT) + 1)):
        fetch(fake, galaxy, target, file_size=len(CONTENT) + 1)
    assert names(target.parent) == []


@pytest.mark.parametrize(("function", "name"), [("SHA-256", "sha256"), ("MD5", "md5"), ("SHA-1", "sha1")])
def test_a_hash_is_verified_over_broken_connections(
    fake: FakeGalaxy, galaxy: Galaxy, target: Path, function: str, name: str
) -> None:
    fake.cuts = [300_000, 5]
    value = hashlib.new(name, CONTENT).hexdigest()
    hashes = [{"hash_function": function, "hash_value": value, "extra_files_path": None}]
    assert fetch(fake, galaxy, target, hashes=hashes).read_bytes() == CONTENT


def test_another_content_of_the_same_length(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"kept")
    with pytest.raises(HashMismatch):
        fetch(fake, galaxy, target, hashes=[{"hash_function": "SHA-256", "hash_value": "0" * 64}])
    assert target.read_bytes() == b"kept"
    assert names(target.parent) == [target.name]


def test_a_dataset_that_is_replaced_meanwhile_begins_again(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    fake.cuts = [500_000]
    later = bytes(reversed(CONTENT))

    def replace() -> None:
        if not fake.cuts:
            fake.etag, fake.files["d1"] = "second", later

    fake.before_content = replace
    assert fetch(fake, galaxy, target).read_bytes() == later


def test_a_disk_without_room_says_what_is_needed(
    fake: FakeGalaxy, galaxy: Galaxy, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(1, 1, 1000))
    with pytest.raises(DiskFull, match=r"2\.1 MB are needed, 1\.0 kB are free"):
        fetch(fake, galaxy, target)
    assert names(target.parent) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_a_disk_that_fills_up_meanwhile(fake: FakeGalaxy, galaxy: Galaxy, tmp_path: Path) -> None:
    shown = fake.add("test.bin", CONTENT)
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        Content(galaxy, shown["id"]) as content,
        pytest.raises(DiskFull),
    ):
        module._copy(content, full.fileno(), tmp_path, None, Silent())


def test_an_interrupt_leaves_nothing_behind(fake: FakeGalaxy, galaxy: Galaxy, target: Path) -> None:
    class Interrupted(Silent):
        ended = ""

        def update(self, done: int) -> None:
            raise KeyboardInterrupt

        def finish(self, error: str = "") -> None:
            self.ended = error

    progress = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        download(galaxy, fake.add("test.bin", CONTENT)["id"], target, progress=progress)
    assert names(target.parent) == []
    assert progress.ended == "KeyboardInterrupt"


def test_a_stream_seeks_and_survives(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    fake.cuts = [1000]
    with Content(galaxy, fake.add("test.bin", CONTENT)["id"]) as content:
        content.seek(-300, os.SEEK_END)
        assert content.readall() == CONTENT[-300:]
        content.seek(5)
        assert content.read(3) == CONTENT[5:8]
