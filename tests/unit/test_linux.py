"""What Linux tells of processes, and what it is asked for."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from nebulab import linux


def test_memory_is_private_and_orphans_come_home() -> None:
    code = """
        import ctypes, os, subprocess, time
        from nebulab import linux
        linux.keep_memory_private()
        linux.adopt_orphans()
        assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0
        orphan = int(subprocess.check_output(["sh", "-c", "sleep 100 >/dev/null & echo $!"]))
        parent = open(f"/proc/{orphan}/stat").read().rpartition(")")[2].split()[1]
        assert int(parent) == os.getpid(), parent
        os.kill(orphan, 9)
        child = subprocess.Popen(["sleep", "100"], preexec_fn=linux.parent_death_signal)
        print(child.pid)
    """
    finished = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    deadline = time.monotonic() + 5
    while _runs(int(finished.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(int(finished.stdout))


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_port_that_is_listened_on_is_known_and_one_that_is_only_bound_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as served, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = linux.listening(served.getsockname()[1])
        own = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
        assert len(found) == 1 and found <= own
        assert linux.listening(bound.getsockname()[1]) == set()


def test_the_parent_of_a_process_that_is_gone_is_nobody() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    assert gone.pid in linux.descendants(linux.parent(gone.pid))
    gone.wait()
    assert linux.parent(gone.pid) == 0
