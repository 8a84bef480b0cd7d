"""A transfer of the panel: it arrives whole, replaces nothing, leaves no part behind, and says how far it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import DatasetNotReady, SettingsError, TransferError
from nebulab.kernel.panel.moving import Reporter, move
from support.fake_galaxy import KEY, FakeGalaxy

CONTENT = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def session(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALAXY_URL", fake.url)
    monkeypatch.setenv("API_KEY", KEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def wish(folder: Path, identifier: str, kind: str = "dataset") -> dict[str, Any]:
    return {
        "do": "download",
        "id": identifier,
        "kind": kind,
        "history": "h1",
        "folder": str(folder),
        "root": str(folder),
    }


def say(_: dict[str, Any]) -> None:
    pass


def test_a_download_gets_the_datasets_name(fake: FakeGalaxy, tmp_path: Path) -> None:
    dataset = fake.add("a/b table", CONTENT, extension="tabular")
    said: list[dict[str, Any]] = []
    assert move(wish(tmp_path, dataset["id"]), said.append) == {"path": "a_b table.tabular"}
    assert (tmp_path / "a_b table.tabular").read_bytes() == CONTENT
    assert said[-1] == {"done": len(CONTENT), "total": len(CONTENT)}


def test_nothing_that_is_there_is_replaced(fake: FakeGalaxy, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("mine")
    (tmp_path / "x-2.txt").symlink_to(tmp_path / "nowhere")
    dataset = fake.add("x.txt", CONTENT)
    assert move(wish(tmp_path, dataset["id"]), say) == {"path": "x-3.txt"}
    assert (tmp_path / "x.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["../../evil", "..", ".", "/etc/passwd", "a\0b", "-rf", "x" * 500])
def test_a_hostile_name_stays_in_the_folder(fake: FakeGalaxy, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    move(wish(folder, fake.add(name, CONTENT)["id"]), say)
    (file,) = folder.iterdir()
    assert file.read_bytes() == CONTENT
    assert [each.name for each in tmp_path.rglob("*") if each.is_file()] == [file.name]


def test_what_fails_leaves_nothing(fake: FakeGalaxy, folder: Path) -> None:
    with pytest.raises(DatasetNotReady):
        move(wish(folder, fake.add("x", CONTENT, state="running")["id"]), say)
    dataset = fake.add("y.txt", CONTENT, hashes=[{"hash_function": "MD5", "hash_value": "0" * 32}])
    with pytest.raises(TransferError):
        move(wish(folder, dataset["id"]), say)
    assert list(folder.iterdir()) == []


def test_a_collection_becomes_a_folder(fake: FakeGalaxy, tmp_path: Path) -> None:
    first, second = fake.add("1", CONTENT), fake.add("2", CONTENT)
    fake.answers["histories/h1/contents/dataset_collections/c1"] = first | {
        "id": "c1",
        "name": "samples",
        "history_content_type": "dataset_collection",
        "collection_type": "list:list",
        "populated_state": "ok",
    }
    fake.answers["dataset_collections/c1"] = {
        "elements": [
            {
                "element_identifier": name,
                "element_type": "dataset_collection",
                "object": {"elements": [{"element_identifier": "x", "element_type": "hda", "object": dataset}]},
            }
            for name, dataset in (("a", first), ("../b", second))
        ]
    }
    said: list[dict[str, Any]] = []
    assert move(wish(tmp_path, "c1", "collection"), said.append) == {"path": "samples"}
    files = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file())
    assert files == ["samples/.._b/x.txt", "samples/a/x.txt"]
    assert said[-1] == {"done": 2 * len(CONTENT), "total": 2 * len(CONTENT)}
    # A second one lies beside it.
    assert move(wish(tmp_path, "c1", "collection"), say) == {"path": "samples-2"}


def test_an_upload_becomes_a_dataset(fake: FakeGalaxy, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(CONTENT)
    said: list[dict[str, Any]] = []
    found = move({"do": "upload", "path": str(tmp_path / "model.onnx"), "history": "h1"}, said.append)
    assert fake.files[found["id"]] == CONTENT
    assert fake.shown[found["id"]]["extension"] == "onnx"
    assert said[-1]["done"] == len(CONTENT)


def test_a_folder_becomes_a_collection(fake: FakeGalaxy, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / "data" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "data" / name).write_bytes(CONTENT)
    said: list[dict[str, Any]] = []
    assert move({"do": "upload", "path": str(tmp_path / "data"), "history": "h1"}, said.append)["id"] == "c1"
    assert said[-1] == {"done": 2 * len(CONTENT), "total": 2 * len(CONTENT)}


def test_an_upload_that_breaks_goes_on_where_it_was(fake: FakeGalaxy, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(CONTENT * 100)
    fake.cuts = [50_000]
    found = move({"do": "upload", "path": str(tmp_path / "x.bin"), "history": "h1"}, say)
    assert fake.files[found["id"]] == CONTENT * 100


def test_a_folder_that_can_not_be_written_to_is_told(fake: FakeGalaxy, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read or written"):
        move(wish(tmp_path / "gone", fake.add("x", CONTENT)["id"]), say)


def test_progress_is_told_at_times(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[dict[str, Any]] = []
    reporter = Reporter(said.append)
    reporter.start("x", 1000)
    for done in range(1000):
        reporter.update(done)
    reporter.finish()
    assert len(said) < 20
    assert said[-1] == {"done": 999, "total": 1000}


def test_ended_from_outside_it_leaves_no_part(fake: FakeGalaxy, folder: Path) -> None:
    dataset = fake.add("x.bin", CONTENT)
    fake.before_content = lambda: time.sleep(5)
    process = subprocess.Popen(
        [sys.executable, "-m", "nebulab.kernel.panel.moving"], stdin=subprocess.PIPE, env=os.environ, cwd=folder
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(wish(folder, dataset["id"])).encode())
    process.stdin.close()
    deadline = time.monotonic() + 20
    while not list(folder.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(folder.iterdir())
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    assert list(folder.iterdir()) == []
