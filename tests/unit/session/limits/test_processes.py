"""How many processes a container runs, from either kind of control group."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from nebulab.session.limits.processes import Count, largest, of_container


def test_the_first_that_has_a_limit_tells(tmp_path: Path) -> None:
    running, most = tmp_path / "pids.current", tmp_path / "pids.max"
    files = [("/no/such/file", "/no/such/file"), (str(running), str(most))]
    assert of_container(files) is None
    running.write_text("17\n")
    most.write_text("512\n")
    assert of_container(files) == Count(17, 512)
    most.write_text("max\n")
    assert of_container(files) is None


# What a kernel is, as far as groups go: a session of its own, and much that it starts.
KERNEL = """
import os, subprocess, sys
for _ in range(int(sys.argv[1])):
    subprocess.Popen(["sleep", "600"])
print("up", flush=True)
input()
"""


def test_the_largest_process_group_is_killed_and_no_other() -> None:
    """Below a process that stands for JupyterLab, whose own group counts for none."""
    server = "import subprocess, sys\nfor size in sys.argv[2:]:\n    one = subprocess.Popen([sys.executable, '-c', "
    server += "sys.argv[1], size], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
    server += "    one.stdout.readline()\nprint('up', flush=True)\none.wait()\nprint('ended', flush=True)\ninput()"
    lab = subprocess.Popen(
        [sys.executable, "-c", server, KERNEL, "3", "12"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert lab.stdout
        assert lab.stdout.readline() == "up\n"
        group = largest(os.getpid())
        assert group is not None
        assert group.size == 13
        group.kill()
        assert lab.stdout.readline() == "ended\n"
        second = largest(os.getpid())
        assert second is not None
        assert second.size == 4
        second.kill()
    finally:
        lab.communicate("\n", timeout=20)
