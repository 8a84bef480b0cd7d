"""A new version of an environment is put in place at once, and an old one stays while somebody uses it."""

from __future__ import annotations

import os
from pathlib import Path

from nebulab import files
from nebulab.contract import ENVIRONMENT_IN_USE
from nebulab.stack import folders

KEY = "0123456789abcdef"


def version(link: Path, content: str, key: str = KEY) -> Path:
    """Build a version in the first free folder, and put it in place."""
    folder = next(folders.free(link, key))
    folder.mkdir(exist_ok=True)
    (folder / "content").write_text(content)
    folders.put_in_place(link, folder)
    return folder


def test_the_name_leads_to_the_new_version(tmp_path: Path) -> None:
    link = tmp_path / "kernels"
    first = version(link, "first")
    assert (link.resolve(), first.name) == (first, "kernels-0123456789")
    second = version(link, "second")
    assert (link / "content").read_text() == "second"
    assert second != first
    assert not link.readlink().is_absolute(), "the folder of all environments may be mounted elsewhere"
    assert folders.unused(link) == [first]
    folders.remove(first)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["kernels", second.name])
    assert next(folders.free(link, KEY)) == first


def test_a_version_that_a_session_uses_stays(tmp_path: Path) -> None:
    link = tmp_path / "kernels"
    first = version(link, "first")
    session = files.hold(first / ENVIRONMENT_IN_USE)
    another = files.hold(first / ENVIRONMENT_IN_USE)
    assert session is not None
    assert another is not None
    second = version(link, "second", "f" * 10)
    os.close(another)
    assert folders.unused(link) == []
    folders.remove(first)
    assert (first / "content").read_text() == "first"
    assert next(folders.free(link, KEY)) not in {first, second}, "nobody builds in it either"
    os.close(session)
    assert folders.unused(link) == [first]


def test_an_environment_without_a_link_gives_way(tmp_path: Path) -> None:
    link = tmp_path / "kernels"
    link.mkdir()
    (link / "content").write_text("before")
    version(link, "new")
    assert (link / "content").read_text() == "new"
    assert [(folder / "content").read_text() for folder in folders.unused(link)] == ["before"]


def test_what_others_put_beside_it_is_left_alone(tmp_path: Path) -> None:
    link = tmp_path / "kernels"
    version(link, "first")
    for name in ("kernels-mine", "kernels-0123456789.zip", "lab-0123456789", "kernels-012345678"):
        (tmp_path / name).mkdir()
    assert folders.unused(link) == []


def test_an_install_is_held_by_the_installer_that_outlives_its_caller(tmp_path: Path) -> None:
    link = tmp_path / "kernels"
    building = next(folders.free(link, KEY))
    building.mkdir()
    held = folders.hold(building)
    inherited = os.dup(held)
    os.close(held)
    assert next(folders.free(link, KEY)) != building
    os.close(inherited)
    assert next(folders.free(link, KEY)) == building
