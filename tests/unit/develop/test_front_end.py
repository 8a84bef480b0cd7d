"""The comparison of the bundle that is kept with the one that the source gives."""

from __future__ import annotations

from pathlib import Path

from nebulab.develop.front_end import differences


def test_files_that_differ_or_lie_in_one_folder_alone_are_named(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        (folder / "static").mkdir(parents=True)
        (folder / "static" / "same.js").write_text("1")
        (folder / "package.json").write_text("{}")
    assert differences(one, other) == []
    (other / "package.json").write_text("{ }")
    (one / "static" / "old.js").write_text("1")
    (other / "static" / "new.js").write_text("1")
    assert differences(one, other) == ["package.json", "static/new.js", "static/old.js"]
