"""The same steps as a workflow of Galaxy: its programs sent to the history, the workflow imported, started, waited for.

By BioBlend, as one would from a program of one's own.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ct

FOLDER = Path(__file__).resolve().parent.parent
WORKFLOW = FOLDER / "workflow" / "ct-segmentation.ga"
NOTEBOOKS = ("1_fetch_data.ipynb", "2_train_here.ipynb", "3_predict_and_plot.ipynb")
PROGRAMS = "CT segmentation, programs"
_PAUSE_SECONDS = 2.0
_ENDED_BADLY = {"error", "paused", "deleted", "failed"}


def galaxy() -> Any:
    """Return the session's connection: a `GalaxyInstance` of BioBlend."""
    from bioblend.galaxy import GalaxyInstance

    return GalaxyInstance(os.environ["GALAXY_URL"], key=os.environ["API_KEY"])


def programs() -> dict[str, Path]:
    """Return what the workflow's steps run and import, by the paths under which they find it."""
    found = {name: FOLDER / name for name in NOTEBOOKS} | {"report.py": FOLDER / "workflow" / "report.py"}
    return found | {name: FOLDER / name for name in ct.files()}


def send(gi: Any, history_id: str) -> tuple[str, str]:
    """Put the programs into the history and import the workflow; return the ids of the workflow and the collection.

    A workflow that was imported before, and not changed since, is taken again.

    Raises
    ------
    RuntimeError
        Galaxy could not take the programs in.
    """
    elements = [
        {
            "src": "pasted",
            "paste_content": path.read_text(encoding="utf-8"),
            "name": name,
            "ext": "ipynb" if path.suffix == ".ipynb" else "txt",
        }
        for name, path in programs().items()
    ]
    target = {
        "destination": {"type": "hdca"},
        "collection_type": "list",
        "name": PROGRAMS,
        "elements": elements,
    }
    answer = gi.make_post_request(f"{gi.url}/tools/fetch", {"history_id": history_id, "targets": [target]})
    collection = str(answer["output_collections"][0]["id"])
    _wait(gi, [job["id"] for job in answer["jobs"]])
    made = json.loads(WORKFLOW.read_text(encoding="utf-8"))
    known = [one["id"] for one in gi.workflows.get_workflows() if one.get("latest_workflow_uuid") == made["uuid"]]
    return str(known[0] if known else gi.workflows.import_workflow_dict(made)["id"]), collection


def start(gi: Any, history_id: str, workflow: str, collection: str, parameters: Mapping[str, Mapping[str, Any]]) -> str:
    """Start the workflow, and return its invocation's id.

    Parameters
    ----------
    parameters
        Of the notebooks, by the step: `{"data": {…}, "training": {…}, "prediction": {…}}`; what is left out stays as
        the notebook has it.
    """
    given: dict[str, Any] = {"Programs": {"src": "hdca", "id": collection}}
    given |= {f"Parameters of the {step}": json.dumps(values) for step, values in parameters.items()}
    invocation = gi.workflows.invoke_workflow(workflow, inputs=given, inputs_by="name", history_id=history_id)
    return str(invocation["id"])


def wait(gi: Any, invocation: str) -> dict[str, str]:
    """Wait until every step is over, and return the ids of the workflow's datasets by their labels.

    Raises
    ------
    RuntimeError
        A step failed; the message has the reason that Galaxy knows.
    """
    while True:
        # The steps that come later have no job yet, and are paused for ever when one before them fails.
        jobs = gi.jobs.get_jobs(invocation_id=invocation)
        if failed := [job for job in jobs if job["state"] in _ENDED_BADLY]:
            raise RuntimeError(_reason(gi, failed))
        shown = gi.invocations.show_invocation(invocation)
        if shown["state"] in ("failed", "cancelled"):
            raise RuntimeError(f"Galaxy did not go on: {shown.get('messages')}")
        # The jobs were asked for first: a step that was planned in between has a job that was not seen yet.
        planned = {step["job_id"] for step in shown["steps"] if step.get("job_id")}
        over = {job["id"] for job in jobs if job["state"] == "ok"}
        if shown["state"] in ("scheduled", "completed") and planned <= over:
            return {label: str(one["id"]) for label, one in shown["outputs"].items()}
        time.sleep(_PAUSE_SECONDS)


def _wait(gi: Any, jobs: list[str]) -> None:
    while True:
        states = [gi.jobs.show_job(job)["state"] for job in jobs]
        if any(state in _ENDED_BADLY for state in states):
            raise RuntimeError("Galaxy could not take the programs in. Look at the red datasets of the history.")
        if all(state == "ok" for state in states):
            return
        time.sleep(_PAUSE_SECONDS / 4)


def _reason(gi: Any, jobs: list[dict[str, Any]]) -> str:
    first = next((job for job in jobs if job["state"] == "error"), jobs[0])
    full = gi.jobs.show_job(first["id"], full_details=True)
    said = (full.get("tool_stderr") or full.get("stderr") or "").strip()[-1500:]
    return f"The step {first['tool_id']} ended as {first['state']}.\n{said}"
