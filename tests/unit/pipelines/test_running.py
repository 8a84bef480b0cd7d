"""A pipeline run here: nodes in real kernels, in their own folders, in the order of the arrows."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from nebulab.errors import PipelineFailed
from nebulab.pipelines.checking import checked
from nebulab.pipelines.running import Runner, file_names
from nebulab.pipelines.telling import Telling
from support import kernelspec
from support.pipelines import node, program, write


@pytest.fixture(autouse=True)
def _kernel(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    kernelspec.provide(tmp_path_factory.mktemp("kernel"), monkeypatch)


def run(path: Path, **options: Any) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Run a pipeline; return each node's last state, and everything that was told."""
    told = io.StringIO()
    pipeline = checked(path)
    telling = Telling(pipeline, as_json=True, stream=told)
    try:
        Runner(pipeline, telling, **options).run()
    finally:
        lines = [json.loads(line) for line in told.getvalue().splitlines()]
    return telling.states, lines


def test_files_go_from_node_to_node(tmp_path: Path) -> None:
    program(tmp_path, "steps/make.ipynb", "import os", "open('made.txt', 'w').write(os.environ['WORD'] + os.getcwd())")
    program(tmp_path, "use.py", "import os; open('used.txt', 'w').write(open('steps/made.txt').read().upper())")
    path = write(
        tmp_path,
        node("use.py", after=["steps/make.ipynb"], dependencies=["steps/made.txt"], outputs=["used.txt"]),
        node("steps/make.ipynb", outputs=["made.txt"], env_vars=[{"env_var": "WORD", "value": "hello "}]),
    )
    before = {name: (tmp_path / name).read_bytes() for name in ("steps/make.ipynb", "use.py")}
    states, told = run(path)
    assert set(states.values()) == {"done"}
    assert (tmp_path / "used.txt").read_text() == f"hello {tmp_path / 'steps'}".upper()
    # The executed notebooks and the logs lie beside the pipeline; what was run is as it was.
    assert before == {name: (tmp_path / name).read_bytes() for name in before}
    executed = nbformat.read(tmp_path / "test.run" / "make.ipynb", 4)
    assert [cell.execution_count for cell in executed.cells] == [1, 2]
    assert "cell 2/2 ran" in (tmp_path / "test.run" / "make.log").read_text()
    cells = [one["cell"] for one in told if one.get("node") == "steps/make.ipynb" and "cell" in one]
    assert cells == [[1, 2], [2, 2]]

    first = hashlib.sha256((tmp_path / "used.txt").read_bytes()).hexdigest()
    run(path)
    assert hashlib.sha256((tmp_path / "used.txt").read_bytes()).hexdigest() == first


def test_in_place_saves_over_the_notebook_as_elyra_does(tmp_path: Path) -> None:
    program(tmp_path, "one.ipynb", "1 + 1")
    run(write(tmp_path, node("one.ipynb")), in_place=True)
    assert nbformat.read(tmp_path / "one.ipynb", 4).cells[0].outputs[0]["data"]["text/plain"] == "2"


def test_a_failing_node_stops_those_after_it_alone(tmp_path: Path) -> None:
    program(tmp_path, "bad.ipynb", "1", "1 / 0")
    program(tmp_path, "other.py", "open('other.txt', 'w').write('')")
    path = write(
        tmp_path,
        node("bad.ipynb", label="Divide"),
        node("after.py", after=["bad.ipynb"]),
        node("later.py", after=["after.py", "other.py"]),
        node("other.py", outputs=["other.txt"]),
    )
    pipeline = checked(path)
    telling = Telling(pipeline, as_json=True, stream=io.StringIO())
    with pytest.raises(PipelineFailed) as raised:
        Runner(pipeline, telling).run()
    assert telling.states == {"bad.ipynb": "failed", "after.py": "skipped", "later.py": "skipped", "other.py": "done"}
    assert "Divide failed:\nCell 2 of 2 failed: ZeroDivisionError" in raised.value.message
    assert "Not run, since they come after it: after.py, later.py." in raised.value.message


def test_an_output_that_was_not_made_is_a_failure(tmp_path: Path) -> None:
    path = write(tmp_path, node("one.py", outputs=["made.txt", "*.png"]))
    with pytest.raises(PipelineFailed, match=r"did not make 'made.txt', '\*.png'"):
        run(path)


def test_a_language_without_a_kernel_is_told_with_its_node(tmp_path: Path) -> None:
    program(tmp_path, "model.R", "x <- 1")
    with pytest.raises(PipelineFailed, match=r"(?s)model.R failed:.*no kernel here runs that"):
        run(write(tmp_path, node("model.R")))


def test_nodes_without_an_arrow_between_them_run_at_once(tmp_path: Path) -> None:
    """Each waits for the file that the other makes: one after the other, both would fail."""
    code = (
        "import pathlib, time; pathlib.Path('{own}').touch(); end = time.monotonic() + 60\n"
        "while not pathlib.Path('{other}').exists():\n    assert time.monotonic() < end; time.sleep(0.05)"
    )
    program(tmp_path, "a.py", code.format(own="a", other="b"))
    program(tmp_path, "b.py", code.format(own="b", other="a"))
    states, _ = run(write(tmp_path, node("a.py"), node("b.py")), limit=2)
    assert set(states.values()) == {"done"}


def test_a_stop_ends_what_runs(tmp_path: Path) -> None:
    program(tmp_path, "slow.ipynb", "import time, pathlib; pathlib.Path('begun').touch(); time.sleep(600)")
    path = write(tmp_path, node("slow.ipynb"), node("after.py", after=["slow.ipynb"]))
    command = [sys.executable, "-m", "nebulab", "pipeline", "run", str(path), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    end = time.monotonic() + 120
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 3
    told = [json.loads(line) for line in output.splitlines()]
    assert told[-1]["error"] == "The pipeline was stopped."
    assert [one["state"] for one in told if one.get("node") == "after.py"] == ["waiting", "skipped"]
    assert [one["state"] for one in told if one.get("node") == "slow.ipynb"] == ["waiting", "running", "stopped"]


def test_each_node_has_files_of_its_own(tmp_path: Path) -> None:
    names = ["load.ipynb", "load.py", "../x", "a/b.py", "..", "é (2)"]
    nodes = [node(f"{number}.py", label=name) for number, name in enumerate(names)]
    pipeline = checked(write(tmp_path, *nodes))
    assert list(file_names(pipeline).values()) == ["load", "load 2", "_x", "a_b", "node", "é (2)"]
