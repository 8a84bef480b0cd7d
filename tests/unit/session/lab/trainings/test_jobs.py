"""Galaxy's jobs as the panel's rows, from answers as Galaxy gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nebulab.galaxy.waiting import JOB_ENDED
from nebulab.session.lab.trainings import jobs


def job(**fields: Any) -> dict[str, Any]:
    times = {"create_time": "2026-11-01T12:00:00.123456", "update_time": "2026-11-01T12:00:10+00:00"}
    return {"id": "ab12", "state": "running"} | times | fields


def test_a_row_has_times_in_milliseconds() -> None:
    row = jobs.row(job())
    assert row["state"] == "running"
    assert row["changed"] - row["created"] == 10_000 - 123
    assert jobs.row(job(create_time=None))["created"] is None


def test_every_state_that_ends_a_job_is_one_that_ends_a_training() -> None:
    for state in JOB_ENDED - {"paused"}:
        assert jobs.row(job(state=state))["state"] in jobs.ENDED
    assert jobs.row(job(state="paused"))["state"] == "paused"
    assert jobs.row(job(state="a state of a later Galaxy"))["state"] == "queued"


def test_what_was_asked_for_is_read_from_the_form() -> None:
    run = {
        "parameters": json.dumps({"epochs": 3, "rate": 1e-05}),
        "gpus": "1",
        "time_limit": "30.0",
        "requirements": "a==1\n\nb",
    }
    told = jobs.request({"params": {"run": json.dumps(run)}})
    assert told == {"parameters": {"epochs": 3, "rate": 1e-05}, "gpus": 1, "minutes": 30.0, "packages": ["a==1", "b"]}


WITHOUT = json.dumps({"parameters": "epochs: 3", "gpus": "", "time_limit": None})


@pytest.mark.parametrize("params", [None, {}, {"run": "no JSON"}, {"run": "[]"}, {"run": WITHOUT}])
def test_a_form_without_figures_asks_for_none(params: Any) -> None:
    assert jobs.request({"params": params}) == {"parameters": {}, "gpus": None, "minutes": None, "packages": []}


def test_times_come_from_galaxys_core_metrics() -> None:
    metrics = [
        {"plugin": "core", "name": "start_epoch", "raw_value": "1700000000.0000000"},
        {"plugin": "core", "name": "end_epoch", "raw_value": "1700000060.0000000"},
        {"plugin": "other", "name": "start_epoch", "raw_value": "5"},
    ]
    assert jobs.times({}, metrics) == {"begun": 1_700_000_000_000, "ended": 1_700_000_060_000}
    assert jobs.times({}, []) == {"begun": None, "ended": None}


def test_outputs_are_in_the_order_that_people_look_in_and_empty_ones_left_out() -> None:
    element = {"element_identifier": "model.json", "object": {"id": "e1", "file_ext": "json", "state": "ok"}}
    card = {
        "id": "c1",
        "name": "Model cards",
        "collection_type": "list",
        "populated_state": "ok",
        "elements": [element],
    }
    log = {"id": "d1", "name": "Log", "extension": "txt", "state": "ok", "file_size": 5}
    none = {"id": "c2", "name": "Tables", "collection_type": "list", "populated_state": "ok", "elements": []}
    archive = {"id": "d2", "name": "New files", "extension": "zip", "state": "ok", "file_size": 22}
    told = jobs.in_order(
        [
            jobs.output("run_log", log),
            jobs.output("tables", none),
            jobs.output("outfile_output_zip", archive),
            jobs.output("model_cards", card),
        ]
    )
    assert [each["output"] for each in told] == ["model_cards", "run_log"]
    assert told[0]["elements"] == [{"name": "model.json", "id": "e1", "ext": "json", "state": "ok"}]
    assert (told[1]["kind"], told[1]["ext"], told[1]["size"]) == ("dataset", "txt", 5)


def test_a_failed_jobs_own_words_come_before_galaxys() -> None:
    galaxys = [{"desc": "Fatal error: exit code 1"}]
    assert jobs.messages({"tool_stderr": "Cell 1 of 1 failed: x\n", "job_messages": galaxys}) == "Cell 1 of 1 failed: x"
    assert jobs.messages({"tool_stderr": "", "job_messages": galaxys}) == "Fatal error: exit code 1"
    assert jobs.messages({}) == ""
