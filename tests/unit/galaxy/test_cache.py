"""A dataset is downloaded once, and again when it changed; what is the user's own is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.errors import DatasetNotReady
from nebulab.galaxy.cache import Cache, file_name, safe_name
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def content(cache: Cache, galaxy: Galaxy, shown: dict[str, object]) -> tuple[Path, bytes]:
    path = cache.fetch(galaxy, Item.from_answer(shown), str(shown["hid"]))[0]
    return path, path.read_bytes()


def test_a_second_look_downloads_nothing(fake: FakeGalaxy, galaxy: Galaxy, cache: Cache) -> None:
    shown = fake.add("a.txt", b"content")
    assert content(cache, galaxy, shown) == content(cache, galaxy, shown) == (cache.folder / "1", b"content")
    assert fake.count("GET /api/datasets/d1/display") == 1


def test_a_changed_dataset_is_fetched_again(fake: FakeGalaxy, galaxy: Galaxy, cache: Cache) -> None:
    shown = fake.add("a.txt", b"old")
    content(cache, galaxy, shown)
    fake.files["d1"] = b"new!"
    shown |= {"update_time": "2026-02-02", "file_size": 4}
    assert content(cache, galaxy, shown) == (cache.folder / "1", b"new!")


def test_what_the_user_wrote_is_kept(fake: FakeGalaxy, galaxy: Galaxy, cache: Cache) -> None:
    shown = fake.add("a.txt", b"content")
    cache.folder.mkdir()
    (cache.folder / "1").write_bytes(b"mine")
    assert content(cache, galaxy, shown) == (cache.folder / "1_2", b"content")
    assert content(cache, galaxy, shown) == (cache.folder / "1_2", b"content")
    assert (cache.folder / "1").read_bytes() == b"mine"


def test_a_running_dataset_is_not_fetched(fake: FakeGalaxy, galaxy: Galaxy, cache: Cache) -> None:
    with pytest.raises(DatasetNotReady):
        content(cache, galaxy, fake.add("a.txt", state="running"))


def test_a_named_path_has_the_name_and_the_extension(fake: FakeGalaxy, galaxy: Galaxy, cache: Cache) -> None:
    path = cache.named(galaxy, Item.from_answer(fake.add("tést", b"x", extension="h5")), "1")
    assert path.name == "tést.h5"
    assert path.read_bytes() == b"x"


def test_a_collection_keeps_its_structure(fake: FakeGalaxy, galaxy: Galaxy, cache: Cache) -> None:
    first, second = fake.add("x", b"1"), fake.add("y", b"2", extension="tabular")

    def element(name: str, shown: dict[str, object]) -> dict[str, object]:
        return {"element_identifier": name, "element_type": "hda", "object": shown}

    inner: dict[str, object] = {"element_identifier": "sub/../part", "element_type": "dataset_collection"}
    inner["object"] = {"elements": [element("a.txt", first)]}
    fake.answers["dataset_collections/c1"] = {"elements": [inner, element("b", second)]}
    collection = {
        "id": "c1",
        "hid": 9,
        "name": "pairs",
        "visible": True,
        "deleted": False,
        "history_id": "h1",
        "history_content_type": "dataset_collection",
        "collection_type": "list",
        "populated_state": "ok",
        "elements_states": {"ok": 2},
    }
    paths = cache.fetch(galaxy, Item.from_answer(collection), "9")
    assert [path.relative_to(cache.folder).as_posix() for path in paths] == [
        "9/pairs/sub_.._part/a.txt",
        "9/pairs/b.tabular",
    ]
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a/b", "a_b"),
        ("..", "_.."),
        ("", "_"),
        (".nebulab", "_.nebulab"),
        ("a\nb\x00", "a_b_"),
        ("tést 1.tsv", "tést 1.tsv"),
    ],
)
def test_names_stay_inside_their_folder(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_long_names_keep_their_extension() -> None:
    name = safe_name("é" * 300 + ".tsv")
    assert name.endswith("é.tsv")
    assert len(name.encode()) <= 200


@pytest.mark.parametrize(
    ("name", "extension", "file"),
    [
        ("train.tsv", "tabular", "train.tsv"),
        ("train", "tabular", "train.tabular"),
        ("model.ONNX", "onnx", "model.ONNX"),
        ("Cut on data 3", "csv", "Cut on data 3.csv"),
    ],
)
def test_file_names(fake: FakeGalaxy, name: str, extension: str, file: str) -> None:
    assert file_name(Item.from_answer(fake.add(name, extension=extension))) == file
