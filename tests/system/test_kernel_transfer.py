"""Files to the real Galaxy and back: byte for byte, over broken connections, and with its errors in words."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nebulab.errors import DatasetFailed, DatasetNotFound, DatasetNotReady, NotAllowed, QuotaExceeded
from nebulab.galaxy.cache import Cache
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item, list_contents
from nebulab.galaxy.digest import Digest
from nebulab.galaxy.download import download
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload, upload_folder
from nebulab.galaxy.waiting import verify_upload, wait_for_item
from support.galaxy import GalaxyUser
from support.relay import CuttingRelay
from support.stack import Stack

pytestmark = pytest.mark.system

LARGE = 64 << 20
TOOK_LONG = 500


@pytest.fixture
def connection(galaxy: GalaxyUser) -> Iterator[Galaxy]:
    with Galaxy(GalaxySettings(galaxy.url, galaxy.key)) as opened:
        yield opened


@pytest.fixture
def relay(galaxy: GalaxyUser) -> Iterator[CuttingRelay]:
    started = CuttingRelay(galaxy.url)
    yield started
    started.stop()


def test_bytes_stay_as_they_are(connection: Galaxy, history: str, tmp_path: Path) -> None:
    contents = {
        "line ends é.txt": "a\r\nb\rc\n ü".encode(),
        "täble 1.tsv": b"a b\tc\n1  2\t3",
        "packed.tsv.gz": gzip.compress(b"a\tb\n" * 100),
        "empty": b"",
        "no extension": os.urandom(1000),
        "日本語.bin": os.urandom(10),
    }
    sent: dict[str, Item] = {}
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        sent[name] = upload(connection, history, Upload(path, tags=["#tést"]))
    for name, content in contents.items():
        item = wait_for_item(connection, sent[name], TOOK_LONG)
        verify_upload(item, len(content))
        assert item.name == name
        assert download(connection, item.id, tmp_path / "back").read_bytes() == content
    listed = list_contents(connection, history)
    assert {item.name for item in listed.find(tag="#tést")} == set(contents)


def test_a_large_file_over_broken_connections(
    galaxy: GalaxyUser, history: str, relay: CuttingRelay, tmp_path: Path
) -> None:
    """Both ways the relay cuts the connection three times; what arrives is verified by Galaxy's hash and by ours."""
    file = tmp_path / "large.bin"
    file.write_bytes(os.urandom(LARGE))
    digest = hashlib.sha1(file.read_bytes()).hexdigest()
    with Galaxy(GalaxySettings(relay.url, galaxy.key)) as shaky:
        relay.up += [10_000_000, 1_000_000, 30_000_000]
        item = upload(shaky, history, Upload(file, ext="binary"))
        assert relay.up == []
        verify_upload(wait_for_item(shaky, item, TOOK_LONG), LARGE)
        assert [entry["hash_value"] for entry in shaky.get(f"datasets/{item.id}")["hashes"]] == [digest]
        relay.down += [20_000_000, 1_000_000, 30_000_000]
        got = download(shaky, item.id, tmp_path / "got.bin")
        assert relay.down == []
    assert relay.cut == 6
    assert hashlib.sha1(got.read_bytes()).hexdigest() == digest


def test_memory_stays_small(galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    with file.open("wb") as opened:
        opened.truncate(4 * LARGE)
    code = """
import json, re, sys
from pathlib import Path
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.download import download
from nebulab.galaxy.settings import GalaxySettings
from nebulab.galaxy.upload import Upload, upload
from nebulab.galaxy.waiting import wait_for_item
url, key, history, path = json.load(sys.stdin)
galaxy = Galaxy(GalaxySettings(url, key))
item = wait_for_item(galaxy, upload(galaxy, history, Upload(Path(path), ext="binary")))
download(galaxy, item.id, Path(path + ".back"))
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024 / 1e6)
"""
    order = json.dumps([galaxy.url, galaxy.key, history, str(file)])
    finished = subprocess.run([sys.executable, "-c", code], input=order, capture_output=True, text=True, check=True)
    assert float(finished.stdout) < 100
    assert (tmp_path / "large.bin.back").stat().st_size == 4 * LARGE


def test_a_folder_is_a_collection_and_comes_back(connection: Galaxy, history: str, tmp_path: Path) -> None:
    contents = {"eins/a.tsv": b"a\tb\n1\t2\n", "eins/bé.txt": b"b", "zwei/a.tsv": b"a\tb\n3\t4\n"}
    for name, content in contents.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    sent = upload_folder(connection, history, tmp_path / "folder", name="tébles", tags=["#x"])
    item = wait_for_item(connection, sent, TOOK_LONG)
    assert (item.name, item.collection_type, item.state) == ("tébles", "list:list", "ok")
    cache = Cache(tmp_path / "cache")
    paths = cache.fetch(connection, item, str(item.hid))
    root = cache.folder / str(item.hid) / "tébles"
    assert {path.relative_to(root).as_posix(): path.read_bytes() for path in paths} == contents


def test_what_arrives_changed_is_refused_by_galaxy(
    connection: Galaxy, history: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Galaxy compares the hash of what it got with that of what was sent."""
    from nebulab.galaxy import upload as module

    class Wrong(Digest):
        def value(self) -> str:
            self.close()
            return "0" * 64

    monkeypatch.setattr(module, "Digest", Wrong)
    path = tmp_path / "x.txt"
    path.write_text("content")
    with pytest.raises(DatasetFailed):
        wait_for_item(connection, upload(connection, history, Upload(path)), TOOK_LONG)


def test_states_in_words(connection: Galaxy, galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("content")
    item = upload(connection, history, Upload(path))
    with pytest.raises(DatasetNotReady, match="wait"):
        item.check_ready()
    ready = wait_for_item(connection, item, TOOK_LONG)
    connection.delete(f"datasets/{ready.id}", {"purge": True})
    gone = list_contents(connection, history, deleted=None)["x.txt"]
    with pytest.raises(DatasetFailed, match="purged"):
        gone.check_ready()
    with pytest.raises(DatasetNotFound):
        list_contents(connection, history)["x.txt"]
    with pytest.raises(DatasetNotFound):
        list_contents(connection, "0" * 16)
    with Galaxy(GalaxySettings(galaxy.url, "0" * 32)) as stranger, pytest.raises(NotAllowed):
        list_contents(stranger, history)


def test_a_full_quota(connection: Galaxy, galaxy: GalaxyUser, history: str, stack: Stack, tmp_path: Path) -> None:
    user = connection.get("users/current")
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(2_000_000))
    amount = f"{(user['total_disk_usage'] or 0) + 1_000_000:.0f} B"
    with Galaxy(GalaxySettings(galaxy.url, stack.admin_key)) as admin:
        quota = admin.post(
            "quotas",
            {"name": history, "description": "test", "amount": amount, "operation": "=", "in_users": [user["id"]]},
        )
        try:
            with pytest.raises(QuotaExceeded, match=r"1\.0 MB left"):
                upload(connection, history, Upload(path))
        finally:
            admin.delete(f"quotas/{quota['id']}", {"purge": True})
    assert len(list_contents(connection, history)) == 0
