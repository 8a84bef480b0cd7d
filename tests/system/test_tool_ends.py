"""Every way in which a session ends on the real Galaxy: what was saved is in the history, and no process is left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nebulab.linux import descendants
from support.galaxy import GalaxyUser, wait_for
from support.session import Session
from support.stack import Stack

pytestmark = pytest.mark.system

NOTEBOOK = {
    "cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "mine"}],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
WRITE = """
import os, pathlib
pathlib.Path("outputs/a result.csv").write_text("a,b\\n1,2\\n")
pathlib.Path("outputs/tree/deep").mkdir(parents=True)
pathlib.Path("outputs/tree/deep/größe.txt").write_text("kept")
print(os.environ["GALAXY_WORKING_DIR"])
"""
KEPT = {"a result": b"a,b\n1,2\n", "tree/deep/größe": b"kept"}


class Running:
    """A session in which something was saved, and its processes."""

    def __init__(self, stack: Stack, galaxy: GalaxyUser, history: str) -> None:
        self.galaxy = galaxy
        self.history = history
        self.answer, self.point = galaxy.start_session(history)
        self.job = self.answer["jobs"][0]["id"]
        self.session = Session(stack, self.point["target"])
        self.working = Path(self.session.run(WRITE).strip())
        with self.session.owner() as owner:
            owner.put("/api/contents/mine.ipynb", json={"type": "notebook", "content": NOTEBOOK}).raise_for_status()
            # A kernel that computes, and a terminal: they must not outlive the session.
            owner.post("/api/kernels", json={"name": "python3"}).raise_for_status()
            owner.post("/api/terminals").raise_for_status()
        wait_for("the mirror", self._is_mirrored, 30)
        self.process = self._find()
        self.below = descendants(self.process)
        assert len(self.below) > 3

    def _is_mirrored(self) -> bool:
        """Whether both the list and the notebook's dataset are what Galaxy is to collect."""
        datasets = (self.working.parent / "outputs").iterdir()
        listed = "mine" in (self.working / "galaxy.json").read_text()
        return listed and any(b'"mine"' in dataset.read_bytes() for dataset in datasets if dataset.is_file())

    def _find(self) -> int:
        """The session's process: the first one that works in the job's folder and runs `nebulab session`."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    here = (entry / "cwd").resolve() == self.working.resolve()
                    arguments = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if here and b"session" in arguments and arguments[0].endswith(b"python"):
                    found.append(int(entry.name))
        return min(found)

    @property
    def lab(self) -> int:
        """JupyterLab's own process."""
        for pid in self.below:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"jupyterlab" in arguments and not arguments[0].endswith(b"bwrap"):
                return pid
        raise AssertionError("no JupyterLab")

    def gone(self) -> bool:
        """Whether nothing of the session is left."""
        return not any(alive(pid) for pid in (self.process, *self.below))

    def ended(self, state: str) -> dict[str, Any]:
        job = self.galaxy.wait_job(self.job)
        assert job["state"] == state, job
        wait_for("the end of every process", self.gone, 30)
        return job

    def check_kept(self) -> None:
        """Notebook and outputs are in the history as they were saved."""
        self.galaxy.wait_dataset(self.galaxy.output(self.answer, "jupyter_notebook")["id"])
        kept = self.galaxy.notebook(self.galaxy.output(self.answer, "jupyter_notebook")["id"])
        assert "".join(kept["cells"][0]["source"]) == "mine"
        elements = self.galaxy.elements(self.answer)
        assert {name: self.galaxy.content(one["id"]) for name, one in elements.items()} == KEPT
        assert set(self.galaxy.elements(self.answer, "notebook_collection")) == {"mine"}


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def running(stack: Stack, galaxy: GalaxyUser, history: str) -> Iterator[Running]:
    running = Running(stack, galaxy, history)
    yield running
    if not running.gone():
        galaxy.stop_session(running.point["id"])


def test_stopped_in_galaxy(running: Running) -> None:
    running.galaxy.stop_session(running.point["id"])
    running.ended("ok")
    running.check_kept()


def test_shut_down_in_jupyterlab(running: Running) -> None:
    with running.session.owner() as owner:
        owner.post("/api/shutdown").raise_for_status()
    running.ended("ok")
    running.check_kept()


def test_the_server_killed(running: Running) -> None:
    os.kill(running.lab, signal.SIGKILL)
    job = running.ended("error")
    assert "JupyterLab ended on its own" in job["tool_stderr"]
    running.check_kept()


def test_the_session_killed(running: Running) -> None:
    os.kill(running.process, signal.SIGKILL)
    running.ended("error")
    running.check_kept()


def test_the_process_group_killed(running: Running) -> None:
    os.killpg(os.getpgid(running.process), signal.SIGKILL)
    running.ended("ok")
    running.check_kept()


def test_the_job_deleted(running: Running) -> None:
    running.galaxy.gi.jobs.cancel_job(running.job)
    running.ended("deleted")
    names = {one["name"] for one in running.galaxy.gi.histories.show_history(running.history, contents=True)}
    assert not any("Recovered" in name for name in names)


@pytest.mark.parametrize("how", ["restarted", "killed"])
def test_galaxy_restarted_or_killed(doomed: Stack, how: str) -> None:
    """Galaxy forgets the job, and the session brings its work home by itself."""
    stack = doomed
    galaxy = GalaxyUser(stack.url, stack.user.key)
    running = Running(stack, galaxy, galaxy.new_history(how))
    stack.kill("galaxy", signal.SIGTERM if how == "restarted" else signal.SIGKILL)

    def recovered() -> dict[str, Any] | None:
        try:
            contents = galaxy.gi.histories.show_history(running.history, contents=True)
        except Exception:  # noqa: BLE001 - Galaxy is just starting
            return None
        named = {one["name"]: one for one in contents if one.get("populated_state", "ok") == "ok"}
        found = named.get("Recovered from a session that Galaxy lost")
        return named if found and "mine.ipynb" in named else None

    named = wait_for("what the session recovered", recovered, 400, 2)
    wait_for("the end of every process", running.gone, 60)
    galaxy.wait_dataset(named["mine.ipynb"]["id"])
    assert "".join(galaxy.notebook(named["mine.ipynb"]["id"])["cells"][0]["source"]) == "mine"
    shown = galaxy.get(f"dataset_collections/{named['Recovered from a session that Galaxy lost']['id']}")
    elements = {one["element_identifier"]: one["object"]["id"] for one in shown["elements"]}
    for dataset in elements.values():
        galaxy.wait_dataset(dataset)
    assert {name: galaxy.content(one) for name, one in elements.items()} == {
        "a result.csv": b"a,b\n1,2\n",
        "tree_deep_größe.txt": b"kept",
    }


def test_down_leaves_nothing_that_a_killed_galaxy_left(doomed: Stack) -> None:
    """Galaxy's jobs outlive it, and inherit nothing of it but what their destination says."""
    galaxy = GalaxyUser(doomed.url, doomed.user.key)
    running = Running(doomed, galaxy, galaxy.new_history("down"))
    doomed.kill("galaxy")
    said = doomed.nebulab("down").stdout
    assert said.endswith("Stopped.\n")
    assert running.gone()
    assert not working_below(doomed.data_dir)
    assert f"they lie in {running.working}\n" in said
    assert (running.working / "jupyter" / "mine.ipynb").exists()


def working_below(folder: Path) -> list[str]:
    """The command lines of all processes that work in `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").resolve().is_relative_to(folder) and alive(int(entry.name)):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def test_nobody_is_served_by_what_is_gone(running: Running) -> None:
    """After the end the entry point's address leads nowhere."""
    running.galaxy.stop_session(running.point["id"])
    running.ended("ok")
    with running.session.owner() as owner, contextlib.suppress(httpx.TransportError):
        assert owner.get("/lab").status_code >= 400


def test_a_session_in_which_nothing_was_saved_leaves_one_item(galaxy: GalaxyUser, history: str) -> None:
    """Two empty collections beside it told nobody anything."""
    answer, point = galaxy.start_session(history)
    galaxy.stop_session(point["id"])
    galaxy.succeed(answer["jobs"][0]["id"])

    def alone() -> dict[str, Any] | None:
        contents = galaxy.get(f"histories/{history}/contents", v="dev", view="detailed")
        shown = [item for item in contents if item["visible"] and not item["deleted"]]
        return shown[0] if len(shown) == 1 else None

    # The session hides the others while Galaxy ends its job.
    shown = wait_for("one item in the history", alone, timeout=30)
    assert shown["id"] == galaxy.output(answer, "jupyter_notebook")["id"]
    assert re.fullmatch(r"Notebook of the session of \d\d \w\w\w \d\d:\d\d", shown["name"])
    # Workflows go on with what is hidden.
    assert galaxy.elements(answer) == {}
