"""Waiting ends with what happened: ready, failed, or not yet."""

from __future__ import annotations

import pytest

from nebulab.errors import DatasetFailed, DatasetLost, DatasetNotReady
from nebulab.galaxy import waiting
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.contents import Item
from support.fake_galaxy import FakeGalaxy


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_FIRST_INTERVAL_SECONDS", 0.01)


def test_a_running_dataset_becomes_ready(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    item = Item.from_answer(fake.add("x", b"12", state="queued"))
    states = iter(["queued", "running", "ok"])
    fake.answers["histories/h1/contents/datasets/d1"] = lambda: fake.shown["d1"] | {"state": next(states)}
    assert waiting.wait_for_item(galaxy, item).state == "ok"


def test_a_failing_dataset_tells_why(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    item = Item.from_answer(fake.add("x", state="error", misc_info="Traceback: no such column"))
    with pytest.raises(DatasetFailed, match="no such column"):
        waiting.wait_for_item(galaxy, item)


@pytest.mark.parametrize("kind", ["collection", "dataset"])
def test_what_galaxy_forgot_with_its_job_is_not_waited_for(
    fake: FakeGalaxy, galaxy: Galaxy, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Killed while it takes in a collection, Galaxy marks the job as failed and leaves the collection "new"."""
    monkeypatch.setattr(waiting, "_JOB_SECONDS", 0.0)
    shown = fake.add("x", state="new", creating_job="j1")
    if kind == "collection":
        shown |= {
            "history_content_type": "dataset_collection",
            "collection_type": "list",
            "populated_state": "new",
            "job_source_type": "Job",
            "job_source_id": "j1",
        }
        fake.answers["histories/h1/contents/dataset_collections/d1"] = shown
    states = iter(["running", "running", "error", "error"])
    fake.answers["jobs/j1"] = lambda: {"state": next(states)}
    with pytest.raises(DatasetLost, match="its job ended in state error"):
        waiting.wait_for_item(galaxy, Item.from_answer(shown))


def test_a_job_that_ends_a_moment_before_its_dataset_is_ready_loses_nothing(
    fake: FakeGalaxy, galaxy: Galaxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_JOB_SECONDS", 0.0)
    item = Item.from_answer(fake.add("x", creating_job="j1"))
    states = iter(["new", "ok"])
    fake.answers["histories/h1/contents/datasets/d1"] = lambda: fake.shown["d1"] | {"state": next(states)}
    fake.answers["jobs/j1"] = {"state": "error"}
    assert waiting.wait_for_item(galaxy, item).state == "ok"


def test_a_job_that_can_not_be_seen_ends_no_waiting(
    fake: FakeGalaxy, galaxy: Galaxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, who shares the history."""
    monkeypatch.setattr(waiting, "_JOB_SECONDS", 0.0)
    item = Item.from_answer(fake.add("x", creating_job="theirs"))
    states = iter(["new", "running", "ok"])
    fake.answers["histories/h1/contents/datasets/d1"] = lambda: fake.shown["d1"] | {"state": next(states)}
    assert waiting.wait_for_item(galaxy, item).state == "ok"
    assert fake.count("GET /api/jobs/theirs") == 2


def test_a_dataset_that_galaxy_lost_is_told_from_one_that_failed(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    item = Item.from_answer(fake.add("x", state="error", misc_info="This job was killed when Galaxy was restarted."))
    with pytest.raises(DatasetLost, match="Galaxy ended while its job ran"):
        waiting.wait_for_item(galaxy, item)


def test_the_time_ends(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    item = Item.from_answer(fake.add("x", state="running"))
    with pytest.raises(DatasetNotReady, match="running"):
        waiting.wait_for_item(galaxy, item, timeout=0.1)


def test_a_failed_job_tells_the_end_of_its_error_output(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    states = iter(["queued", "error"])
    fake.answers["jobs/j1"] = lambda: {
        "id": "j1",
        "state": next(states),
        "tool_id": "run_jupyter_job",
        "exit_code": 1,
        "tool_stderr": "x" * 5000 + "ValueError: no good",
        "job_messages": [{"desc": "Fatal error"}],
    }
    error = waiting.job_failure(galaxy, waiting.wait_for_job(galaxy, "j1"))
    assert "exit code 1" in error.message
    assert "ValueError: no good" in error.message
    assert "Fatal error" in error.message
    assert len(error.message) < 2000


def test_a_job_that_galaxy_lost_is_told_from_its_output(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    output = fake.add("arrays", state="error", misc_info="This job was killed when Galaxy was restarted.")
    job = {"id": "j1", "state": "error", "tool_id": "run_jupyter_job", "outputs": {"arrays": {"id": output["id"]}}}
    error = waiting.job_failure(galaxy, job)
    assert "killed when Galaxy was restarted" in error.message
    assert "It may still run" in error.hint


def test_a_job_that_takes_too_long(fake: FakeGalaxy, galaxy: Galaxy) -> None:
    fake.answers["jobs/j1"] = {"state": "running"}
    with pytest.raises(DatasetNotReady):
        waiting.wait_for_job(galaxy, "j1", timeout=0.1)
