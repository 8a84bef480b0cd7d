"""The panel's trainings against a small Galaxy: what a round of polling costs, what is told of each, its end."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.web import HTTPError

from nebulab import contract
from nebulab.session.lab.asking import ask
from nebulab.session.lab.trainings import scheduling
from nebulab.session.lab.trainings.form import FormFault
from nebulab.session.lab.trainings.scheduling import Trainings
from support.fake_galaxy import KEY, FakeGalaxy

RAN = f"00:00:05  {contract.cell_ran(1, 2, '1.0 s', 'memory 0.50 GB (peak 0.75)')}\n"
LOG = f"00:00:01  running\n{RAN}          | gr\u00fcn\n"
METRICS = [
    {"plugin": "core", "name": "start_epoch", "raw_value": "1790000000"},
    {"plugin": "core", "name": "end_epoch", "raw_value": "1790000060"},
]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGalaxy]:
    server = FakeGalaxy()
    for name, value in {"GALAXY_URL": server.url, "API_KEY": KEY, "HISTORY_ID": "h1"}.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


class Acted:
    """Stands where a process of the kernels' environment is started; yields what a test gives."""

    def __init__(self) -> None:
        self.wishes: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}

    async def __call__(self, python: str, module: str, wish: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self.wishes.append((module, wish))
        yield {"result": self.answers[module]}


@pytest.fixture
def acted() -> Acted:
    return Acted()


@pytest.fixture
def trainings(fake: FakeGalaxy, tmp_path: Path, acted: Acted) -> Trainings:
    return Trainings(tmp_path, lambda: "python", sys.executable, ask=ask, act=acted)


def galaxys(fake: FakeGalaxy, *jobs: dict[str, Any]) -> None:
    """Have Galaxy know these jobs, the newest first."""
    whole = []
    for job in jobs:
        source = fake.add(f"program of {job['id']}")
        run = {"parameters": json.dumps({"epochs": 3}), "gpus": "1"}
        whole.append(
            {
                "tool_id": contract.JOB_TOOL,
                "history_id": "h1",
                "create_time": "2026-09-21T14:13:00",
                "update_time": "2026-09-21T14:13:20",
                "params": {"run": json.dumps(run)},
                "inputs": {"select_file": {"id": source["id"]}},
                "outputs": {},
                "output_collections": {},
            }
            | job
        )
    fake.answers["jobs"] = whole
    for job in whole:
        fake.answers[f"jobs/{job['id']}"] = job
        fake.answers[f"jobs/{job['id']}/metrics"] = METRICS if job["state"] in {"ok", "error"} else []


async def test_a_round_costs_one_request(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "a1", "state": "running"}, {"id": "b2", "state": "ok"})
    first = await trainings.listed()
    assert [row["name"] for row in first["trainings"]] == ["program of a1", "program of b2"]
    fake.requests.clear()
    for _ in range(3):
        assert await trainings.listed() | {"trainings": []} == first | {"trainings": []}
    assert len(fake.requests) == 3
    assert all(request.startswith("GET /api/jobs?") for request in fake.requests)


async def test_a_first_look_at_a_long_list_is_spread_over_rounds(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, *({"id": f"a{n}", "state": "ok"} for n in range(20)))
    told = await trainings.listed()
    assert sum(bool(row["name"]) for row in told["trainings"]) == scheduling._LOOKED_AT_ONCE
    assert len(fake.requests) <= 1 + 3 * scheduling._LOOKED_AT_ONCE
    for _ in range(3):
        told = await trainings.listed()
    assert all(row["name"] for row in told["trainings"])


async def test_a_row_tells_queue_and_run_time_and_what_was_asked(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "b2", "state": "ok"}, {"id": "a1", "state": "running"})
    done, running = (await trainings.listed())["trainings"]
    assert (done["state"], done["gpus"], done["parameters"]) == ("done", 1, {"epochs": 3})
    assert done["ended"] - done["begun"] == 60_000
    assert running["begun"] - running["created"] == 20_000
    assert running["ended"] is None


async def test_a_change_of_state_is_looked_at_again(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "a1", "state": "running"})
    await trainings.listed()
    galaxys(fake, {"id": "a1", "state": "ok"})
    (row,) = (await trainings.listed())["trainings"]
    assert row["ended"] == 1_790_000_060_000


async def test_ends_before_the_session_are_no_news(fake: FakeGalaxy, trainings: Trainings) -> None:
    later = {"update_time": "2999-01-01T00:00:00"}
    galaxys(fake, {"id": "a1", "state": "ok"}, {"id": "b2", "state": "error"} | later, {"id": "c3", "state": "running"})
    fake.answers["jobs"][0]["update_time"] = "2020-01-01T00:00:00"
    assert [row["told"] for row in (await trainings.listed())["trainings"]] == [True, False, False]
    trainings.tell(["b2"])
    assert [row["told"] for row in (await trainings.listed())["trainings"]] == [True, True, False]


async def test_without_a_history_galaxy_is_not_asked(
    fake: FakeGalaxy, trainings: Trainings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HISTORY_ID")
    assert await trainings.listed() == {"history": False, "sending": [], "trainings": []}
    assert not fake.requests


async def test_only_new_lines_of_a_live_log_travel(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "a1", "state": "running"})
    fake.answers["jobs/a1/console_output"] = {"state": "running", "stdout": LOG + "half a li"}
    told = await trainings.one("a1")
    assert told["log"] == LOG
    assert told["progress"] == {"cell": 1, "cells": 2, "memory": {"gb": 0.5, "peak_gb": 0.75}, "gpu": None}
    # Galaxy counts bytes.
    assert told["position"] == len(LOG.encode()) == len(LOG) + 1
    await trainings.one("a1", told["position"])
    assert f"stdout_position={told['position']}" in fake.requests[-1]


async def test_a_log_that_is_not_there_yet_is_empty(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "a1", "state": "running"})
    told = await trainings.one("a1")
    assert (told["log"], told["position"], told["progress"]) == ("", 0, None)


async def test_an_end_brings_outputs_once(fake: FakeGalaxy, trainings: Trainings) -> None:
    arrays = fake.add("Arrays", b"h5", extension="h5")
    element = {"element_identifier": "m.json", "object": {"id": "e1", "file_ext": "json"}}
    fake.answers["histories/h1/contents/dataset_collections/c1"] = {
        "id": "c1", "name": "Model cards", "collection_type": "list", "elements": [element],
    }  # fmt: skip
    outputs = {"outfile_output_arrays": {"id": arrays["id"]}}
    galaxys(
        fake,
        {"id": "a1", "state": "ok", "tool_stdout": LOG, "outputs": outputs}
        | {"output_collections": {"model_cards": {"id": "c1"}}},
    )
    told = await trainings.one("a1")
    assert [each["output"] for each in told["outputs"]] == ["model_cards", "outfile_output_arrays"]
    assert (told["log"], told["from"], told["seconds"], told["failure"]) == (LOG, 0, 5, None)
    fake.requests.clear()
    again = await trainings.one("a1", told["position"])
    assert (again["log"], again["from"]) == ("", told["position"])
    # The page had another part of the log: Galaxy keeps the ends of a long one.
    assert (await trainings.one("a1", 7))["log"] == LOG
    assert not fake.requests


async def test_a_failed_cell_and_what_was_made_before(fake: FakeGalaxy, trainings: Trainings) -> None:
    kept = fake.add("Arrays of x, made before it failed", tags=[contract.job_tag("a1"), "outfile_output_arrays"])
    red = fake.add("executed", state="error")
    galaxys(
        fake,
        {"id": "a1", "state": "error", "tool_stderr": "Cell 2 of 3 failed: KeyError: 'x'\n\nframe['x']"}
        | {"outputs": {"executed_notebook": {"id": red["id"]}}},
    )
    fake.contents = [kept]
    told = await trainings.one("a1")
    assert told["failure"]["cell"] == 2
    assert {(each["output"], each["state"]) for each in told["outputs"]} == {
        ("executed_notebook", "error"),
        ("outfile_output_arrays", "ok"),
    }


async def test_what_galaxy_lost_is_looked_at_until_it_has_come_back(fake: FakeGalaxy, trainings: Trainings) -> None:
    red = fake.add("executed", state="error", misc_info="This job was killed when Galaxy was restarted.")
    galaxys(fake, {"id": "a1", "state": "error", "outputs": {"executed_notebook": {"id": red["id"]}}})
    fake.contents = []
    told = await trainings.one("a1")
    assert told["failure"]["lost"]
    assert "brings its results" in told["failure"]["hint"]
    fake.contents = [fake.add("arrays.h5 of x, recovered", tags=[contract.job_tag("a1"), "outfile_output_arrays"])]
    told = await trainings.one("a1")
    assert "arrays.h5 of x, recovered" in {each["name"] for each in told["outputs"]}


async def test_a_job_of_another_tool_is_no_training(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "a1", "state": "running", "tool_id": "interactive_tool_ml_jupyter_notebook"})
    with pytest.raises(HTTPError, match="no training"):
        await trainings.one("a1")


async def test_cancel_asks_galaxy_and_is_no_news(fake: FakeGalaxy, trainings: Trainings) -> None:
    galaxys(fake, {"id": "a1", "state": "deleted", "update_time": "2999-01-01T00:00:00"})
    await trainings.cancel("a1")
    assert "DELETE /api/jobs/a1" in fake.requests
    assert (await trainings.listed())["trainings"][0]["told"]
    with pytest.raises(HTTPError):
        await trainings.cancel("send-9")


async def test_the_form_is_sent_and_shown_until_galaxy_has_it(
    fake: FakeGalaxy, trainings: Trainings, acted: Acted, tmp_path: Path
) -> None:
    galaxys(fake)
    (tmp_path / "train.ipynb").write_text("{}")
    acted.answers["nebulab.kernel.runs.sending"] = {"id": "a1", "name": "x"}
    assert trainings.send({"path": "train.ipynb", "gpus": 0})["state"] == "sending"
    while not (rows := (await trainings.listed())["sending"])[0]["job"]:
        pass
    assert rows[0]["job"] == "a1"
    ((module, wish),) = acted.wishes
    assert (module, wish["notebook"], wish["gpus"]) == ("nebulab.kernel.runs.sending", str(tmp_path / "train.ipynb"), 0)
    with pytest.raises(FormFault):
        trainings.send({"path": "none.ipynb"})


async def test_trainings_side_by_side(fake: FakeGalaxy, trainings: Trainings, acted: Acted) -> None:
    arrays = fake.add("Arrays", b"h5")
    card = fake.add("card")
    fake.answers[f"datasets/{card['id']}/display"] = {"name": "m", "verified": True, "metrics": {"loss": 0.5}}
    for name, ext in (("cards", "json"), ("figures", "png")):
        element = {"element_identifier": f"m.{ext}", "object": {"id": card["id"], "file_ext": ext}}
        collection = {"id": name, "name": name, "collection_type": "list", "elements": [element]}
        fake.answers[f"histories/h1/contents/dataset_collections/{name}"] = collection
    collections = {"model_cards": {"id": "cards"}, "figures": {"id": "figures"}}
    outputs = {"outfile_output_arrays": {"id": arrays["id"]}}
    made = {"state": "ok", "outputs": outputs, "output_collections": collections}
    galaxys(fake, {"id": "a1"} | made, {"id": "b2"} | made)
    acted.answers["nebulab.kernel.runs.comparing"] = {"epochs": 3}
    first, second = await trainings.compare(["a1", "b2"])
    assert (first["id"], second["id"]) == ("a1", "b2")
    assert first["values_missing"] == ""
    assert (first["values"], first["models"][0]["metrics"]) == ({"epochs": 3}, {"loss": 0.5})
    assert [figure["name"] for figure in first["figures"]] == ["m.png"]
    with pytest.raises(HTTPError, match="two to"):
        await trainings.compare(["a1"])


async def test_a_dataset_that_is_no_card_is_refused(fake: FakeGalaxy, trainings: Trainings) -> None:
    for content in ({"a": 1}, [1], "text"):
        fake.answers["datasets/d9/display"] = content
        with pytest.raises(HTTPError, match="no model card"):
            await trainings.card("d9")
    page = fake.add("page", b"<script>1</script>")
    with pytest.raises(HTTPError, match="no model card"):
        await trainings.card(page["id"])


@pytest.mark.parametrize(
    ("training", "name", "path"),
    [
        ("my run", "figure.png", "trainings/my run/figure.png"),
        ("../..", "../../.bashrc", "trainings/_/_.._.bashrc"),
        ("a/b", "\0", "trainings/a_b/_"),
        ("", "x" * 300, f"trainings/training/{'x' * 100}"),
    ],
)
async def test_a_result_is_fetched_below_a_folder_of_its_own(
    trainings: Trainings, acted: Acted, tmp_path: Path, training: str, name: str, path: str
) -> None:
    acted.answers["nebulab.kernel.runs.fetching"] = {"path": str(tmp_path / path)}
    assert await trainings.fetch("d1", name, training) == {"path": path}
    assert acted.wishes[0][1] == {"id": "d1", "target": str(tmp_path / path)}


async def test_a_program_is_described_below_the_labs_folder_only(
    trainings: Trainings, acted: Acted, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("1")
    acted.answers["nebulab.notebooks.describing"] = {"name": "train.py"}
    told = await trainings.describe("train.py")
    assert told == {"path": "train.py", "history": True, "name": "train.py"}
    for path in ("none.py", "../train.py", ""):
        with pytest.raises(HTTPError) as caught:
            await trainings.describe(path)
        assert caught.value.status_code == 404
