"""A whole session, with stand-ins for JupyterLab and Galaxy: how it starts, what it says, and every way to end."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from nebulab.session.kernels import overlay
from nebulab.stack import folders
from support import fake_galaxy, nvml, run_session
from support.fake_galaxy import FakeGalaxy

TOKEN = "5e55104e" * 4
NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def soon(what: str, happens: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = happens()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


class Session:
    """A session in a job's folder, as Galaxy would have started it."""

    def __init__(self, root: Path, galaxy: FakeGalaxy, **variables: str) -> None:
        self.job = root / "job"
        self.working = self.job / "working"
        self.working.mkdir(parents=True)
        self.work = self.working / "jupyter"
        self.dataset = root / "notebook.dat"
        self.dataset.touch()
        form = {"mode": {"mode_select": "scratch"}, "user_inputs": []}
        (self.working / "galaxy_inputs.json").write_text(json.dumps(form))
        (self.working / "datatypes.json").write_text('["txt", "csv", "ipynb"]')
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(run_session.__file__).parents[1]),
            "GALAXY_URL": galaxy.url,
            "API_KEY": fake_galaxy.KEY,
            "JUPYTER_TOKEN": TOKEN,
            "HISTORY_ID": "h1",
            "NEBULAB_JOB_ID": "j1",
            "NEBULAB_ISOLATION": "none",
            "NEBULAB_WATCH_SECONDS": "0.2",
        } | variables
        options = ["--inputs", "galaxy_inputs.json", "--notebook-output", str(self.dataset)]
        self.process = subprocess.Popen(
            [sys.executable, run_session.__file__, "session", *options, "--datatypes", "datatypes.json"],
            cwd=self.working,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def opened(self) -> Session:
        self.port = soon("the entry point", self._report)["8888"]["port"]
        lab = json.loads((self.work / "lab.json").read_text())
        self.lab, self.environment = lab["pid"], lab["environment"]
        return self

    def _report(self) -> Any:
        assert self.process.poll() is None, self.process.communicate()
        file = self.job / "container_runtime.json"
        return json.loads(file.read_text()) if file.exists() else None

    def status(self) -> dict[str, Any]:
        headers = {"x-api-key": self.environment["API_KEY"]}
        # Asked again and again: its certificates would be read each time.
        answer = httpx.get(self.environment["NEBULAB_SESSION"], headers=headers, verify=False)
        told: dict[str, Any] = answer.raise_for_status().json()
        return told

    def save(self, name: str, content: str) -> None:
        (self.work / name).write_text(content)

    def collected(self) -> dict[str, str]:
        listed = json.loads((self.working / "galaxy.json").read_text())["output_collection"]["elements"]
        return {one["name"]: (self.working / one["filename"]).read_text() for one in listed}

    def ended(self, seconds: float = 30) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        assert soon("the end of JupyterLab", lambda: not alive(self.lab))
        return self.process.returncode, out, err


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def galaxy() -> Iterator[FakeGalaxy]:
    galaxy = FakeGalaxy()
    galaxy.answers["jobs/j1"] = {"state": "running"}
    galaxy.answers["histories/h1"] = {"id": "h1", "deleted": False}
    yield galaxy
    galaxy.stop()


@pytest.fixture
def start(tmp_path: Path, galaxy: FakeGalaxy) -> Iterator[Callable[..., Session]]:
    started: list[Session] = []

    def begin(**variables: str) -> Session:
        started.append(Session(tmp_path / str(len(started)), galaxy, **variables))
        return started[-1]

    yield begin
    for session in started:
        if session.process.poll() is None:
            session.process.kill()
        session.process.communicate()


def test_it_keeps_the_kernels_environment_that_it_began_with(start: Callable[..., Session], tmp_path: Path) -> None:
    """`nebulab up --frameworks` leads the name to another one meanwhile, and deletes what nobody uses."""
    link = tmp_path / "environments" / "kernels"
    for name in ("a" * 10, "b" * 10):
        environment = link.with_name(f"kernels-{name}")
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").symlink_to(sys.executable)
        (environment / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    old, new = link.with_name("kernels-aaaaaaaaaa"), link.with_name("kernels-bbbbbbbbbb")
    folders.put_in_place(link, old)
    session = start(NEBULAB_KERNELS=str(link)).opened()
    folders.put_in_place(link, new)
    assert overlay.below(Path(session.environment["NEBULAB_OVERLAY"])) == old
    assert folders.unused(link) == []
    session.process.terminate()
    session.ended()
    assert folders.unused(link) == [old]


def test_the_disks_limit_is_told_and_holds_for_each_file(start: Callable[..., Session]) -> None:
    session = start(NEBULAB_DISK_MB="20").opened()
    limits = Path(f"/proc/{session.lab}/limits").read_text()
    # A twentieth less than the limit of all of them.
    assert re.search(r"Max file size +19922944 +19922944", limits)
    assert session.environment["NEBULAB_DISK_MB"] == "20"
    session.save("outputs/made.txt", "x" * 18_000_000)
    (message,) = soon("the message", lambda: session.status()["messages"])
    assert "17 MB of the session's 20 MB of disk space are used" in message["text"]
    session.save("outputs/made.txt", "")
    soon("room", lambda: not session.status()["messages"])


def test_the_kernels_environment_has_a_token_and_not_the_key(start: Callable[..., Session], galaxy: FakeGalaxy) -> None:
    session = start().opened()
    environment = session.environment
    assert environment["GALAXY_URL"].startswith("http://127.0.0.1:")
    assert environment["HISTORY_ID"] == "h1"
    assert environment["GALAXY_WORKING_DIR"] == str(session.working)
    assert Path(environment["NEBULAB_INPUTS"]).read_text() == "{}"
    assert fake_galaxy.KEY not in json.dumps(environment)
    assert TOKEN not in json.dumps(environment)
    listed = httpx.get(f"{environment['GALAXY_URL']}/api/users/current", headers={"x-api-key": environment["API_KEY"]})
    assert listed.json() == galaxy.user


def test_neither_key_nor_token_is_written_anywhere(start: Callable[..., Session]) -> None:
    session = start().opened()
    session.process.terminate()
    _, out, err = session.ended()
    for secret in (fake_galaxy.KEY, TOKEN):
        assert secret not in out + err
        for file in session.job.rglob("*"):
            if file.is_file() and file.name != "token":  # JupyterLab deletes it; the stand-in does not
                assert secret.encode() not in file.read_bytes(), file


def test_a_stop_keeps_what_was_written_the_moment_before(start: Callable[..., Session]) -> None:
    """Galaxy collects a second after its SIGTERM."""
    session = start().opened()
    session.save("outputs/last words.txt", "kept")
    session.save("mine.ipynb", json.dumps(NOTEBOOK))
    os.killpg(session.process.pid, signal.SIGTERM)
    soon("the last words", lambda: session.collected() == {"last words": "kept"}, 1.0)
    soon("the notebook", lambda: json.loads(session.dataset.read_text()) == NOTEBOOK, 1.0)
    assert session.ended()[0] == 0
    assert (session.working / "kept").exists(), "the job's script waits for it"


def test_shutting_down_in_jupyterlab_ends_well(start: Callable[..., Session]) -> None:
    session = start().opened()
    session.save("outputs/a.txt", "kept")
    end(session, "/end/0")
    code, _, err = session.ended()
    assert (code, session.collected()) == (0, {"a": "kept"})
    assert "shut down in JupyterLab" in err


@pytest.mark.parametrize(("how", "told"), [("/kill", "-9"), ("/end/3", "3")])
def test_a_server_that_dies_fails_the_job_and_keeps_the_work(
    start: Callable[..., Session], how: str, told: str
) -> None:
    session = start().opened()
    session.save("outputs/a.txt", "kept")
    end(session, how)
    code, _, err = session.ended()
    assert (code, session.collected()) == (1, {"a": "kept"})
    assert f"exit code {told}" in err


def end(session: Session, how: str) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"http://127.0.0.1:{session.port}{how}")


def test_without_a_gpu_the_log_says_so_and_nothing_is_set(start: Callable[..., Session]) -> None:
    session = start().opened()
    session.process.terminate()
    assert "GPU: none" in session.ended()[1]
    assert not session.environment.keys() & {"NEBULAB_GPUS", "JAX_PLATFORMS", "TF_FORCE_GPU_ALLOW_GROWTH"}


def test_kernels_are_told_their_gpus_and_their_share(start: Callable[..., Session]) -> None:
    state = nvml.variables(gpus=2, memory_mb=16384)
    session = start(**state, NEBULAB_GPU_MEMORY_MB="4096", CUDA_VISIBLE_DEVICES="1").opened()
    assert session.environment["NEBULAB_GPUS"] == "Stand-in T4, 16.0 GiB"
    assert session.environment["NEBULAB_GPU_MEMORY_MB"] == "4096"
    assert session.environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.2500"
    assert session.environment["CUDA_VISIBLE_DEVICES"] == "1"
    session.process.terminate()
    out = session.ended()[1]
    assert "GPU: Stand-in T4, 16.0 GiB; driver 580.65.06, CUDA 13.0; 4 GiB of each for a process" in out


def test_a_gpu_that_can_not_be_used_is_told_in_the_lab_and_kept_from_the_kernels(
    start: Callable[..., Session],
) -> None:
    session = start(**nvml.variables(init=18), JAX_PLATFORMS="cuda", CUDA_VISIBLE_DEVICES="0").opened()
    (message,) = session.status()["messages"]
    assert "was updated while it ran" in message["text"]
    assert "reboot" in message["text"]
    assert (session.environment["JAX_PLATFORMS"], session.environment["CUDA_VISIBLE_DEVICES"]) == ("cpu", "-1")


@pytest.mark.parametrize("whole_group", [False, True])
def test_a_killed_session_leaves_its_work_and_no_process(start: Callable[..., Session], whole_group: bool) -> None:
    session = start().opened()
    session.save("outputs/a.txt", "kept")
    soon("the mirror", lambda: session.collected())
    (os.killpg if whole_group else os.kill)(session.process.pid, signal.SIGKILL)
    assert session.ended()[0] == -signal.SIGKILL
    assert session.collected() == {"a": "kept"}


def test_a_server_that_does_not_start_is_told_with_its_last_words(start: Callable[..., Session]) -> None:
    session = start(STAND_IN_LAB="refuse")
    _, err = session.process.communicate(timeout=30)
    assert session.process.returncode == 1
    assert "this server refuses to start" in err
    assert json.loads(session.dataset.read_text())["nbformat"] == 4


def test_when_galaxy_lost_the_job_the_work_comes_home_through_the_api(
    start: Callable[..., Session], galaxy: FakeGalaxy
) -> None:
    session = start().opened()
    session.save("outputs/result.csv", "1,2\n")
    session.save("mine.ipynb", json.dumps(NOTEBOOK))
    galaxy.answers["jobs/j1"] = {"state": "error"}
    code, out, _ = session.ended(60)
    assert code == 0
    assert "saved to the history: 2 files" in out
    targets = [request["targets"][0] for request in galaxy.fetched]
    assert [target["elements"][0]["name"] for target in targets] == ["mine.ipynb", "result.csv"]
    assert [target["elements"][0]["ext"] for target in targets] == ["ipynb", "csv"]
    assert targets[1]["name"] == "Recovered from a session that Galaxy lost"
    assert sorted(bytes(content) for content in galaxy.uploads.values()) == [b"1,2\n", json.dumps(NOTEBOOK).encode()]


def test_what_galaxy_refuses_comes_home_in_a_tar_file(start: Callable[..., Session], galaxy: FakeGalaxy) -> None:
    galaxy.refused_ext = "csv"
    session = start().opened()
    session.save("outputs/plot.html", "<script>1</script>")
    session.save("outputs/result.csv", "1,2\n")
    galaxy.answers["jobs/j1"] = {"state": "error"}
    code, out, err = session.ended(60)
    assert code == 0, err
    assert "is sent again as a tar file" in out
    (packed,) = (one for one in galaxy.contents if one["extension"] == "tar")
    with tarfile.open(fileobj=io.BytesIO(galaxy.files[packed["id"]])) as archive:
        names = {Path(name).name for name in archive.getnames()}
    assert "result.csv" in names
    assert any(name.startswith("plot.html") for name in names)
    assert galaxy.count("DELETE /api/histories/h1/contents/dataset_collections/c1") == 1


def test_a_session_that_ends_while_galaxy_is_away_waits_for_its_word(
    start: Callable[..., Session], galaxy: FakeGalaxy
) -> None:
    """Galaxy, once restarted, has forgotten the job and collects nothing of it."""
    session = start().opened()
    session.save("outputs/result.csv", "1,2\n")
    soon("the mirror", lambda: session.collected())
    galaxy.away = 10**6
    end(session, "/end/0")
    time.sleep(1)
    assert session.process.poll() is None
    galaxy.answers["jobs/j1"] = {"state": "error"}
    galaxy.away = 0
    code, out, err = session.ended(60)
    assert code == 0
    assert "The session is over, and Galaxy does not answer" in err
    assert "saved to the history: " in out


def test_a_deleted_job_ends_and_brings_nothing_back(start: Callable[..., Session], galaxy: FakeGalaxy) -> None:
    session = start().opened()
    session.save("outputs/a.txt", "not wanted")
    galaxy.answers["jobs/j1"] = {"state": "deleted"}
    code, _, err = session.ended()
    assert (code, galaxy.fetched) == (0, [])
    assert "the job was deleted" in err


def test_a_galaxy_that_is_away_for_a_while_ends_nothing(start: Callable[..., Session], galaxy: FakeGalaxy) -> None:
    session = start().opened()
    galaxy.away = 10
    soon("ten refused questions", lambda: galaxy.away == 0)
    session.save("outputs/a.txt", "kept")
    soon("the mirror", lambda: session.collected() == {"a": "kept"})
    assert session.process.poll() is None
    assert session.status()["state"] == "running"


def test_an_idle_session_warns_and_ends(start: Callable[..., Session]) -> None:
    session = start(NEBULAB_IDLE_MINUTES="0.1").opened()
    status = soon("the warning", lambda: session.status() if session.status()["ends_in_seconds"] is not None else None)
    assert 0 < status["ends_in_seconds"] <= 3
    code, _, err = session.ended()
    assert code == 0
    assert "nothing was computed for too long" in err


def test_a_computing_kernel_keeps_the_session(start: Callable[..., Session]) -> None:
    session = start(NEBULAB_IDLE_MINUTES="0.05").opened()
    moment = datetime.fromtimestamp(0, UTC).isoformat()
    session.save("kernels.json", json.dumps([{"id": "k", "execution_state": "busy", "last_activity": moment}]))
    time.sleep(5)
    assert session.process.poll() is None


def test_more_time_can_be_asked_for_from_the_page(start: Callable[..., Session]) -> None:
    session = start(NEBULAB_IDLE_MINUTES="0.1").opened()
    soon("the warning", lambda: session.status()["ends_in_seconds"] is not None)
    headers = {"x-api-key": session.environment["API_KEY"]}
    httpx.post(f"{session.environment['NEBULAB_SESSION']}/extend", headers=headers).raise_for_status()
    assert session.status()["ends_in_seconds"] is None


def test_what_cannot_be_collected_is_told_in_the_page(start: Callable[..., Session]) -> None:
    session = start().opened()
    (session.work / "outputs" / "link").symlink_to("/etc/passwd")
    message = soon("the message", lambda: session.status()["messages"])[0]
    assert "out of the working folder" in message["text"]


def test_whatever_lies_in_outputs_the_session_goes_on_and_keeps_what_it_can(start: Callable[..., Session]) -> None:
    """A real session: 1,000 files, long files of holes, a thousand folders, links, pipes, names of all kinds."""
    session = start(NEBULAB_DISK_MB="500").opened()
    outputs = session.work / "outputs"
    for number in range(1000):
        (outputs / f"{number}.txt").touch()
    for name in (b"\xff\xfe.txt", b"new\nline.txt", "\u202etxt.exe".encode(), b"x" * 251 + b".txt", b"dots...", b" "):
        (outputs / os.fsdecode(name)).write_text("kept")
    os.truncate(outputs / "0.txt", 100 << 20)
    os.truncate(outputs / "1.txt", 10 << 30)
    os.mkfifo(outputs / "pipe")
    (outputs / "loop").symlink_to("loop")
    (outputs / "out").symlink_to("/etc/passwd")
    folder = outputs
    for _ in range(1000):
        folder = folder / "d"
        folder.mkdir()
    expected = (
        "'outputs/1.txt' (10.0 GB)",
        "outputs/pipe",
        "leads nowhere",
        "out of the working folder",
        "too many folders",
    )

    def is_told() -> bool:
        told = " ".join(message["text"] for message in session.status()["messages"])
        return all(what in told for what in expected)

    soon("what is not collected", is_told)
    session.process.terminate()
    code, out, err = session.ended()
    assert code == 0
    assert "Traceback" not in out + err
    listed = json.loads((session.working / "galaxy.json").read_text())["output_collection"]["elements"]
    assert len(listed) == 1000 - 1 + 6
    assert all((session.working / element["filename"]).is_file() for element in listed)
    subprocess.run(["rm", "-r", str(outputs / "d")], check=True)


def test_by_hand_without_galaxy_it_prints_the_address(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, run_session.__file__, "session", "--mode", "scratch"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(run_session.__file__).parents[1])}
        | {"NEBULAB_ISOLATION": "none"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        address = next(line for line in process.stdout if line.startswith("Open http://127.0.0.1:"))
        assert "token=" in address
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0
