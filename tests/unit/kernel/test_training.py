"""A notebook as a job of Galaxy: what the tool is asked, and what the handle tells of the job."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from nebulab import contract
from nebulab.errors import DatasetFailed, DatasetNotFound, GalaxyError, SettingsError, TransferError
from nebulab.kernel.histories import History
from support.fake_galaxy import FakeGalaxy

RAN = contract.cell_ran(1, 3, "1.0 s", "memory 0.10 GB (peak 0.20)")
LOG = f"00:00:01  running\n00:00:03  {RAN}\n          | hello\n"


@pytest.fixture
def asked(fake: FakeGalaxy) -> list[dict[str, Any]]:
    """The forms that were sent to Galaxy's tool."""
    forms: list[dict[str, Any]] = []

    def start(payload: dict[str, Any]) -> dict[str, Any]:
        assert (payload["history_id"], payload["tool_id"]) == ("h1", "run_jupyter_job")
        forms.append(payload["inputs"])
        return {"jobs": [{"id": "j1"}]}

    fake.answers["tools"] = start
    Path("train.ipynb").write_text('{"cells": []}')
    return forms


def job(fake: FakeGalaxy, state: str = "running", **fields: Any) -> None:
    known = {"id": "j1", "state": state, "history_id": "h1", "tool_id": "run_jupyter_job", "inputs": {}}
    fake.answers["jobs/j1"] = known | fields


def test_what_the_tool_is_asked(fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]) -> None:
    fake.add("given.h5", b"h5")
    Path("data").mkdir()
    Path("data/x.csv").write_text("a\n1\n")
    inputs = {
        "table": Path("data/x.csv"),
        "rate": 0.5,
        "epochs": 3,
        "flag": True,
        "note": "text",
        "data/in.h5": history[1],
    }
    training = history.train("train.ipynb", inputs=inputs, parameters={"size": [1]}, gpus=1, name="try", time_limit=90)
    (form,) = asked
    kinds = {
        form[f"user_inputs_{place}|input_name"]: form[f"user_inputs_{place}|input_type|input_type_selector"]
        for place in range(5)
    }
    assert kinds == {"table": "dataset", "rate": "float", "epochs": "integer", "flag": "boolean", "note": "text"}
    assert form["ml_h5_dataset_paths"] == "data/in.h5"
    assert form["ml_h5_datasets"] == {"values": [{"src": "hda", "id": "d1"}]}
    assert (json.loads(form["run|parameters"]), form["run|time_limit"], form["run|gpus"]) == ({"size": [1]}, 1.5, 1)
    assert fake.shown[form["select_file"]["id"]]["name"] == "try"
    assert (training.id, training.name) == ("j1", "try")


@pytest.mark.parametrize(
    ("value", "kind", "plain"),
    [
        (numpy.int64(3), "integer", 3),
        (numpy.uint8(3), "integer", 3),
        (numpy.float32(0.5), "float", 0.5),
        (numpy.float64(0.25), "float", 0.25),
        (numpy.bool_(True), "boolean", True),
        (numpy.array(7), "integer", 7),
        (numpy.str_("word"), "text", "word"),
    ],
)
def test_numbers_of_numpy_are_numbers(
    history: History, asked: list[dict[str, Any]], value: Any, kind: str, plain: Any
) -> None:
    history.train("train.ipynb", inputs={"x": value}, parameters={"x": value, "nested": [{"y": value}]})
    (form,) = asked
    sent = form["user_inputs_0|input_type|input_value"]
    assert (form["user_inputs_0|input_type|input_type_selector"], sent) == (kind, plain)
    assert type(sent) is type(plain)
    assert json.loads(form["run|parameters"]) == {"x": plain, "nested": [{"y": plain}]}


def test_arrays_and_paths_are_parameters_and_objects_are_not(history: History, asked: list[dict[str, Any]]) -> None:
    history.train("train.ipynb", parameters={"sizes": numpy.arange(3), "folder": Path("a/b")})
    assert json.loads(asked[0]["run|parameters"]) == {"sizes": [0, 1, 2], "folder": "a/b"}
    with pytest.raises(SettingsError, match="no form for a object"):
        history.train("train.ipynb", parameters={"x": object()})
    with pytest.raises(SettingsError, match="ndarray can't be an input"):
        history.train("train.ipynb", inputs={"x": numpy.arange(3)})
    assert len(asked) == 1


def test_a_script_that_is_sent_from_the_kernel_for_keras_2_runs_with_it(
    history: History, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("train.py").write_text("1")
    history.train("train.py")
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    history.train("train.py")
    history.train("train.ipynb")
    assert [form.get("run|keras2") for form in asked] == [None, True, None]


def test_packages_are_part_of_the_form(history: History, asked: list[dict[str, Any]]) -> None:
    history.train("train.ipynb")
    history.train("train.ipynb", packages=["thing==2.5", "other"])
    assert [form["run|requirements"] for form in asked] == ["", "thing==2.5\nother"]


def test_a_list_of_paths_is_laid_out_as_the_program_names_them(
    fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]
) -> None:
    Path("x.csv").write_text("a\n")
    history.train("train.ipynb", inputs=["x.csv"])
    assert asked[0]["ml_h5_dataset_paths"] == "x.csv"
    assert len(asked[0]["ml_h5_datasets"]["values"]) == 1


def test_what_the_history_holds_is_not_sent_again(
    fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]
) -> None:
    history.train("train.ipynb")
    uploaded = len(fake.uploads)
    digest = hashlib.sha1(Path("train.ipynb").read_bytes()).hexdigest()
    fake.contents[0]["hashes"] = [{"hash_function": "SHA-1", "hash_value": digest}]
    history.train("train.ipynb")
    assert len(fake.uploads) == uploaded
    fake.contents[0]["hashes"] = [{"hash_function": "SHA-1", "hash_value": "another"}]
    history.train("train.ipynb")
    assert len(fake.uploads) == uploaded + 1


def test_what_can_not_be_sent_is_told_before_a_job_starts(history: History, asked: list[dict[str, Any]]) -> None:
    with pytest.raises(TransferError, match="no notebook"):
        history.train("nothing.ipynb")
    with pytest.raises(TransferError, match="no file"):
        history.train("train.ipynb", inputs=["nothing.csv"])
    with pytest.raises(SettingsError, match="object can't be an input"):
        history.train("train.ipynb", inputs={"x": object()})
    assert asked == []


def test_a_galaxy_without_the_tool_is_told(fake: FakeGalaxy, history: History) -> None:
    Path("train.py").write_text("1")
    with pytest.raises(GalaxyError, match="no tool 'run_jupyter_job'"):
        history.train("train.py")


def test_a_running_job_tells_its_progress(fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]) -> None:
    job(fake)
    fake.answers["jobs/j1/console_output"] = {"stdout": LOG, "stderr": ""}
    training = history.train("train.ipynb")
    assert (training.state, training.ended, training.cell) == ("running", False, (1, 3))
    assert training.log(1).strip() == "| hello"
    assert repr(training) == "<training train.ipynb: running, 1 of 3 cells, memory 0.10 GB (peak 0.20)>"


def test_what_a_cell_prints_is_no_progress(fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]) -> None:
    job(fake)
    fake.answers["jobs/j1/console_output"] = {"stdout": "          | cell 9/9 ran in 1 s  memory 9\n"}
    assert history.train("train.ipynb").cell is None


def test_a_waiting_job_has_no_log_yet(fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]) -> None:
    job(fake, "queued")
    training = history.train("train.ipynb")
    assert (training.log(), training.cell) == ("", None)
    assert repr(training) == "<training train.ipynb: queued>"


def test_a_failed_job_raises_with_its_reason(fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]) -> None:
    job(fake, "error", tool_stdout=LOG, tool_stderr="Cell 2 failed: KeyError", outputs={}, output_collections={})
    training = history.train("train.ipynb")
    with pytest.raises(DatasetFailed, match="KeyError"):
        training.wait(5)
    assert training.log().endswith("Cell 2 failed: KeyError")
    assert "failed" in repr(training)


def test_outputs_and_models_of_a_job_that_is_done(
    fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]
) -> None:
    fake.add("report", b"{}", extension="json")
    outputs = {"harvest_report": {"id": "d1", "src": "hda"}}
    job(fake, "ok", tool_stdout=LOG, outputs=outputs, output_collections={})
    training = history.train("train.ipynb").wait(5)
    assert training.outputs["harvest_report"].read() == {}
    assert len(training.models) == 0
    with pytest.raises(DatasetNotFound, match="There are: none"):
        training.models["net"]


def test_trainings_are_found_again(fake: FakeGalaxy, history: History) -> None:
    fake.add("train.ipynb", extension="ipynb")
    fake.answers["jobs"] = [{"id": "j1"}]
    job(fake, "ok", inputs={"select_file": {"id": "d1"}}, tool_stdout="")
    (training,) = history.trainings()
    assert training.name == "train.ipynb"


def test_a_job_is_cancelled(fake: FakeGalaxy, history: History, asked: list[dict[str, Any]]) -> None:
    history.train("train.ipynb").cancel()
    assert fake.requests[-1].startswith("DELETE /api/jobs/j1")
