"""Files replaced at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.files import create_empty, matches, matching, replacing, write_private


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("old")
    return path


@pytest.mark.parametrize("beside", ["", ".~file"])
def test_the_old_content_stands_until_the_new_one_is_whole(old: Path, beside: str) -> None:
    with replacing(old, beside) as part:
        part.write_text("new")
        assert old.read_text() == "old"
        assert part.name == (beside or part.name) and part.parent == old.parent
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("beside", ["", ".~file"])
def test_what_fails_leaves_nothing_behind(old: Path, beside: str) -> None:
    with pytest.raises(ZeroDivisionError), replacing(old, beside) as part:
        part.write_text("half")
        raise ZeroDivisionError
    assert old.read_text() == "old"
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("mode", [0o600, 0o700])
def test_a_private_file_has_its_mode(old: Path, mode: int) -> None:
    write_private(old, b"new", mode)
    assert (old.read_bytes(), old.stat().st_mode & 0o777) == (b"new", mode)


def test_an_empty_file_is_made_in_place_of_a_link_and_not_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "stop").symlink_to(tmp_path / "elsewhere")
    create_empty(tmp_path / "stop")
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "stop").is_file()
    assert not (tmp_path / "stop").is_symlink()
    (tmp_path / "folder").mkdir()
    create_empty(tmp_path / "folder")
    assert (tmp_path / "folder").is_dir()


def test_a_bracket_is_no_pattern() -> None:
    assert matches("x[1].csv", "x[1].*")
    assert not matches("x1.csv", "x[1].*")


def test_files_that_a_pattern_matches(tmp_path: Path) -> None:
    for name in ("figures/a.png", "figures/deep/b.png", "figures/.hidden", "figures/__pycache__/x.pyc", "c[1].csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert list(matching(tmp_path, "figures")) == ["figures/a.png", "figures/deep/b.png"]
    assert list(matching(tmp_path, "fig*", deep=False)) == ["figures/a.png"]
    assert list(matching(tmp_path, "c[1].*")) == list(matching(tmp_path, "c[1].csv")) == ["c[1].csv"]
    assert list(matching(tmp_path, "*.txt")) == list(matching(tmp_path, "gone.txt")) == []
