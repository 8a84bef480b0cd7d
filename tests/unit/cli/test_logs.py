"""`nebulab logs PART` tells a stack without that part from a folder without a stack."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from nebulab.cli.logs import command
from nebulab.errors import NotRunning


def _message(folder: Path) -> str:
    error = CliRunner().invoke(command, ["worker", "--data-dir", str(folder)]).exception
    assert isinstance(error, NotRunning)
    return error.message


def test_a_part_that_never_ran_on_a_stack_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "galaxy.log").write_text("hello\n")
    assert _message(tmp_path) == "The worker has no log: it has not run on this stack."


def test_a_folder_without_a_stack_is_told(tmp_path: Path) -> None:
    assert "There are no logs below" in _message(tmp_path)
