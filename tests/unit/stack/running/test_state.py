"""A terminal learns the truth about a stack, also when its supervisor died without a word."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from nebulab.errors import NotRunning, PortTaken
from nebulab.files import locked, private_folder, read_json, write_private
from nebulab.stack import control
from nebulab.stack.embedded import accounts
from nebulab.stack.running import ports, state
from nebulab.stack.running.state import PartState, StackState
from nebulab.stack.settings import read_settings


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    private_folder(tmp_path / "run")
    return tmp_path


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _state(pid: int, started: float) -> StackState:
    parts = [PartState("supervisor", "running", pid=pid), PartState("galaxy", "running", "http://localhost:1", 4)]
    return StackState("id", pid, started, ready=True, parts=parts)


def test_a_living_supervisor_is_believed(data_dir: Path) -> None:
    written = _state(os.getpid(), psutil.Process().create_time())
    state.write(data_dir, written)
    assert state.read(data_dir) == written
    assert _mode(data_dir / "run" / "state.json") == 0o600


def test_the_parts_of_a_killed_supervisor_are_gone(data_dir: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    started = psutil.Process(child.pid).create_time()
    child.kill()
    child.wait()
    state.write(data_dir, _state(child.pid, started))
    found = state.read(data_dir)
    assert found is not None
    assert [(part.state, part.pid) for part in found.parts] == [("gone", None)] * 2
    assert not found.ready


def test_a_process_that_got_the_same_number_is_not_the_supervisor(data_dir: Path) -> None:
    state.write(data_dir, _state(os.getpid(), psutil.Process().create_time() - 1000))
    found = state.read(data_dir)
    assert found is not None
    assert found.part("galaxy").state == "gone"


def test_without_a_stack_there_is_nothing_to_show_or_stop(data_dir: Path) -> None:
    settings = read_settings({"data_dir": data_dir}, {})
    with pytest.raises(NotRunning, match="nebulab up"):
        control.status(settings)
    with pytest.raises(NotRunning):
        control.down(settings, Console(quiet=True))


def test_a_lock_is_held_by_one_and_freed_at_its_end(data_dir: Path) -> None:
    lock = state.lock_file(data_dir)
    assert not state.is_locked(data_dir)
    with locked(lock, wait=False) as first:
        assert first
        assert state.is_locked(data_dir)
        assert not state.wait_unlocked(data_dir, 0.2)
    assert not state.is_locked(data_dir)


LINGERING = """
import signal, sys, time
from pathlib import Path
from nebulab.stack.running import state
from nebulab.files import locked

def stop(*_):
    raise SystemExit

signal.signal(signal.SIGTERM, stop)
try:
    with locked(state.lock_file(Path(sys.argv[1])), wait=False):
        print("locked", flush=True)
        time.sleep(60)
finally:
    time.sleep(0.7)
"""


def test_down_returns_when_the_supervisor_has_ended_and_not_when_it_unlocks(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LINGERING, str(data_dir)], stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == "locked\n"
        running = _state(supervisor.pid, psutil.Process(supervisor.pid).create_time())
        state.write(data_dir, running)
        control.down(read_settings({"data_dir": data_dir}, {}), Console(quiet=True))
        assert not state.supervised(running)


def test_a_private_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old, readable by all")
    path.chmod(0o644)
    write_private(path, "new")
    assert (path.read_text(), _mode(path)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "half").write_text('{"a": ')
    assert read_json(tmp_path / "half") == {}
    assert read_json(tmp_path / "absent") == {}


def test_secrets_are_made_once_and_told_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secrets.json"
    made = accounts.load(path)
    assert accounts.load(path) == made
    assert _mode(path) == 0o600
    assert made.admin.password != made.user.password
    assert len(made.id_secret) <= 56 - len("__") - 14, "Galaxy appends a kind of up to 14 letters"
    assert made.admin.password not in repr(made)
    assert accounts.tell_once(path) == made
    assert accounts.tell_once(path) is None
    assert accounts.load(path).admin == made.admin


def test_ports_are_kept_while_they_are_free(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    first = ports.choose(kept, {"galaxy": None, "proxy": None})
    assert len(set(first.values())) == 2
    assert ports.choose(kept, {"galaxy": None, "proxy": None}) == first


def test_a_port_that_was_taken_meanwhile_is_replaced_unless_it_was_asked_for(tmp_path: Path) -> None:
    import socket

    kept = tmp_path / "ports.json"
    first = ports.choose(kept, {"galaxy": None, "proxy": None})
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["galaxy"]))
        other.listen()
        second = ports.choose(kept, {"galaxy": None, "proxy": None})
        assert second["galaxy"] != first["galaxy"]
        assert second["proxy"] == first["proxy"]
        with pytest.raises(PortTaken, match=str(first["galaxy"])):
            ports.choose(kept, {"galaxy": first["galaxy"], "proxy": None})
