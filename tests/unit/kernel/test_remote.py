"""`run_script_job`: the code and the data of a notebook go to a tool, and its failure comes back as one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import DatasetFailed, GalaxyError, TransferError
from nebulab.galaxy import waiting
from nebulab.kernel import run_script_job
from support.fake_galaxy import FakeGalaxy


@pytest.fixture
def notebook() -> Path:
    cells = [
        {"cell_type": "markdown", "source": "# Title"},
        {"cell_type": "code", "source": ["import numpy\n", "x = 1"]},
        {"cell_type": "code", "source": "y = x"},
    ]
    path = Path("train.ipynb")
    path.write_text(json.dumps({"cells": cells}))
    return path


@pytest.fixture
def tool(fake: FakeGalaxy, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, Any]]]:
    """Install the tool, whose job ends in the given state; return the list of requests for it."""
    monkeypatch.setattr(waiting, "_FIRST_INTERVAL_SECONDS", 0.01)
    fake.answers["histories"] = lambda body: {"id": "h1", "name": body["name"]}
    requests: list[dict[str, Any]] = []

    def install(state: str) -> list[dict[str, Any]]:
        states = iter(["queued", "running", state])
        job = {"id": "j1", "tool_id": "run_jupyter_job", "exit_code": 1, "tool_stderr": "KeyError: 'X_train'"}
        fake.answers["jobs/j1"] = lambda: job | {"state": next(states)}

        def run(body: dict[str, Any]) -> dict[str, Any]:
            requests.append(body)
            return {"jobs": [{"id": "j1"}], "outputs": []}

        fake.answers["tools"] = run
        return requests

    return install


def test_code_and_data_arrive(fake: FakeGalaxy, tool: Callable[..., Any], notebook: Path) -> None:
    requests = tool("ok")
    Path("data").mkdir()
    Path("data/a.h5").write_bytes(b"h5")
    result = run_script_job(str(notebook), data_dict=["data/a.h5"])
    assert set(result) == {"job_client", "e_job"}
    assert result["e_job"]["jobs"] == [{"id": "j1"}]
    inputs = requests[0]["inputs"]
    assert requests[0]["tool_id"] == "run_jupyter_job"
    assert inputs["ml_h5_dataset_paths"] == "data/a.h5"
    assert inputs["ml_h5_datasets"] == [{"src": "hda", "id": "d1"}]
    assert fake.files[inputs["select_file"]["id"]] == b"import numpy\nx = 1\n\ny = x\n\n"
    assert fake.shown[inputs["select_file"]["id"]]["extension"] == "txt"


def test_without_data(tool: Callable[..., Any], notebook: Path) -> None:
    requests = tool("ok")
    run_script_job(str(notebook))
    assert requests[0]["inputs"]["ml_h5_dataset_paths"] is None
    assert requests[0]["inputs"]["ml_h5_datasets"] is None


def test_packages_travel(tool: Callable[..., Any], notebook: Path) -> None:
    requests = tool("ok")
    run_script_job(str(notebook), packages=["thing==2.5"])
    assert requests[0]["inputs"]["run|requirements"] == "thing==2.5"


def test_a_notebook_for_keras_2_runs_with_it(
    tool: Callable[..., Any], notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = tool("ok")
    run_script_job(str(notebook))
    assert "run|keras2" not in requests[0]["inputs"]
    content = json.loads(notebook.read_text())
    saved = Path("saved.ipynb")
    saved.write_text(json.dumps(content | {"metadata": {"kernelspec": {"name": "python3-keras2"}}}))
    tool("ok")
    run_script_job(str(saved))
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    tool("ok")
    run_script_job(str(notebook))
    assert [request["inputs"]["run|keras2"] for request in requests[1:]] == [True, True]


def test_a_failed_job_is_a_failure(tool: Callable[..., Any], notebook: Path) -> None:
    tool("error")
    with pytest.raises(DatasetFailed, match="KeyError: 'X_train'"):
        run_script_job(str(notebook))


def test_a_galaxy_without_the_tool(fake: FakeGalaxy, tool: Callable[..., Any], notebook: Path) -> None:
    with pytest.raises(GalaxyError, match="no tool 'run_jupyter_job'"):
        run_script_job(str(notebook))


def test_a_file_that_is_no_notebook(fake: FakeGalaxy) -> None:
    Path("broken.ipynb").write_text("{")
    with pytest.raises(TransferError, match="can't be read as a notebook"):
        run_script_job("broken.ipynb")
