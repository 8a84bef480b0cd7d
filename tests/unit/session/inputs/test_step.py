"""What a pipeline asks of a job, as Galaxy's JSON has it, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import StagingError
from nebulab.session.inputs import job
from nebulab.session.layout import Layout
from nebulab.session.settings import SessionSettings


def program(folder: Path, **pipeline: Any) -> job.Program:
    """Return the program that a request with these fields of the section describes."""
    run = pipeline.pop("run", {})
    script = folder / "dataset_1.dat"
    script.write_text("{}")
    form = {
        "select_file": {"source_path": str(script), "element_identifier": "Clean it", "file_ext": "ipynb"},
        "pipeline": pipeline,
        "run": run,
    }
    path = folder / "galaxy_inputs.json"
    path.write_text(json.dumps(form))
    return job.read_request(path)[1]


def dataset(folder: Path, name: str, **more: Any) -> dict[str, Any]:
    (folder / name).write_text(name)
    return {"source_path": str(folder / name), **more}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "working")
    for folder in (layout.work, layout.own):
        folder.mkdir(parents=True)
    return layout


def test_files_lie_where_they_lay(tmp_path: Path, layout: Layout) -> None:
    one = program(
        tmp_path,
        path="steps/clean.ipynb",
        given=[{"path": "data/raw.csv", "dataset": dataset(tmp_path, "raw.dat")}],
        earlier=[
            # As Galaxy 26.1 names an element of a list.
            {"collection": [dataset(tmp_path, "a.dat", element_identifier=["steps/a.csv"])]},
            {"collection": [dataset(tmp_path, "b.dat", element_identifier="b.csv")]},
        ],
        after=[{"element_identifier": "None", "source_path": None}],
        outputs="steps/made.txt\n\nfigures/*.png\n",
        run={"environment": "WORD=a=b\nEMPTY=\n"},
    )
    job.lay_out(one, layout)
    assert (layout.work / "steps" / "clean.ipynb").read_text() == "{}"
    for name, content in (("data/raw.csv", "raw.dat"), ("steps/a.csv", "a.dat"), ("b.csv", "b.dat")):
        assert (layout.work / name).read_text() == content
    command = job.command(one, SessionSettings(layout=layout))
    assert command[command.index("--work") + 1] == str(layout.work / "steps")
    variables = json.loads(Path(command[command.index("--environment") + 1]).read_text())
    assert variables == {"WORD": "a=b", "EMPTY": ""}
    wanted = json.loads(Path(command[command.index("--step-files") + 1]).read_text())
    assert wanted == {"folder": str(layout.work), "patterns": ["steps/made.txt", "figures/*.png"]}


def test_a_job_that_is_no_step_is_as_before(tmp_path: Path, layout: Layout) -> None:
    one = program(tmp_path)
    job.lay_out(one, layout)
    command = job.command(one, SessionSettings(layout=layout))
    assert (layout.work / "Clean_it.ipynb").is_file()
    assert not {"--environment", "--step-files"} & set(command)


def test_variables_with_line_ends_come_as_json(tmp_path: Path) -> None:
    one = program(tmp_path, run={"environment": json.dumps({"TEXT": "two\nlines", "N": 3})})
    assert one.step.environment == {"TEXT": "two\nlines", "N": "3"}


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "../out.ipynb"},
        {"path": "/etc/out.ipynb"},
        {"outputs": "../secret"},
        {"given": [{"path": "../x", "dataset": {"source_path": "/nowhere"}}]},
    ],
)
def test_what_leads_out_is_refused(tmp_path: Path, layout: Layout, asked: dict[str, Any]) -> None:
    with pytest.raises(StagingError, match="lies outside of"):
        job.lay_out(program(tmp_path, **asked), layout)


@pytest.mark.parametrize("text", ["NOT SO=1", "=1", '{"a b": 1}', "1A=2"])
def test_a_name_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(StagingError, match="can't be the name of an environment variable"):
        program(tmp_path, run={"environment": text})


@pytest.mark.parametrize(
    "asked", [{"given": [{"path": "x"}]}, {"earlier": 3}, {"earlier": [1]}, {"run": {"environment": "{"}}]
)
def test_another_form_is_told(tmp_path: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(StagingError):
        program(tmp_path, **asked)
