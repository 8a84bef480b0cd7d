"""What a run says: lines with the time, what cells print, and never too much of it."""

from __future__ import annotations

import io
import re
from pathlib import Path

from nebulab.notebooks import log as module
from nebulab.notebooks.log import RunLog


def printed(*texts: str) -> list[str]:
    stream = io.StringIO()
    log = RunLog(None, stream)
    for text in texts:
        log.printed(text)
    log.close()
    return stream.getvalue().splitlines()


def test_a_line_has_the_time_since_the_start(tmp_path: Path) -> None:
    stream = io.StringIO()
    log = RunLog(tmp_path / "log.txt", stream)
    log.begin(3)  # no bar where there is no terminal
    log.say("cell 1/3 ran")
    log.close()
    assert re.fullmatch(r"00:00:0\d  cell 1/3 ran\n", stream.getvalue())
    assert (tmp_path / "log.txt").read_text() == stream.getvalue()


def test_what_cells_print_comes_line_by_line() -> None:
    assert printed("a", "b\nc") == ["          | ab", "          | c"]
    assert printed("\x1b[31mred\x1b[0m\n") == ["          | red"]
    assert printed("1%\r2%\r3%\n") == ["          | 3%"]


def test_a_line_of_ours_does_not_run_into_the_cells() -> None:
    stream = io.StringIO()
    log = RunLog(None, stream)
    log.printed("no end of line")
    log.say("next")
    assert stream.getvalue().splitlines()[0] == "          | no end of line"


def test_a_cell_that_prints_without_end_is_cut_and_the_next_is_heard() -> None:
    stream = io.StringIO()
    log = RunLog(None, stream)
    for _ in range(3 * module._BYTES_A_CELL // 1000):
        log.printed("x" * 999 + "\n")
    assert len(stream.getvalue()) < 1.1 * module._BYTES_A_CELL
    assert stream.getvalue().endswith("more of it is in the notebook)\n")
    log.cell_begins()
    log.printed("the next cell\n")
    assert stream.getvalue().endswith("| the next cell\n")


def test_quiet_is_quiet_but_for_the_file(tmp_path: Path) -> None:
    stream = io.StringIO()
    log = RunLog(tmp_path / "log.txt", stream, quiet=True)
    log.say("here")
    log.close()
    assert stream.getvalue() == ""
    assert "here" in (tmp_path / "log.txt").read_text()


def test_a_terminal_gets_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    log = RunLog(None, stream)
    log.begin(2)
    log.cell_ends()
    log.say("cell 1/2 ran")
    log.close()
    assert "1/2" in stream.getvalue()
    assert "cell 1/2 ran" in stream.getvalue()
