"""The process that forks kernels: when it may, what a fork of it becomes, and that nothing of it shows there."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nebulab
from nebulab.kernel import zygote
from nebulab.kernel.zygote import Line, Request, changed, look, preload, rename, unfit


def test_a_line_at_a_time_however_it_arrives() -> None:
    ours, theirs = socket.socketpair()
    line = Line(ours)
    theirs.sendall(b'{"argv": ["a"], "environment": {"X": "1"}')
    theirs.sendall(b', "folder": "/tmp"}\ngo\nhal')
    assert Request.parse(line.receive()) == Request(["a"], {"X": "1"}, "/tmp")
    assert line.receive() == b"go"
    line.send({"pid": 5})
    assert theirs.recv(100) == b'{"pid": 5}\n'
    theirs.close()
    assert line.receive() == b"", "half a line is nothing when the other end is gone"
    line.close()


def test_a_changed_file_is_seen_and_bytecode_is_not(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("x = 1")
    seen = look([str(tmp_path), str(module), str(tmp_path / "missing")])
    (tmp_path / "__pycache__").mkdir()
    assert changed(seen) == ""
    module.write_text("x = 12")
    assert changed(seen) == f"{module} has changed"
    seen = look([str(tmp_path), str(tmp_path / "missing")])
    (tmp_path / "missing").touch()
    assert "has changed" in changed(seen)


def test_a_gpu_in_use_or_a_thread_forbids_forking(tmp_path: Path) -> None:
    descriptors, threads = tmp_path / "fd", tmp_path / "task"
    for thread, name in (("1", "python"), ("2", "jemalloc_bg_thd")):
        (threads / thread).mkdir(parents=True)
        (threads / thread / "comm").write_text(f"{name}\n")
    descriptors.mkdir()
    (descriptors / "0").symlink_to("/dev/null")
    assert unfit(descriptors, threads) == ""
    (threads / "3").mkdir()
    (threads / "3" / "comm").write_text("worker\n")
    assert unfit(descriptors, threads) == "threads beside the main one: 1"
    (descriptors / "1").symlink_to("/dev/nvidia0")
    assert unfit(descriptors, threads) == "/dev/nvidia0 is in use"


def test_a_library_that_can_not_be_imported_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygote, "unfit", lambda: "")
    monkeypatch.setattr(zygote, "_rehearse", lambda: None)
    assert preload(["nothing_of_this_name", "json"]) == ""
    told = capsys.readouterr().err
    assert "nothing_of_this_name can't be imported" in told
    assert "json after" in told


def test_what_spoils_the_process_ends_the_preloading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zygote, "unfit", lambda: "threads beside the main one: 4")
    monkeypatch.setattr(zygote, "_rehearse", lambda: None)
    assert "json can't be preloaded (threads" in preload(["json", "nothing_of_this_name"])


def test_tensorflow_waits_where_a_gpu_is_shared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEBULAB_GPU_MEMORY_MB", "1000")
    assert preload(["tensorflow"]) == ""
    assert "not preloaded" in capsys.readouterr().err


def test_the_system_shows_another_command() -> None:
    code = (
        "from nebulab.kernel.zygote import rename; import pathlib;"
        "rename(['python', '-m', 'kernel']); print(pathlib.Path('/proc/self/cmdline').read_bytes())"
    )
    assert (
        "b'python\\x00-m\\x00kernel\\x00"
        in subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
        ).stdout
    )
    with pytest.raises(ValueError, match="do not fit"):
        rename(["x" * 1_000_000])


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(nebulab.__file__).parents[1])}


class Zygote:
    """The real process, at the other end of its socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.line = Line(ours)
        # Long enough a command for the kernel's to fit in.
        command = [sys.executable, "-m", "nebulab.kernel.zygote", "x" * 1000]
        self.process = subprocess.Popen(command, stdin=theirs.fileno(), env=environment(), stderr=subprocess.PIPE)
        theirs.close()

    def told(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.line.receive())
        return answer

    def fork(self, folder: Path, *argv: str, **variables: str) -> int:
        request: dict[str, object] = {
            "argv": list(argv),
            "environment": environment() | variables,
            "folder": str(folder),
        }
        self.line.send(request)
        pid: int = self.told()["pid"]
        return pid

    def go(self) -> None:
        self.line._socket.sendall(b"go\n")


@pytest.fixture
def forking() -> Iterator[Zygote]:
    made = Zygote()
    yield made
    made.line.close()
    assert made.process.wait(20) == 0, made.process.stderr and made.process.stderr.read()
    assert made.process.stderr
    made.process.stderr.close()


def test_a_fork_is_a_kernel_in_its_own_folder_with_its_own_environment(forking: Zygote, tmp_path: Path) -> None:
    assert forking.told() == {"ready": True}
    connection = tmp_path / "kernel.json"
    argv = (sys.executable, "-m", "ipykernel_launcher", "-f", str(connection))
    pid = forking.fork(tmp_path, *argv, COLOUR="blue")
    forking.go()
    try:
        deadline = time.monotonic() + 30
        while not connection.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert connection.exists(), "the kernel writes where it listens"
        proc = Path("/proc") / str(pid)
        assert (proc / "cmdline").read_bytes().rstrip(b"\0").split(b"\0") == [part.encode() for part in argv]
        assert (proc / "cwd").readlink() == tmp_path
    finally:
        os.kill(pid, 9)


def test_a_fork_that_nobody_waits_for_ends(forking: Zygote, tmp_path: Path) -> None:
    assert forking.told() == {"ready": True}
    pid = forking.fork(tmp_path, sys.executable, "-m", "ipykernel_launcher", "-f", str(tmp_path / "k.json"))
    forking.line.send({"no": "go"})
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(pid)
    assert not (tmp_path / "k.json").exists()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
