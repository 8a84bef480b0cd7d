"""Runs of pipelines that the page starts: one at a time for each file, followed, and stopped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from nebulab.errors import PipelineError, SettingsError
from nebulab.session.lab.pipelines.runs import HERE, Run, Runs, checked
from support import kernelspec
from support.pipelines import flow, node, program, write


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    kernelspec.provide(tmp_path / "jupyter", monkeypatch)
    (tmp_path / "root").mkdir()
    return Runs(tmp_path / "root")


async def over(run: Run) -> Run:
    assert run.following is not None
    await asyncio.wait_for(run.following, 120)
    return run


async def test_a_run_is_followed_to_its_end(runs: Runs, tmp_path: Path) -> None:
    program(tmp_path / "root", "a.py", "open('made.txt', 'w').write('x')")
    write(tmp_path / "root", node("a.py", outputs=["made.txt"]))
    run = await over(await runs.start("test.pipeline", HERE))
    told = run.as_json()
    assert (told["over"], told["error"], told["nodes"]["a.py"]["state"]) == (True, "", "done")
    assert "All 1 nodes ran" in told["messages"][-1]
    assert runs.of("test.pipeline") is run
    assert runs.of("other.pipeline") is None


async def test_what_can_not_run_is_told(runs: Runs, tmp_path: Path) -> None:
    write(tmp_path / "root", node("gone.py"), files=False)
    run = await over(await runs.start("test.pipeline", HERE))
    assert "There is no file 'gone.py'" in run.error
    assert run.hint


async def test_a_pipeline_runs_once_at_a_time_and_is_stopped(runs: Runs, tmp_path: Path) -> None:
    root = tmp_path / "root"
    program(root, "slow.ipynb", "import time, pathlib; pathlib.Path('begun').touch(); time.sleep(600)")
    write(root, node("slow.ipynb"))
    run = await runs.start("test.pipeline", HERE)
    with pytest.raises(SettingsError, match="is running"):
        await runs.start("test.pipeline", HERE)
    async with asyncio.timeout(120):
        while not (root / "begun").exists():
            await asyncio.sleep(0.05)
    runs.stop(run.id)
    await over(run)
    assert run.error == "The pipeline was stopped."


@pytest.mark.parametrize("path", ["../test.pipeline", "/etc/passwd", "a.ipynb", "", "x/../../y.pipeline"])
async def test_what_is_no_pipeline_of_the_session_is_refused(runs: Runs, path: str) -> None:
    with pytest.raises(SettingsError):
        await runs.start(path, HERE)
    with pytest.raises(SettingsError, match="no such run"):
        runs.stop("run-7")


def test_what_is_not_saved_yet_ischecked(tmp_path: Path) -> None:
    path = tmp_path / "new.pipeline"
    program(tmp_path, "a.py", "")
    answer = checked(path, json.dumps(flow(node("a.py"), node("gone.py"))))
    assert [problem["node_id"] for problem in answer["problems"]] == ["gone.py"]
    assert [one["id"] for one in answer["order"]] == ["a.py", "gone.py"]
    assert answer["upgraded"] is None
    old = checked(path, json.dumps(flow(node("a.py", env_vars=["A=1"]), version=7)))
    assert json.loads(old["upgraded"])["pipelines"][0]["app_data"]["version"] == 8
    with pytest.raises(PipelineError):
        checked(path, "{")
