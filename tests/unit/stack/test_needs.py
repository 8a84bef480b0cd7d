"""What an install takes is told before, and refused where the disk has no room."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from nebulab.errors import InstallError
from nebulab.stack.needs import Needs, require_room, share_to_download

PLAN = """Resolved 171 packages in 371ms
Would download 49 packages
Would uninstall 63 packages
Would install 98 packages
"""
Usage = namedtuple("Usage", "total used free")


def all_of_it() -> float:
    return 1.0


def test_size_and_time_are_told() -> None:
    needs = Needs(400, 1650) + Needs(1090, 4650)
    assert str(needs) == "up to 1.5 GB to download, 6.3 GB on the disk; about 4 minutes at 100 Mbit/s"
    assert str(Needs(12, 310)) == "up to 12 MB to download, 0.3 GB on the disk; about a minute at 100 Mbit/s"


def test_uv_s_plan_tells_what_it_would_download() -> None:
    assert share_to_download(PLAN) == 0.5
    assert share_to_download("Would install 3 packages") == 0
    assert share_to_download("Would download 1 package\nWould install 1 package") == 1
    assert share_to_download("Would make no changes") == 0


def test_a_disk_without_room_is_refused_with_both_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 18_900_000))
    cache, folder = tmp_path / "cache", tmp_path / "environments" / "not there yet"
    with pytest.raises(InstallError) as refused:
        require_room(Needs(5, 10), folder, cache, all_of_it)
    assert f"The disk of {tmp_path} has 18,900,000 bytes free, and the install needs about 19,000,000" in str(
        refused.value
    )
    require_room(Needs(5, 10), folder, cache, lambda: 0.5)
    require_room(Needs(5, 18), folder, cache, lambda: 0.0)


def test_uv_is_asked_only_where_space_is_short(tmp_path: Path) -> None:
    def never() -> float:
        raise AssertionError("asked")

    require_room(Needs(1, 1), tmp_path, tmp_path, never)


def test_the_room_is_real(tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="bytes free"):
        require_room(Needs(0, 10**12), tmp_path, tmp_path, all_of_it)
