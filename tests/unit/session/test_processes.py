"""How many processes a container runs, from either kind of control group."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from nebulab.session.processes import Count, of_container, put_last


def test_the_first_that_has_a_limit_tells(tmp_path: Path) -> None:
    running, most = tmp_path / "pids.current", tmp_path / "pids.max"
    files = [("/no/such/file", "/no/such/file"), (str(running), str(most))]
    assert of_container(files) is None
    running.write_text("17\n")
    most.write_text("512\n")
    assert of_container(files) == Count(17, 512)
    most.write_text("max\n")
    assert of_container(files) is None


def test_what_is_put_last_gets_what_others_leave() -> None:
    sleeping = subprocess.Popen(["sleep", "600"])
    gone = subprocess.Popen(["true"])
    gone.wait()
    put_last([gone.pid, sleeping.pid])
    try:
        assert os.getpriority(os.PRIO_PROCESS, sleeping.pid) == 19
    finally:
        sleeping.kill()
        sleeping.wait()
