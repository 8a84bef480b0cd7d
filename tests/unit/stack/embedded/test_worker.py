"""Galaxy's two programs run in the worker as they would in a Python of their own, whatever is killed meanwhile.

The worker is the real one, without Galaxy: small scripts with the names of Galaxy's take the place of its programs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from nebulab.stack.embedded import worker
from nebulab.stack.settings import StackSettings

CODE = Path(__file__).parents[4] / "deploy" / "galaxy"
SERVE = """
import sys
from pathlib import Path
from nebulab_worker import messages, serve
folder = Path(sys.argv[1])
imported = "by the worker"
serve.serve(*(messages.listen(folder, name) for name in (messages.TASKS, messages.ALIVE)), float(sys.argv[2]))
"""
WHERE = """
import json, os, sys
umask = os.umask(0); os.umask(umask)
print(json.dumps({
    "in_worker": "nebulab_worker.serve" in sys.modules, "argv": sys.argv, "cwd": os.getcwd(), "umask": umask,
    "environment": dict(os.environ), "name": __name__, "path": sys.path[0],
}))
"""
FETCH = "galaxy/tools/data_fetch.py"
Answer = TypeVar("Answer")


def _until(probe: Callable[[], Answer], seconds: float = 20) -> Answer:
    deadline = time.monotonic() + seconds
    while not (answer := probe()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer


@dataclass
class Jobs:
    """A job's folder, the stand-in for `python`, and the worker behind it."""

    settings: StackSettings
    folder: Path
    started: list[subprocess.Popen[Any]] = field(default_factory=list)

    def serve(self, stuck_seconds: float = 60) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(self.settings.worker_dir), str(stuck_seconds)],
            env=os.environ | {"PYTHONPATH": str(CODE)},
            stderr=subprocess.PIPE,
        )
        self.started.append(process)
        _until(lambda: (self.settings.worker_dir / "alive").exists())
        return process

    def script(self, text: str, name: str = "metadata/set.py") -> str:
        """Write a program of Galaxy's."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name if name.startswith("metadata") else str(path)

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        python = self.settings.worker_dir / "bin" / "python"
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([python, *arguments], cwd=self.folder, text=True, **pipes | options)
        self.started.append(process)
        return process

    def run(self, *arguments: str, said: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **options)
        out, errors = process.communicate(said, timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, errors)

    def begun(self, worker: subprocess.Popen[bytes]) -> tuple[psutil.Process, psutil.Process]:
        """Wait until a program has written the file `begun`; return its keeper and itself."""
        task = psutil.Process(int(_until((self.folder / "begun").exists) and (self.folder / "begun").read_text()))
        keeper = task.parent()
        assert keeper is not None
        return keeper, task


BEGIN = """
import os, time
from pathlib import Path
Path("times").open("a").write("x")
Path(".begun").write_text(str(os.getpid())); Path(".begun").rename("begun")
"""
# Goes on when there is a file `go`; the second time at once.
WAIT = (
    BEGIN
    + """
while not Path("go").exists() and Path("times").read_text() == "x":
    time.sleep(0.02)
print("done")
"""
)


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    # A real data folder may lie deeper than the path of a socket is long.
    settings = StackSettings(tmp_path / ("deep" * 30) / "it's data", tmp_path / "environments", CODE.parents[1])
    python = settings.environment("galaxy") / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    settings.data_dir.mkdir(parents=True)
    worker.write(settings)
    (tmp_path / "job").mkdir()
    jobs = Jobs(settings, tmp_path / "job")
    yield jobs
    for process in jobs.started:
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        process.kill()
        process.communicate()


def test_a_program_finds_in_the_worker_what_it_would_find_alone(jobs: Jobs) -> None:
    script = jobs.script(WHERE)
    options: dict[str, Any] = {"env": {"ONLY": "this", "TÖRT": "é\udcff"}, "umask": 0o027}
    alone = json.loads(jobs.run(script, "--a", "b c", "", **options).stdout)
    jobs.serve()
    inside = json.loads(jobs.run(script, "--a", "b c", "", **options).stdout)
    assert (alone.pop("in_worker"), inside.pop("in_worker")) == (False, True)
    for one in (alone, inside):
        for made_by_the_shell in ("PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"):
            one["environment"].pop(made_by_the_shell, None)
    assert inside == alone
    assert inside["argv"] == ["metadata/set.py", "--a", "b c", ""]
    assert inside["umask"] == 0o027


@pytest.mark.parametrize(
    ("text", "code", "said", "complaint"),
    [
        ("print('good')", 0, "good\n", ""),
        ("import sys; print(sys.stdin.read().upper()); sys.exit(3)", 3, "READ THIS\n", ""),
        ("import sys; sys.exit('no such file')", 1, "", "no such file\n"),
        ("raise ValueError('broken')", 1, "", "ValueError: broken\n"),
        ("import os; os._exit(7)", 7, "", ""),
        ("import atexit; atexit.register(print, 'at the end')", 0, "at the end\n", ""),
        (
            "import threading, time\nthreading.Thread(target=lambda: (time.sleep(.2), print('late'))).start()",
            0,
            "late\n",
            "",
        ),
        ("import os; os.system('echo from a child')", 0, "from a child\n", ""),
        ("def broken(:", 1, "", "SyntaxError"),
    ],
)
def test_a_program_ends_as_it_would_alone(jobs: Jobs, text: str, code: int, said: str, complaint: str) -> None:
    script = jobs.script(text)
    for _ in ("alone", "in the worker"):
        done = jobs.run(script, said="read this")
        assert (done.returncode, done.stdout) == (code, said)
        assert complaint in done.stderr
        if len(jobs.started) == 1:
            jobs.serve()


@pytest.mark.parametrize("arguments", [("-c", WHERE), ("other.py",), ("-m", "other"), ("sub/metadata.py",)])
def test_any_other_program_gets_a_python_of_its_own(jobs: Jobs, arguments: tuple[str, ...]) -> None:
    jobs.serve()
    for name in ("other.py", "sub/metadata.py"):
        jobs.script(WHERE, name)
    options: dict[str, Any] = {"env": os.environ | {"PYTHONPATH": "."}}
    assert json.loads(jobs.run(*arguments, **options).stdout)["in_worker"] is False


def test_an_upload_runs_in_the_worker_too(jobs: Jobs) -> None:
    jobs.serve()
    done = jobs.run(jobs.script(WHERE, FETCH), "--request", "x")
    assert json.loads(done.stdout)["in_worker"] is True


def test_without_a_worker_the_program_runs_alone(jobs: Jobs) -> None:
    script = jobs.script(WHERE)
    serving = jobs.serve()
    serving.kill()
    serving.wait()
    assert json.loads(jobs.run(script).stdout)["in_worker"] is False
    for trick in ("a file", "nothing"):
        (jobs.settings.worker_dir / "tasks").unlink()
        if trick == "a file":
            (jobs.settings.worker_dir / "tasks").write_bytes(os.urandom(100))
        done = jobs.run(script)
        assert json.loads(done.stdout)["in_worker"] is False
        assert not done.stderr
        (jobs.settings.worker_dir / "tasks").touch()


def test_a_worker_that_hangs_is_not_waited_for_and_runs_nothing_afterwards(jobs: Jobs) -> None:
    serving = jobs.serve()
    script = jobs.script(BEGIN)
    os.kill(serving.pid, signal.SIGSTOP)
    impatient = (
        "import sys; import nebulab_worker.client as c; c._READY_SECONDS = 0.3; c.main(*sys.argv[1:3], sys.argv[3:])"
    )
    command = [sys.executable, "-c", impatient, sys.executable, str(jobs.settings.worker_dir), script]
    subprocess.run(command, cwd=jobs.folder, env=os.environ | {"PYTHONPATH": str(CODE)}, check=True, timeout=60)
    os.kill(serving.pid, signal.SIGCONT)
    assert jobs.run(jobs.script("print('next')")).stdout == "next\n"
    _until(lambda: not psutil.Process(serving.pid).children())
    assert (jobs.folder / "times").read_text() == "x"


def test_a_program_outlives_the_worker(jobs: Jobs) -> None:
    serving = jobs.serve()
    process = jobs.start(jobs.script(WAIT, FETCH))
    jobs.begun(serving)
    serving.kill()
    serving.wait()
    (jobs.folder / "go").touch()
    assert process.communicate(timeout=60) == ("done\n", "")
    assert process.returncode == 0


@pytest.mark.parametrize("which", [0, 1], ids=["keeper", "program"])
def test_metadata_is_set_again_where_the_first_try_was_killed(jobs: Jobs, which: int) -> None:
    serving = jobs.serve()
    process = jobs.start(jobs.script(WAIT))
    both = jobs.begun(serving)
    both[which].kill()
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "done\n")
    assert "once more" in errors
    assert (jobs.folder / "times").read_text() == "xx"
    _until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in both))


@pytest.mark.parametrize(("which", "code"), [(0, 1), (1, 137)], ids=["keeper", "program"])
def test_an_upload_that_is_killed_is_told_and_not_repeated(jobs: Jobs, which: int, code: int) -> None:
    serving = jobs.serve()
    process = jobs.start(jobs.script(WAIT, FETCH))
    both = jobs.begun(serving)
    both[which].kill()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "upload it again" in errors
    _until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in both))
    assert (jobs.folder / "times").read_text() == "x"


def test_with_its_job_ends_a_program_and_all_that_it_started(jobs: Jobs) -> None:
    serving = jobs.serve()
    text = "import signal, subprocess, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    text += "subprocess.Popen(['sleep', '60'])\n" + BEGIN + "time.sleep(60)"
    process = jobs.start(jobs.script(text))
    keeper, task = jobs.begun(serving)
    sleeping = task.children()
    assert len(sleeping) == 1
    process.kill()
    _until(lambda: not any(one.is_running() for one in (keeper, task, *sleeping)))


IDLE = BEGIN + "time.sleep(60)"
BUSY = {
    "computing": BEGIN + "end = time.time() + 2\nwhile time.time() < end: pass\nprint('done')",
    "writing": BEGIN
    + "file = open('out', 'w', buffering=1)\nfor n in range(20): time.sleep(.1); file.write('x\\n')\nprint('done')",
    "a child computes": BEGIN
    + "import subprocess\nsubprocess.run(['timeout', '2', 'sh', '-c', 'while :; do :; done'])\nprint('done')",
}


def test_a_program_that_does_nothing_is_killed_and_that_is_told(jobs: Jobs) -> None:
    jobs.serve(stuck_seconds=1)
    done = jobs.run(jobs.script(IDLE, FETCH))
    assert done.returncode == 128 + signal.SIGTERM
    assert "had done nothing" in done.stderr


@pytest.mark.parametrize("kind", BUSY)
def test_a_program_that_works_is_not_stuck(jobs: Jobs, kind: str) -> None:
    jobs.serve(stuck_seconds=1)
    done = jobs.run(jobs.script(BUSY[kind]))
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_many_at_once(jobs: Jobs) -> None:
    jobs.serve()
    script = jobs.script("import sys; print(sys.argv[1])")
    running = [jobs.start(script, str(number)) for number in range(30)]
    assert [process.communicate(timeout=60)[0] for process in running] == [f"{number}\n" for number in range(30)]


def test_nobody_else_gets_in(jobs: Jobs) -> None:
    jobs.serve()
    folder = jobs.settings.worker_dir
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for name in ("tasks", "alive"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    if os.geteuid():
        pytest.skip("only root can try as somebody else")
    # As another user who has come past the folder, for whom the sockets alone are shut.
    parent = os.open(folder, os.O_PATH)
    connect = "import os, socket, sys; os.setuid(65534); socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    tried = subprocess.run(
        [sys.executable, "-c", connect, f"/proc/self/fd/{parent}/tasks"],
        pass_fds=(parent,),
        capture_output=True,
        text=True,
    )
    os.close(parent)
    assert "PermissionError" in tried.stderr


def test_a_sandbox_of_the_same_user_is_refused(jobs: Jobs) -> None:
    """Its read-only mounts shut no socket: what it asked for would run outside."""
    jobs.serve()
    script = jobs.script(WHERE)
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("this user may make no mount namespace")
    python = jobs.settings.worker_dir / "bin" / "python"
    done = subprocess.run(
        ["unshare", "-m", python, script], cwd=jobs.folder, capture_output=True, text=True, timeout=60
    )
    assert json.loads(done.stdout)["in_worker"] is False
    assert json.loads(jobs.run(script).stdout)["in_worker"] is True


def test_a_hanging_worker_with_all_its_callers_holds_no_job_up(jobs: Jobs) -> None:
    serving = jobs.serve()
    serving.send_signal(signal.SIGSTOP)
    _until(lambda: psutil.Process(serving.pid).status() == psutil.STATUS_STOPPED)
    descriptor = os.open(jobs.settings.worker_dir, os.O_PATH)
    with contextlib.ExitStack() as callers:
        while True:
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            try:
                caller.connect(f"/proc/self/fd/{descriptor}/tasks")
            except BlockingIOError:
                break
        # A caller that waits for room would wait for ever.
        done = json.loads(jobs.run(jobs.script(WHERE)).stdout)
    os.close(descriptor)
    assert done["in_worker"] is False


def test_laid_out_again_it_is_there_all_the_time(jobs: Jobs) -> None:
    """The supervisor does so before it starts a worker anew, and jobs may ask for their `python` meanwhile."""
    jobs.serve()
    python = jobs.settings.worker_dir / "bin" / "python"
    (python.parent / "activate").unlink()
    with python.open() as before:
        worker.write(jobs.settings)
        assert before.read() == python.read_text()
    assert os.access(python, os.X_OK)
    assert (python.parent / "activate").exists()
    assert json.loads(jobs.run(jobs.script(WHERE)).stdout)["in_worker"] is True


@pytest.mark.parametrize("garbage", [b"", b"x", os.urandom(500), b"\xff" * 8, b"\0" * 7 + b"\x05" + b"a\0b\0c"])
def test_what_is_no_request_harms_nobody(jobs: Jobs, garbage: bytes) -> None:
    jobs.serve()
    script = jobs.script("print('good')")
    descriptor = os.open(jobs.settings.worker_dir, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(f"/proc/self/fd/{descriptor}/tasks")
        assert channel.recv(1) == b"+"
        channel.sendall(garbage)
        channel.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            assert channel.recv(100) == b""
    os.close(descriptor)
    assert jobs.run(script).stdout == "good\n"


async def test_whether_it_answers(jobs: Jobs) -> None:
    folder = jobs.settings.worker_dir
    assert not await worker.answers(folder)
    serving = jobs.serve()
    assert await worker.answers(folder)
    assert not psutil.Process(serving.pid).children()
    for name in ("tasks", "bin/python", "bin/activate"):
        (folder / name).rename(folder / "away")
        assert not await worker.answers(folder), name
        (folder / "away").rename(folder / name)
    assert await worker.answers(folder)
    assert await worker.serves(jobs.settings)
    python = folder / "bin" / "python"
    right = python.read_bytes()

    def be_a_folder() -> None:
        python.unlink()
        python.mkdir()

    harms: list[Callable[[], object]] = [
        lambda: python.write_bytes(b"\xff garbage"),
        lambda: python.chmod(0o600),
        be_a_folder,
    ]
    for harm in harms:
        harm()
        assert not await worker.serves(jobs.settings)
        worker.write(jobs.settings)
        assert await worker.serves(jobs.settings)
        assert python.read_bytes() == right
    serving.kill()
    serving.wait()
    assert not await worker.answers(folder)


def test_jobs_activate_it_as_they_would_galaxys_environment(jobs: Jobs) -> None:
    script = f'. "{jobs.settings.worker_dir}/bin/activate"; command -v python; echo "$VIRTUAL_ENV"; echo "$PATH"'
    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    python, home, path = done.stdout.splitlines()
    assert python == f"{worker.python_home(jobs.settings)}/bin/python"
    assert home == str(worker.python_home(jobs.settings))
    galaxys = str(jobs.settings.environment("galaxy") / "bin")
    assert path == f"{jobs.settings.worker_dir}/bin:{galaxys}:/usr/bin:/bin"
