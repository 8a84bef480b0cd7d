"""A checkpoint without a Galaxy is a folder on the disk; its name is one that a folder can have."""

from __future__ import annotations

from pathlib import Path

import pytest

import nebulab
from nebulab.errors import SettingsError
from nebulab.kernel import checkpoints


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GALAXY_URL", "API_KEY", "HISTORY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "_open", {})


def test_it_is_a_folder_that_is_found_again(tmp_path: Path) -> None:
    folder = nebulab.checkpoint("train-1")
    (folder / "state.txt").write_text("3")
    folder.save()
    assert nebulab.checkpoint("train-1") is folder
    assert Path(folder) == tmp_path / ".checkpoints" / "train-1"
    assert ": 1 file in " in repr(folder)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 200, "a b"])
def test_a_name_that_is_no_folders_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="can't be called"):
        nebulab.checkpoint(name)
