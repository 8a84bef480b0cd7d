"""What a stack starts is found again and ended, whatever became of the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from nebulab.contract import STACK
from nebulab.stack.running import processes

SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def stack_id() -> Iterator[str]:
    stack_id = uuid.uuid4().hex
    yield stack_id
    processes.end_all(stack_id, grace=0)


def _wait(probe: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def _start(stack_id: str, folder: Path, code: str) -> asyncio.subprocess.Process:
    return await processes.start(
        [sys.executable, "-c", code],
        stack_id=stack_id,
        environment={"MINE": "1"},
        folder=folder,
        log=folder / "part.log",
    )


async def test_a_part_gets_its_folder_log_and_environment(
    stack_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GALAXY_CONFIG_BRAND", "other")
    code = "import os; print(os.getcwd(), sorted(os.environ))"
    process = await _start(stack_id, tmp_path, code)
    assert await process.wait() == 0
    said = (tmp_path / "part.log").read_text()
    assert said.startswith(str(tmp_path))
    assert "'MINE'" in said
    assert "PYTHONDONTWRITEBYTECODE" not in said
    assert "GALAXY_CONFIG_BRAND" not in said


async def test_children_that_a_dead_part_left_behind_are_found(stack_id: str, tmp_path: Path) -> None:
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True)"
    process = await _start(stack_id, tmp_path, code)
    await process.wait()
    assert len(processes.carrying(stack_id)) == 1
    assert processes.end_all(stack_id, grace=5) == 1
    assert processes.carrying(stack_id) == []


async def test_what_does_not_want_to_end_is_killed(stack_id: str, tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
    await _start(stack_id, tmp_path, code)
    _wait(lambda: "deaf" in (tmp_path / "part.log").read_text())
    assert processes.end_all(stack_id, grace=0.3) >= 1
    assert processes.carrying(stack_id) == []


def test_what_can_not_be_killed_is_waited_for_no_longer_and_told(
    stack_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a process that waits for a broken disk, to which no signal comes."""
    stuck = subprocess.Popen([sys.executable, "-c", SLEEP], env=os.environ | {STACK: stack_id})
    try:
        monkeypatch.setattr(processes, "end", lambda found, *, grace: list(found))
        assert processes.end_all(stack_id, grace=0) == 1
        (left,) = processes.carrying(stack_id)
        assert processes.described(left).startswith(f"{stuck.pid} (python")
    finally:
        stuck.kill()
        stuck.wait()


def test_a_session_is_known_by_its_command_and_names_its_folder(tmp_path: Path) -> None:
    program = tmp_path / "nebulab"
    program.write_text(f"print('up', flush=True); {SLEEP}")
    for arguments, folder in ((["session", "--inputs", "x"], str(tmp_path)), (["job"], str(tmp_path)), (["up"], None)):
        process = subprocess.Popen([sys.executable, program, *arguments], cwd=tmp_path, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            assert processes.session_folder(psutil.Process(process.pid)) == folder
        finally:
            process.kill()
            process.communicate()


def test_another_stacks_processes_are_left_alone(stack_id: str) -> None:
    other = subprocess.Popen([sys.executable, "-c", SLEEP], env=os.environ | {STACK: "another"})
    try:
        processes.end_all(stack_id, grace=0)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_part_dies_with_a_supervisor_that_is_killed(stack_id: str, tmp_path: Path) -> None:
    tether = Path(processes.__file__).with_name("tether.py")
    code = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, {str(tether)!r}, str(os.getpid()), sys.executable, '-c', {SLEEP!r}])\n"
        "time.sleep(60)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {STACK: stack_id})
    _wait(lambda: any(SLEEP in part.cmdline() for part in psutil.Process(supervisor.pid).children()))
    supervisor.kill()
    supervisor.wait()
    _wait(lambda: processes.carrying(stack_id) == [])


def _guard(stack_id: str) -> tuple[subprocess.Popen[bytes], int]:
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "nebulab.stack.running.guard", str(reading), stack_id]
    guard = subprocess.Popen(command, pass_fds=(reading,))
    os.close(reading)
    return guard, writing


def test_the_guard_cleans_up_after_a_killed_supervisor(stack_id: str) -> None:
    left = subprocess.Popen([sys.executable, "-c", SLEEP], env=os.environ | {STACK: stack_id})
    guard, writing = _guard(stack_id)
    os.close(writing)
    assert left.wait(10) == -signal.SIGTERM
    assert guard.wait(10) == 0


def test_the_guard_does_nothing_after_a_farewell(stack_id: str) -> None:
    left = subprocess.Popen([sys.executable, "-c", SLEEP], env=os.environ | {STACK: stack_id})
    guard, writing = _guard(stack_id)
    os.write(writing, b".")
    os.close(writing)
    assert guard.wait(10) == 0
    assert left.poll() is None
    left.kill()
    left.wait()
