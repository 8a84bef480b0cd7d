"""A session at its limits, with a real JupyterLab in its sandbox: memory, disk, network to Galaxy, repositories."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.by_hand import ByHand
from support.galaxy import GalaxyUser, wait_for
from support.stack import Stack

pytestmark = pytest.mark.system

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
MEGABYTE = 1024 * 1024


@pytest.fixture
def by_hand(tmp_path: Path, stack: Stack) -> Iterator[Callable[..., ByHand]]:
    """Start sessions by hand; all are stopped at the end. The stack has installed the environments."""
    started: list[ByHand] = []

    def start(folder: Path = tmp_path / "job" / "working", *options: str, **variables: str) -> ByHand:
        started.append(ByHand(folder, *options, **variables))
        return started[-1]

    yield start
    for session in started:
        session.stop()


def test_a_kernel_out_of_memory_ends_alone(by_hand: Callable[..., ByHand]) -> None:
    """The server, the other kernel and the work stay, and the user is told."""
    started = by_hand(GALAXY_MEMORY_MB="900")
    session = started.opened()
    with session.owner() as owner:
        other = owner.post("/api/kernels", json={"name": "python3"}).raise_for_status().json()["id"]
        session.run("open('outputs/kept.txt', 'w').write('kept')")
        with pytest.raises((TimeoutError, AssertionError, OSError)):
            session.run("held = []\nwhile True:\n    held.append(bytearray(b'x' * 10_000_000))", timeout=30)
        wait_for("the message", lambda: "A kernel used" in started.said, 30)
        assert owner.get(f"/api/kernels/{other}").status_code == 200
    assert started.process.poll() is None
    wait_for("the mirror", lambda: started.collected() == {"kept": b"kept"}, 30)


def test_a_job_out_of_memory_says_so_and_keeps_what_it_wrote(tmp_path: Path, stack: Stack) -> None:
    """The guard ends the kernel at the job's limit, before the batch system ends the job with all that it has made."""
    folder = tmp_path / "job" / "working"
    folder.mkdir(parents=True)
    program = tmp_path / "hungry.py"
    program.write_text(
        "# %%\nopen('early.txt', 'w').write('kept')\n# %%\nheld = []\nwhile True:\n"
        "    held.append(bytearray(b'x' * 10_000_000))\n"
    )
    form = {"select_file": {"source_path": str(program), "element_identifier": "hungry.py"}}
    (folder / "galaxy_inputs.json").write_text(json.dumps(form))
    started = ByHand(folder, "--inputs", "galaxy_inputs.json", command="job", GALAXY_MEMORY_MB="900")
    assert started.process.wait(120) == 1
    assert started.stop() == 1
    assert "A kernel used" in started.said
    assert "of the session's 0.9 GB" in started.said
    assert "most likely out of memory" in started.said
    assert "ask for more memory" in started.said
    assert started.collected("files") == {"early": b"kept"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 60 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_loses_nothing_that_was_saved(by_hand: Callable[..., ByHand], small_disk: Path) -> None:
    started = by_hand(small_disk / "job" / "working")
    session = started.opened()
    session.run("open('outputs/kept.txt', 'w').write('kept')")
    (started.work / "mine.ipynb").write_text(NOTEBOOK)
    wait_for("the mirror", lambda: started.collected() == {"kept": b"kept"}, 30)
    wait_for("the notebook", lambda: list(started.collected("notebook_collection")) == ["mine"], 30)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * MEGABYTE)
    (started.work / "outputs" / "late.txt").touch()
    wait_for("the message", lambda: "The disk is full" in started.said, 60)
    assert started.collected() == {"kept": b"kept"}
    assert list(started.collected("notebook_collection")) == ["mine"]
    filler.unlink()
    wait_for("the late file", lambda: set(started.collected()) == {"kept", "late"}, 60)
    assert started.stop() == 0


class Line:
    """A wire to Galaxy that can be cut."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.whole = True
        self.carried = 0
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._connections += [near, far]
            self.carried += 1
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket) -> None:
        try:
            while piece := one.recv(65536):
                other.sendall(piece)
        except OSError:
            pass
        finally:
            one.close()
            other.close()

    def cut(self) -> None:
        self.whole = False
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def close(self) -> None:
        self.cut()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


def test_a_minute_without_galaxy_ends_nothing(
    by_hand: Callable[..., ByHand], stack: Stack, galaxy: GalaxyUser, history: str
) -> None:
    """The session watches a job that really runs, through a wire that is cut for a minute."""
    _, point = galaxy.start_session(history)
    line = Line(stack.url)
    try:
        started = by_hand(
            GALAXY_URL=line.url,
            API_KEY=stack.user.key,
            HISTORY_ID=history,
            NEBULAB_JOB_ID=point["job_id"],
            JUPYTER_TOKEN="a" * 32,
            NEBULAB_WATCH_SECONDS="1",
        )
        wait_for("the first questions", lambda: line.carried > 0, 120)
        line.cut()
        time.sleep(60)
        assert started.process.poll() is None, started.said
        (started.work / "outputs" / "meanwhile.txt").write_text("kept")
        line.whole = True
        wait_for("the mirror", lambda: started.collected() == {"meanwhile": b"kept"}, 30)
        time.sleep(5)
        assert started.process.poll() is None, started.said
        galaxy.stop_session(point["id"])
        assert started.process.wait(60) == 0
    finally:
        line.close()


def test_a_repository_is_cloned_inside_the_sandbox(by_hand: Callable[..., ByHand], tmp_path: Path) -> None:
    """Git on a real server of this machine, its clone in the user's folder, its first notebook as the first page."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "analysis.ipynb").write_text(NOTEBOOK)
    for command in (
        ["init", "-b", "main"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-m", "first"],
    ):
        subprocess.run(["git", *command], cwd=source, check=True, capture_output=True)
    served = tmp_path / "served"
    served.mkdir()
    subprocess.run(["git", "clone", "--bare", str(source), str(served / "thing.git")], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    daemon = subprocess.Popen(
        [
            "git",
            "daemon",
            "--export-all",
            f"--base-path={served}",
            "--listen=127.0.0.1",
            f"--port={port}",
            "--reuseaddr",
        ],
        env={"PATH": os.environ["PATH"]},
        process_group=0,
    )
    try:
        folder = tmp_path / "job" / "working"
        folder.mkdir(parents=True)
        address = f"git://127.0.0.1:{port}/thing.git"
        form = {"mode": {"mode_select": "pull_repo", "repo_url": address, "repo_ref": "main"}, "user_inputs": []}
        (folder / "galaxy_inputs.json").write_text(json.dumps(form))
        wait_for("git's server", lambda: answers(port), 30)
        started = by_hand(folder, "--inputs", "galaxy_inputs.json", NEBULAB_CLONE_SCHEMES="git")
        session = started.opened()
        with session.stranger() as browser:
            place = browser.get("/nebulab/start", params={"token": session.token}).headers["location"]
        assert place.split("?")[0].endswith("lab/tree/thing/analysis.ipynb")
        assert (started.work / "thing" / ".git").is_dir()
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait()


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
