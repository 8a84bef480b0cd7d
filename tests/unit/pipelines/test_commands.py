"""`nebulab pipeline` as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nebulab.cli.pipeline import command
from nebulab.errors import PipelineError
from support.pipelines import node, write


def test_check_tells_the_order(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["check", str(write(tmp_path, node("b.py", after=["a.py"]), node("a.py")))])
    assert (done.exit_code, done.output) == (0, "test.pipeline can run: a.py → b.py\n")


def test_check_tells_what_is_wrong(tmp_path: Path) -> None:
    path = write(tmp_path, node("gone.ipynb"), files=False)
    done = CliRunner().invoke(command, ["check", str(path)])
    assert done.exit_code == 2
    assert "error  gone.ipynb, filename: There is no file" in done.output
    done = CliRunner().invoke(command, ["check", str(path), "--json"])
    assert done.exit_code == 2
    [problem] = json.loads(done.output)
    assert (problem["node_id"], problem["field"], problem["severity"]) == ("gone.ipynb", "filename", "error")


def test_an_unknown_parameter_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, node("a.py"), properties={"pipeline_parameters": [{"name": "rounds", "value": 3}]})
    done = CliRunner().invoke(command, ["run", str(path), "-p", "round", "5"])
    assert isinstance(done.exception, PipelineError)
    assert str(done.exception) == "The pipeline has no parameter 'round'.\nIt has: rounds."


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["check", "--help"]])
def test_help_teaches(words: list[str]) -> None:
    assert "nebulab pipeline" in CliRunner().invoke(command, words).output


def test_json_tells_an_error_on_a_line(tmp_path: Path) -> None:
    path = write(tmp_path, node("gone.ipynb"), files=False)
    done = CliRunner().invoke(command, ["run", str(path), "--json"])
    assert done.exit_code == 2
    assert "can't run" in json.loads(done.output)["error"]
