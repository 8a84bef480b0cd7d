"""A pipeline run on Galaxy: its files sent once, its workflow made and started, each step followed, and what it makes
brought back; runs in a terminal, and as a process of the Lab's page."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from nebulab import contract
from nebulab.errors import DatasetNotFound, GalaxyError, PipelineError, PipelineFailed, RunStopped
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.download import download
from nebulab.galaxy.waiting import job_failure
from nebulab.kernel.runs.known import HistoryFiles
from nebulab.pipelines.checking import outside
from nebulab.pipelines.model import Node, Pipeline
from nebulab.pipelines.running import file_names
from nebulab.pipelines.telling import DONE, FAILED, QUEUED, RUNNING, SKIPPED, WAITING, Telling
from nebulab.pipelines.workflow import TAG, Workflow, make

_FIRST_POLL_SECONDS, _LONGEST_POLL_SECONDS = 1.0, 10.0
_OVER = frozenset({DONE, FAILED, SKIPPED})
_STATES = {"running": RUNNING, "ok": DONE, "error": FAILED, "failed": FAILED, "deleted": FAILED, "deleting": FAILED}
_KEPT = {"executed_notebook": ".ipynb", "run_log": ".log"}
"""What comes back of each step beside its files, and under which ending."""


class _Stopped(BaseException):
    """SIGTERM or Ctrl-C."""


@dataclass
class OnGalaxy:
    """One run of a pipeline on Galaxy."""

    pipeline: Pipeline
    telling: Telling
    galaxy: Galaxy
    history_id: str
    requirements: str = ""
    workflow_id: str = ""
    invocation_id: str = ""
    _jobs: dict[str, str] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)
    """The nodes' ids by their steps' labels."""

    def run(self) -> None:
        """Run it, and bring back what it makes.

        Raises
        ------
        PipelineError
            It has files that Galaxy can't get.
        PipelineFailed
            A step failed; those that do not come after it have run all the same.
        RunStopped
            A signal ended it; Galaxy was told to end the steps.
        GalaxyError, GalaxyAway
        """
        self._check()
        for node in self.pipeline.nodes:
            self.telling.state(node, WAITING)
        try:
            with _stoppable():
                self._start()
                self._follow()
        except _Stopped:
            self._cancel()
            raise RunStopped("The pipeline was stopped, and its steps in Galaxy with it.", "Run it again.") from None
        if self.telling.failed:
            self._cancel()
            raise PipelineFailed(
                self.telling.failure(), "Each step's log is in the history; what the others made was brought back."
            )

    @property
    def folder(self) -> Path:
        """Where logs and executed notebooks go."""
        return self.pipeline.path.with_name(f"{self.pipeline.path.stem}.run")

    def _check(self) -> None:
        if wrong := [str(problem) for problem in outside(self.pipeline)]:
            raise PipelineError(
                "Galaxy gets the files of the pipeline's folder alone:\n  " + "\n  ".join(wrong),
                "Move the pipeline file to a folder that holds all of them, or run it here.",
            )

    def _start(self) -> None:
        workflow = make(self.pipeline, requirements=self.requirements)
        known = HistoryFiles(self.galaxy, self.history_id)
        given = {}
        for one in workflow.inputs:
            self.telling.say(f"sending {one.name}")
            given[one.label] = known.reference(one.path, ext=one.ext)
        self.workflow_id = self._workflow(workflow)
        wish = {
            "inputs": given,
            "inputs_by": "name",
            "history_id": self.history_id,
            "require_exact_tool_versions": False,
        }
        self.invocation_id = str(self.galaxy.post(f"workflows/{self.workflow_id}/invocations", wish)["id"])
        self._labels = {label: node_id for node_id, label in workflow.labels.items()}
        self.telling.say(
            f"the workflow {self.pipeline.name!r} runs in Galaxy",
            workflow=self.workflow_id,
            invocation=self.invocation_id,
            history=self.history_id,
        )

    def _workflow(self, workflow: Workflow) -> str:
        """Return the id of this workflow in Galaxy, which is made if the user has none that is the same."""
        mark = f"{TAG}:{workflow.fingerprint}"
        for stored in self.galaxy.get("workflows", show_published=False, show_shared=False):
            if mark in (stored.get("tags") or ()) and not stored.get("deleted"):
                return str(stored["id"])
        definition = workflow.definition | {"tags": [TAG, mark]}
        try:
            return str(self.galaxy.post("workflows", {"workflow": definition})["id"])
        except DatasetNotFound as error:
            raise GalaxyError(
                f"{self.galaxy.url} has no tool {contract.JOB_TOOL!r}, which runs the nodes.",
                "Its administrators can install it.",
                error.status,
            ) from error

    def _follow(self) -> None:
        """Poll until each node is over; two requests each time."""
        pause = _FIRST_POLL_SECONDS
        while True:
            invocation = self.galaxy.get(f"invocations/{self.invocation_id}")
            states = {job["id"]: job["state"] for job in self.galaxy.get("jobs", invocation_id=self.invocation_id)}
            for step in invocation["steps"]:
                node_id = self._labels.get(step.get("workflow_step_label") or "")
                if node_id and step.get("job_id"):
                    self._jobs[node_id] = step["job_id"]
            before = dict(self.telling.states)
            for node in self.pipeline.nodes:
                if self.telling.states[node.id] not in _OVER:
                    self._look(node, states, invocation)
            if all(state in _OVER for state in self.telling.states.values()):
                return
            pause = _FIRST_POLL_SECONDS if before != self.telling.states else min(pause * 1.2, _LONGEST_POLL_SECONDS)
            time.sleep(pause)

    def _look(self, node: Node, states: dict[str, str], invocation: dict[str, Any]) -> None:
        over = {other.id: self.telling.states[other.id] for other in self.pipeline.ancestors(node)}
        if any(state in {FAILED, SKIPPED} for state in over.values()):
            self.telling.state(node, SKIPPED)
            return
        job = self._jobs.get(node.id)
        if job is None:
            if invocation["state"] in {"failed", "cancelled", "cancelling"}:
                told = "; ".join(_message(message) for message in invocation.get("messages") or ())
                self.telling.state(node, FAILED, reason=f"Galaxy did not start it. {told}".strip())
            return
        state = _STATES.get(states.get(job, ""), QUEUED)
        if states.get(job) == "paused":
            state = FAILED
        if state == FAILED:
            self.telling.state(node, FAILED, reason=job_failure(self.galaxy, self._job(job)).message, job=job)
        elif state == DONE:
            self._bring(node, job)
        else:
            self.telling.state(node, state, job=job)

    def _job(self, job_id: str) -> dict[str, Any]:
        return dict(self.galaxy.get(f"jobs/{job_id}", full=True))

    def _bring(self, node: Node, job_id: str) -> None:
        """Download a step's files, its executed notebook and its log."""
        job = self._job(job_id)
        stem = file_names(self.pipeline)[node.id]
        for output, ending in _KEPT.items():
            if output in (job.get("outputs") or {}):
                download(self.galaxy, job["outputs"][output]["id"], self.folder / f"{stem}{ending}")
        collection = (job.get("output_collections") or {}).get(contract.STEP_FILES)
        if collection:
            elements = self.galaxy.get(f"dataset_collections/{collection['id']}")["elements"]
            for element in elements:
                path = PurePosixPath(element["element_identifier"])
                # A Galaxy's answer is no reason to write elsewhere.
                if path.is_absolute() or ".." in path.parts:
                    raise PipelineError(
                        f"Galaxy returned a file {str(path)!r}, which lies outside.", "It was not written."
                    )
                download(self.galaxy, element["object"]["id"], self.pipeline.folder / path)
        self.telling.state(node, DONE, job=job_id)

    def _cancel(self) -> None:
        if self.invocation_id:
            with contextlib.suppress(GalaxyError):
                self.galaxy.delete(f"invocations/{self.invocation_id}")


def _message(message: dict[str, Any]) -> str:
    return str(message.get("details") or message.get("reason") or "").replace("_", " ")


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Have SIGTERM and Ctrl-C raise `_Stopped` in the block."""

    def stop(*_: object) -> None:
        raise _Stopped

    former = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


__all__ = ["OnGalaxy"]
