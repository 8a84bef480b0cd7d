"""An upload arrives byte for byte, whatever happens on the way."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from nebulab.errors import GalaxyAway, QuotaExceeded, TransferError, TransferIncomplete
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.progress import Silent
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.galaxy.waiting import verify_upload
from support.fake_galaxy import FakeGalaxy

CONTENT = bytes(range(256)) * 8192


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mödel é.bin"
    path.write_bytes(CONTENT)
    return path


def test_what_galaxy_is_told(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    item = upload(galaxy, "h1", Upload(file, "model", "h5", ["#run", "plain"]))
    assert (item.name, item.extension, item.tags) == ("model", "h5", ("name:run", "plain"))
    request = fake.fetched[0]
    element = request["targets"][0]["elements"][0]
    assert element["to_posix_lines"] is element["space_to_tab"] is request["auto_decompress"] is False
    assert element["hashes"] == [{"hash_function": "SHA-1", "hash_value": hashlib.sha1(CONTENT).hexdigest()}]
    assert fake.files[item.id] == CONTENT
    assert f"named {file.name}" in fake.requests


def test_a_broken_connection_is_taken_up_where_it_broke(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    fake.cuts = [700_001, 0, 500_000]
    item = upload(galaxy, "h1", Upload(file))
    assert fake.files[item.id] == CONTENT
    element = fake.fetched[0]["targets"][0]["elements"][0]
    assert element["hashes"][0]["hash_value"] == hashlib.sha1(CONTENT).hexdigest()


def test_galaxy_away_is_waited_for(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    fake.away = 2
    assert fake.files[upload(galaxy, "h1", Upload(file)).id] == CONTENT


def test_galaxy_that_stays_away_is_told(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    fake.cuts = [0] * 1000
    with pytest.raises(GalaxyAway):
        upload(galaxy, "h1", Upload(file))
    assert fake.fetched == []


def test_a_server_that_takes_small_pieces_only(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    fake.largest_piece = 1 << 20
    assert fake.files[upload(galaxy, "h1", Upload(file)).id] == CONTENT


def test_an_empty_file(fake: FakeGalaxy, galaxy: Galaxy, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert upload(galaxy, "h1", Upload(path)).size == 0


def test_no_room_left_sends_nothing(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    fake.user = {"quota_bytes": 3_000_000, "total_disk_usage": 2_000_000}
    with pytest.raises(QuotaExceeded, match=r"1\.0 MB left of 3\.0 MB; this needs 2\.1 MB"):
        upload(galaxy, "h1", Upload(file))
    assert fake.uploads == {}


def test_a_file_that_is_not_there(galaxy: Galaxy, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="no file"):
        upload(galaxy, "h1", Upload(tmp_path / "none"))


def test_a_file_that_shrinks_while_it_is_sent(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    class Shrinking(Silent):
        def start(self, label: str, total: int | None) -> None:
            self.shrunk = False

        def update(self, done: int) -> None:
            if not self.shrunk:
                self.shrunk = True
                os.truncate(file, 1000)

    with pytest.raises(TransferError, match="shorter"):
        upload(galaxy, "h1", Upload(file), progress=Shrinking())
    assert fake.fetched == []


def test_a_sorted_datatype_gets_no_hash(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    upload(galaxy, "h1", Upload(file, ext="bam"))
    assert "hashes" not in fake.fetched[0]["targets"][0]["elements"][0]


def test_another_size_in_galaxy_is_told(fake: FakeGalaxy, galaxy: Galaxy, file: Path) -> None:
    item = upload(galaxy, "h1", Upload(file))
    verify_upload(item, len(CONTENT))
    with pytest.raises(TransferIncomplete):
        verify_upload(item, len(CONTENT) - 1)


def test_a_folder_becomes_a_list(fake: FakeGalaxy, galaxy: Galaxy, tmp_path: Path) -> None:
    for name in ("b.tsv", "a.tsv", ".hidden"):
        (tmp_path / name).write_text(name)
    item = upload_folder(galaxy, "h1", tmp_path, name="tables", tags=["#x"])
    assert (item.name, item.collection_type, item.state) == ("tables", "list", "new")
    target = fake.fetched[0]["targets"][0]
    assert [element["name"] for element in target["elements"]] == ["a.tsv", "b.tsv"]
    sent = [bytes(content) for content in fake.uploads.values()]
    assert sent == [b"a.tsv", b"b.tsv"]


def test_folders_in_a_folder_become_a_list_of_lists(fake: FakeGalaxy, galaxy: Galaxy, tmp_path: Path) -> None:
    for name in ("one/x.txt", "two/x.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    assert upload_folder(galaxy, "h1", tmp_path).collection_type == "list:list"
    elements = fake.fetched[0]["targets"][0]["elements"]
    assert {group["name"]: [element["name"] for element in group["elements"]] for group in elements} == {
        "one": ["x.txt"],
        "two": ["x.txt"],
    }


@pytest.mark.parametrize("names", [[], ["file", "folder/file"], ["a/b/c"]])
def test_folders_that_are_no_collection(galaxy: Galaxy, tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(TransferError):
        upload_folder(galaxy, "h1", tmp_path)
