"""Every mode of the tool on the real Galaxy: what the user sees first, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.galaxy import TOOL, GalaxyUser
from support.session import Session
from support.stack import Stack

pytestmark = pytest.mark.system


def notebook(*cells: str) -> str:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{n}", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
        for n, cell in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def mine(galaxy: GalaxyUser, history: str, tmp_path: Path) -> str:
    path = tmp_path / "mine.ipynb"
    path.write_text(notebook("print('mine')"))
    return str(galaxy.upload(history, path, "my own/notebook", "ipynb")["id"])


@pytest.fixture
def ended(galaxy: GalaxyUser) -> Iterator[list[str]]:
    """Entry points to stop when the test is over."""
    points: list[str] = []
    yield points
    for point in points:
        galaxy.stop_session(point)


def start_page(session: Session) -> str:
    """Follow the entry point's address as a browser does, and return where it leads."""
    with session.stranger() as browser:
        answer = browser.get("/nebulab/start", params={"token": session.token})
        assert answer.status_code in {301, 302, 303, 307}, answer.text
        return answer.headers["location"]


def test_default_notebooks(stack: Stack, galaxy: GalaxyUser, history: str, ended: list[str]) -> None:
    _answer, point = galaxy.start_session(history)
    ended.append(point["id"])
    session = Session(stack, point["target"])
    assert start_page(session).split("?")[0].endswith("lab/tree/Start%20here.ipynb")
    with session.owner() as owner:
        names = {entry["name"] for entry in owner.get("/api/contents").json()["content"]}
    assert {"Start here.ipynb", "ct-segmentation", "outputs", "galaxy_inputs"} <= names


def test_a_notebook_of_the_history(stack: Stack, galaxy: GalaxyUser, history: str, mine: str, ended: list[str]) -> None:
    chosen = {"mode|mode_select": "previous", "mode|ipynb": {"src": "hda", "id": mine}, "mode|run_it": "false"}
    answer, point = galaxy.start_session(history, **chosen)
    ended.append(point["id"])
    session = Session(stack, point["target"])
    assert start_page(session).split("?")[0].endswith("lab/tree/my_own_notebook.ipynb")
    # Never empty, never half: also a session that nobody touches has its notebook.
    assert json.loads(galaxy.content(galaxy.output(answer, "jupyter_notebook")["id"]) or "{}") in (
        {},
        json.loads(notebook("print('mine')")),
    )


def test_a_repository_that_is_not_there(stack: Stack, galaxy: GalaxyUser, history: str) -> None:
    """A port of this machine where nothing listens: the session goes on and says what is wrong."""
    chosen = {"mode|mode_select": "pull_repo", "mode|repo_url": "https://127.0.0.1:9/owner/name"}
    answer, point = galaxy.start_session(history, **chosen)
    session = Session(stack, point["target"])
    assert start_page(session).split("?")[0].endswith("lab/tree/Read%20me%20first.ipynb")
    with session.owner() as owner:
        shown = owner.get("/api/contents/Read me first.ipynb").json()["content"]
    assert "https://127.0.0.1:9/owner/name could not be cloned" in shown["cells"][0]["source"]
    galaxy.stop_session(point["id"])
    galaxy.succeed(answer["jobs"][0]["id"])
    kept = galaxy.notebook(galaxy.output(answer, "jupyter_notebook")["id"])
    assert "could not be cloned" in "".join(kept["cells"][0]["source"])


@pytest.mark.parametrize(
    "address", ["file:///etc", "ext::sh -c id", "--upload-pack=id", "https://user:secret@host/a/b"]
)
def test_an_address_that_is_a_trick(galaxy: GalaxyUser, history: str, ended: list[str], address: str) -> None:
    answer, point = galaxy.start_session(history, **{"mode|mode_select": "pull_repo", "mode|repo_url": address})
    ended.append(point["id"])
    said = galaxy.get(
        f"jobs/{answer['jobs'][0]['id']}/console_output",
        stdout_position=0,
        stdout_length=9999,
        stderr_position=0,
        stderr_length=9999,
    )
    assert "secret" not in json.dumps(said)


def test_a_notebook_run_without_a_browser(galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(notebook("open('outputs/result.txt', 'w').write('42')", "6 * 7"))
    given = galaxy.upload(history, path, "compute", "ipynb")["id"]
    chosen = {"mode|mode_select": "previous", "mode|ipynb": {"src": "hda", "id": given}, "mode|run_it": "true"}
    answer = galaxy.run_tool(history, TOOL, chosen)
    galaxy.succeed(answer["jobs"][0]["id"])
    executed = galaxy.notebook(galaxy.output(answer, "jupyter_notebook")["id"])
    assert executed["cells"][1]["outputs"][0]["data"]["text/plain"] == ["42"]
    assert galaxy.content(galaxy.elements(answer)["result"]["id"]) == b"42"


def test_a_failing_cell_fails_the_job_and_keeps_the_notebook(galaxy: GalaxyUser, history: str, tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(notebook("open('outputs/before.txt', 'w').write('kept')", "1 / 0", "print('never')"))
    given = galaxy.upload(history, path, "fail", "ipynb")["id"]
    chosen = {"mode|mode_select": "previous", "mode|ipynb": {"src": "hda", "id": given}, "mode|run_it": "true"}
    answer = galaxy.run_tool(history, TOOL, chosen)
    job = galaxy.wait_job(answer["jobs"][0]["id"])
    assert (job["state"], job["exit_code"]) == ("error", 1)
    assert job["tool_stderr"].rstrip().endswith("ZeroDivisionError: division by zero")
    assert "Cell 2 of 3 failed: ZeroDivisionError: division by zero\n\n1 / 0" in job["tool_stderr"]
    executed = galaxy.notebook(galaxy.output(answer, "jupyter_notebook")["id"])
    assert executed["cells"][1]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert galaxy.content(galaxy.elements(answer)["before"]["id"]) == b"kept"
