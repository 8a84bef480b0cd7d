"""Nothing that JupyterLab started outlives the session."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nebulab.linux import descendants
from nebulab.session.walls.guardian import spawn

# A server with a child that made itself a session of its own and ignores SIGTERM, as a busy kernel may.
TREE = """
import subprocess, sys, time
stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
open("child", "w").write(str(child.pid))
{then}
"""
FOR_EVER = "time.sleep(600)"


def soon(happens: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happens():
            return True
        time.sleep(0.02)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def child(folder: Path) -> int:
    file = folder / "child"
    assert soon(lambda: file.exists() and bool(file.read_text()))
    return int(file.read_text())


def test_the_exit_code_comes_through(tmp_path: Path) -> None:
    process = spawn(
        [sys.executable, "-c", "print('hello'); raise SystemExit(7)"], {}, folder=tmp_path, log=tmp_path / "l"
    )
    assert process.wait(20) == 7
    assert (tmp_path / "l").read_text() == "hello\n"


def test_a_killed_server_is_told_by_its_signal_and_takes_its_children_along(tmp_path: Path) -> None:
    then = "import os; os.kill(os.getpid(), 9)"
    process = spawn([sys.executable, "-c", TREE.format(then=then)], {}, folder=tmp_path, log=tmp_path / "l")
    assert process.wait(20) == -signal.SIGKILL
    assert not alive(child(tmp_path))


def test_a_program_that_is_missing_is_told(tmp_path: Path) -> None:
    process = spawn(["/no/such/program"], {}, folder=tmp_path, log=tmp_path / "l")
    assert process.wait(20) == 1
    assert "No such file" in (tmp_path / "l").read_text()


def test_stopping_ends_all_even_what_ignores_the_request(tmp_path: Path) -> None:
    process = spawn([sys.executable, "-c", TREE.format(then=FOR_EVER)], {}, folder=tmp_path, log=tmp_path / "l")
    stubborn = child(tmp_path)
    process.stop()
    assert process.status is not None
    assert not alive(stubborn)
    assert process.pid not in descendants(os.getpid())


@pytest.mark.parametrize("whole_group", [False, True])
def test_when_the_session_is_killed_all_end(tmp_path: Path, whole_group: bool) -> None:
    session = f"""
import sys
from pathlib import Path
from nebulab.session.walls.guardian import spawn
process = spawn([sys.executable, "-c", {TREE.format(then=FOR_EVER)!r}], {{}}, folder=Path({str(tmp_path)!r}),
                log=Path({str(tmp_path / "l")!r}))
process.wait(600)
"""
    killed = subprocess.Popen([sys.executable, "-c", session], start_new_session=True)
    stubborn = child(tmp_path)
    below = descendants(killed.pid)
    assert stubborn in below
    (os.killpg if whole_group else os.kill)(killed.pid, signal.SIGKILL)
    killed.wait()
    assert soon(lambda: not any(alive(pid) for pid in below))
