"""The predecessor's commands, with the arguments of its scripts."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from nebulab.kernel.commands import get, get_user_history, put
from support.fake_galaxy import FakeGalaxy


def test_get(fake: FakeGalaxy, tmp_path: Path) -> None:
    fake.add("a.txt", b"1")
    fake.add("b.txt", b"2")
    cache = tmp_path / "cache"
    assert CliRunner().invoke(get, ["-i", "1"]).output == f"{cache / '1'}\n"
    assert CliRunner().invoke(get, ["-i", "1", "2", "-t", "hid"]).output == f"{cache / '1'}\n{cache / '2'}\n"
    named = CliRunner().invoke(get, ["--identifier_type", "regex", "--id", "b", "--history-id", "h1"])
    assert named.output == f"{cache / '2'}\n"


def test_get_tells_what_is_missing(fake: FakeGalaxy) -> None:
    finished = CliRunner().invoke(get, ["-i", "7"])
    assert finished.exit_code == 1
    assert "no dataset with number 7" in finished.stderr
    assert "Traceback" not in finished.output


def test_put(fake: FakeGalaxy) -> None:
    Path("a.txt").write_text("a")
    Path("b.txt").write_text("b")
    finished = CliRunner().invoke(put, ["-p", "a.txt", "b.txt", "-t", "txt"])
    assert finished.exit_code == 0, finished.output
    assert [shown["name"] for shown in fake.contents] == ["a.txt", "b.txt"]


def test_get_user_history(fake: FakeGalaxy) -> None:
    fake.add("a.txt")
    finished = CliRunner().invoke(get_user_history, [])
    assert [dataset["name"] for dataset in json.loads(finished.output)] == ["a.txt"]
