"""What `nebulab doctor` prints fits a terminal of 80 columns: a line for each thing, then what is missing, whole."""

from __future__ import annotations

import io

from rich.console import Console

from nebulab.stack.doctor.checks import Check
from nebulab.stack.doctor.tables import show_checks

LONG = "/home/somebody/a/long/way/down/to/the/" + "environment/" * 8
FOUND = [
    Check("Python", True, f"3.11.7 ({LONG}bin/python)"),
    Check("bubblewrap", None, f"{LONG}bwrap: no [permission]", "a session may do all that you may"),
    Check("disk", False, "1 GiB free", "installing fails, or uploads and outputs do"),
]


def shown(width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show_checks(FOUND, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_each_thing_has_one_line_of_80_columns() -> None:
    lines = shown(80)
    assert [line.split()[:2] for line in lines[:3]] == [
        ["ok", "Python"],
        ["without", "bubblewrap"],
        ["wanting", "disk"],
    ]
    assert lines[3] == ""
    assert max(map(len, lines)) <= 80


def test_what_is_missing_is_told_whole_with_what_it_costs() -> None:
    rest = " ".join(" ".join(shown(80)[3:]).split())
    assert "bubblewrap:" in rest
    assert "no [permission]" in rest
    assert "What it costs: a session may do all that you may" in rest
    assert "What it costs: installing fails, or uploads and outputs do" in rest
    assert "Python" not in rest


def test_a_program_reads_whole_lines() -> None:
    assert f"{LONG}bin/python)" in shown(500)[0]
