"""A session without a job: where its own files go, what it leaves alone, and what it warns of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nebulab import contract
from nebulab.errors import SettingsError
from nebulab.session import settings, standalone
from nebulab.session.inputs import start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A person's folder."""
    made = tmp_path / "analysis"
    made.mkdir()
    return made


def test_nothing_of_the_session_lies_in_the_persons_folder(folder: Path, tmp_path: Path) -> None:
    layout = standalone.layout(folder, {"NEBULAB_STATE": str(tmp_path / "state")})
    assert layout.work == folder
    for own in (layout.own, layout.overlay, layout.staged, layout.home, layout.server_log, layout.mirror):
        assert own.is_relative_to(tmp_path / "state")


def test_the_same_folder_finds_its_packages_again_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    again = standalone.layout(folder / ".." / "analysis", environment)
    assert standalone.layout(folder, environment).overlay == again.overlay
    other = tmp_path / "elsewhere" / "analysis"
    other.mkdir(parents=True)
    assert standalone.layout(other, environment).overlay != again.overlay


@pytest.mark.parametrize("home", ["", "/", "/proc/nowhere"])
def test_without_a_home_it_takes_a_temporary_folder(home: str, folder: Path) -> None:
    layout = standalone.layout(folder, {"HOME": home})
    assert os.access(layout.root, os.W_OK)
    assert layout.work == folder


def test_a_state_folder_that_was_asked_for_must_work(folder: Path) -> None:
    with pytest.raises(SettingsError, match="NEBULAB_STATE"):
        standalone.layout(folder, {"NEBULAB_STATE": "/proc/nowhere"})


def test_an_empty_folder_gets_the_default_notebooks_and_a_full_one_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    layout = standalone.layout(folder, {"NEBULAB_STATE": str(tmp_path / "state")})
    assert start.in_own_folder(layout).page == contract.FIRST_PAGE
    for made in folder.rglob("*.ipynb"):
        made.rename(tmp_path / made.name)
    (folder / "mine.txt").touch()
    before = sorted(folder.rglob("*"))
    assert start.in_own_folder(layout).page == ""
    assert sorted(folder.rglob("*")) == before


def test_in_a_container_a_folder_that_is_no_mount_is_warned_of(folder: Path, tmp_path: Path) -> None:
    layout = standalone.layout(folder, {"NEBULAB_STATE": str(tmp_path / "state")})
    assert standalone.troubles(layout, "bubblewrap") == []
    assert ["lost with the container" in told for told in standalone.troubles(layout, "container")] == [True]


def test_it_does_not_end_by_itself_unless_asked_to(folder: Path, tmp_path: Path) -> None:
    layout = standalone.layout(folder, {"NEBULAB_STATE": str(tmp_path / "state")})

    def read(**environment: str) -> settings.SessionSettings:
        return settings.read(environment, root=folder, key=None, layout=layout)

    assert read().standalone
    assert read().idle_minutes == float("inf")
    assert read(NEBULAB_IDLE_MINUTES="5").idle_minutes == 5
    assert read(PROXY_PREFIX="/p").page.base_url == "/p/ipython/"
    in_a_job = settings.read({"PROXY_PREFIX": "/p"}, root=folder, key=None)
    assert (in_a_job.standalone, in_a_job.page.base_url) == (False, "/")


def test_the_kernels_beside_the_lab_are_found(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernels" / "bin").mkdir(parents=True)
    (tmp_path / "kernels" / "bin" / "python").touch()
    monkeypatch.setattr("sys.prefix", str(tmp_path / "lab"))
    assert settings.read({}, root=folder, key=None).kernels == tmp_path / "kernels"
    monkeypatch.setattr("sys.prefix", str(tmp_path / "other"))
    assert settings.read({}, root=folder, key=None).kernels is None
