"""A user of the real Galaxy, for tests: uploads, runs tools, waits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
from bioblend.galaxy import GalaxyInstance

TOOL = "interactive_tool_ml_jupyter_notebook"
FINAL = {"ok", "error", "deleted", "paused", "failed"}


# Limits hold on a quiet machine; test machines are shared, and a busy one may take many times as long.
PATIENCE = 4

_LOG_LINES = 150

Answer = TypeVar("Answer")


def wait_for(what: str, probe: Callable[[], Answer | None], timeout: float = 120, interval: float = 0.3) -> Answer:
    """Return the first truthy answer of `probe`; a failing test says what was waited for."""
    deadline = time.monotonic() + timeout * PATIENCE
    while time.monotonic() < deadline:
        answer = probe()
        if answer:
            return answer
        time.sleep(interval)
    raise AssertionError(f"waited {timeout * PATIENCE:.0f} s in vain for {what}")


class GalaxyUser:
    """What a person does through Galaxy's API, in the words of the tests."""

    def __init__(self, url: str, key: str, log: Path | None = None) -> None:
        self.url = url
        self.key = key
        self.log = log
        """Galaxy's log, whose end a failing test shows."""
        self.gi = GalaxyInstance(url, key=key)

    def get(self, path: str, **parameters: Any) -> Any:
        return self.gi.make_get_request(f"{self.url}/api/{path}", params=parameters).json()

    def new_history(self, name: str = "test") -> str:
        return str(self.gi.histories.create_history(name)["id"])

    def upload(self, history: str, content: str | bytes | Path, name: str, ext: str = "auto") -> dict[str, Any]:
        """Upload and wait; return the dataset."""
        if isinstance(content, str):
            outcome = self.gi.tools.paste_content(content, history, file_name=name, file_type=ext)
        else:
            data = content.read_bytes() if isinstance(content, Path) else content
            target = {"destination": {"type": "hdas"}, "elements": [{"src": "files", "name": name, "ext": ext}]}
            answer = httpx.post(
                f"{self.url}/api/tools/fetch",
                headers={"x-api-key": self.key},
                data={"history_id": history, "targets": json.dumps([target])},
                files={"files_0|file_data": (name, data)},
                timeout=300,
            )
            outcome = answer.raise_for_status().json()
        return self.wait_dataset(outcome["outputs"][0]["id"])

    def dataset(self, dataset: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.gi.datasets.show_dataset(dataset)
        return shown

    def wait_dataset(self, dataset: str, timeout: float = 180) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            shown = self.dataset(dataset)
            return shown if shown["state"] in {"ok", "error", "failed_metadata", "empty", "discarded"} else None

        return wait_for(f"dataset {dataset}", settled, timeout)

    def content(self, dataset: str) -> bytes:
        """Return a dataset's bytes, also of one whose job failed."""
        answer = self.gi.make_get_request(f"{self.url}/api/datasets/{dataset}/display", params={"to_ext": "data"})
        answer.raise_for_status()
        content: bytes = answer.content
        return content

    def run_tool(self, history: str, tool: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Request a tool with `inputs` in Galaxy's flat form (`mode|mode_select`); return the answer."""
        answer: dict[str, Any] = self.gi.tools.run_tool(history, tool, inputs)
        return answer

    def job(self, job: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.get(f"jobs/{job}", full=True)
        return shown

    def wait_job(self, job: str, timeout: float = 240) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            shown = self.job(job)
            return shown if shown["state"] in FINAL else None

        return wait_for(f"job {job}", settled, timeout)

    def succeed(self, job: str, timeout: float = 240) -> dict[str, Any]:
        """Wait until the job ended well, and return it; a failing test says all that Galaxy knows of it."""
        shown = self.wait_job(job, timeout)
        if shown["state"] == "ok":
            return shown
        log = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if self.log else []
        raise AssertionError("\n".join([f"job {job} ended as {shown['state']}", json.dumps(shown, indent=1), *log]))

    def entry_point(self, job: str, timeout: float = 120) -> dict[str, Any]:
        """Wait until the job's entry point is active, and return it."""

        def active() -> dict[str, Any] | None:
            points: list[dict[str, Any]] = self.get("entry_points", job_id=job)
            return next((point for point in points if point["active"]), None)

        return wait_for(f"the entry point of job {job}", active, timeout)

    def start_session(self, history: str, **inputs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start the tool in the mode of default notebooks, and return its answer and its active entry point."""
        answer = self.run_tool(history, TOOL, {"mode|mode_select": "scratch"} | inputs)
        return answer, self.entry_point(answer["jobs"][0]["id"])

    def stop_session(self, entry_point: str) -> None:
        self.gi.make_delete_request(f"{self.url}/api/entry_points/{entry_point}").raise_for_status()

    def output(self, answer: dict[str, Any], name: str) -> dict[str, Any]:
        return next(output for output in answer["outputs"] if output["output_name"] == name)

    def elements(self, answer: dict[str, Any], name: str = "output_collection") -> dict[str, dict[str, Any]]:
        """Return the elements of an output collection by identifier."""
        collection = next(item for item in answer["output_collections"] if item["output_name"] == name)
        shown = self.get(f"dataset_collections/{collection['id']}", instance_type="history")
        return {element["element_identifier"]: element["object"] for element in shown["elements"]}

    def notebook(self, dataset: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(self.content(dataset))
        return read
