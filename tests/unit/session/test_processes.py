"""How many processes a container runs, from either kind of control group."""

from __future__ import annotations

from pathlib import Path

from nebulab.session.processes import Count, of_container


def test_the_first_that_has_a_limit_tells(tmp_path: Path) -> None:
    running, most = tmp_path / "pids.current", tmp_path / "pids.max"
    files = [("/no/such/file", "/no/such/file"), (str(running), str(most))]
    assert of_container(files) is None
    running.write_text("17\n")
    most.write_text("512\n")
    assert of_container(files) == Count(17, 512)
    most.write_text("max\n")
    assert of_container(files) is None
