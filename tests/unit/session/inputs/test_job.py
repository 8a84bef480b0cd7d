"""What a training's job is asked for, as Galaxy's JSON has it; what has another form is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nebulab.errors import StagingError
from nebulab.session.inputs import job
from nebulab.session.layout import Layout
from nebulab.session.settings import SessionSettings


def request(tmp_path: Path, **form: Any) -> Path:
    script = tmp_path / "dataset_1.dat"
    script.write_text("x = 1\n")
    path = tmp_path / "galaxy_inputs.json"
    program = {"source_path": str(script), "element_identifier": "train", "file_ext": "txt"}
    path.write_text(json.dumps({"select_file": program} | form))
    return path


def test_a_script_with_its_limits(tmp_path: Path) -> None:
    asked, program = job.read_request(request(tmp_path, run={"time_limit": 1.5, "parameters": "a: 1"}))
    assert (asked.mode, asked.run_it) == ("job", True)
    assert (program.name, program.seconds, program.cell_seconds, program.parameters) == ("train.py", 90.0, None, "a: 1")


def test_the_packages_of_a_job_are_installed_first(tmp_path: Path) -> None:
    _, program = job.read_request(request(tmp_path, run={"requirements": "thing==2.5"}))
    layout = Layout(tmp_path / "working")
    for folder in (layout.work, layout.own):
        folder.mkdir(parents=True)
    job.lay_out(program, layout)
    command = job.command(program, SessionSettings(layout=layout))
    assert Path(command[command.index("--requirements") + 1]).read_text() == "thing==2.5"


def test_a_job_with_keras_2_names_its_kernel(tmp_path: Path) -> None:
    settings = SessionSettings(layout=Layout(tmp_path))
    for keras2 in (False, True):
        _, program = job.read_request(request(tmp_path, run={"keras2": keras2}))
        assert ("python3-keras2" in job.command(program, settings)) is keras2


@pytest.mark.parametrize(
    "form",
    [
        {"select_file": None},
        {"select_file": {"element_identifier": "train"}},
        {"ml_h5_datasets": ["d1"]},
        {"run": {"time_limit": "soon"}},
        {"run": [1]},
        {"user_inputs": 3},
    ],
)
def test_inputs_of_another_form_are_told(tmp_path: Path, form: dict[str, Any]) -> None:
    with pytest.raises(StagingError, match="can't be read from"):
        job.read_request(request(tmp_path, **form))


def test_a_program_that_is_gone_is_told(tmp_path: Path) -> None:
    path = request(tmp_path)
    (tmp_path / "dataset_1.dat").unlink()
    with pytest.raises(StagingError, match="The notebook can't be read: No such file"):
        job.read_request(path)
