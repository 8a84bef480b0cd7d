"""A training's log reaches Galaxy as it is written, whole lines only, and no token in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nebulab.session.journal import Journal
from nebulab.session.watches.keeper import Keeper
from nebulab.session.watches.passing_on import PassingOn


async def test_whole_lines_without_the_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    watch = PassingOn(log, "s3cret")
    assert await watch.look() == 1
    log.write_text("one\ntwo s3cret\nthr")
    await watch.look()
    assert capsys.readouterr().out == "one\ntwo [token]\n"
    with log.open("a") as file:
        file.write("ee\n")
    await watch.look()
    assert capsys.readouterr().out == "three\n"


async def test_a_log_that_can_not_be_read_is_told_until_it_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    log.mkdir()
    keeper = Keeper(PassingOn(log, "s3cret"), journal := Journal())
    assert await keeper.once() == 1
    assert str(journal.messages()[0]["text"]).startswith("The log can't be shown: Is a directory")
    log.rmdir()
    log.write_text("one\n")
    await keeper.once()
    assert journal.messages() == []
    assert capsys.readouterr().out.endswith("one\n")
