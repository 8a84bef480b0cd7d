"""Training: an empty notebook as a job, from the call to the job's end, against a job that does nothing and against the
predecessor's calls, on the same Galaxy, in turn."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

import httpx

from bench.table import Row

ROUNDS = 2
NOTHING = "bench_nothing"
_NO_OP_GOAL = 1.3
_PREDECESSOR_GOAL = 0.4
_POLL_SECONDS = 5
_ENDED = {"ok", "error", "deleted"}


def measure(url: str, key: str, work: Path) -> list[Row]:
    """Send the three in turn, and compare their medians."""
    with httpx.Client(base_url=url, headers={"x-api-key": key}, timeout=60) as client:
        history = _json(client, "POST", "/api/histories", json={"name": "bench training"})["id"]
        os.environ |= {"GALAXY_URL": url, "API_KEY": key, "HISTORY_ID": history, "NEBULAB_CACHE": str(work / "cache")}
        notebook = work / "empty.py"
        notebook.write_text("pass\n")
        seconds: dict[str, list[float]] = {"ours": [], "nothing": [], "theirs": []}
        for _ in range(ROUNDS + 1):
            seconds["nothing"].append(nothing(client, history, 0.1))
            seconds["ours"].append(_ours(notebook))
            seconds["theirs"].append(_theirs(client, notebook))
    ours, no_op, theirs = (statistics.median(seconds[name][1:]) for name in ("ours", "nothing", "theirs"))
    return [
        Row.at_most("a training that does nothing", ours, no_op, "s", "a job that does nothing", goal=_NO_OP_GOAL),
        Row.at_most(
            "a training that does nothing", ours, theirs, "s", "the predecessor's calls", goal=_PREDECESSOR_GOAL
        ),
    ]


def _ours(notebook: Path) -> float:
    from nebulab.kernel.histories import History

    begun = time.perf_counter()
    History().train(notebook).wait(600)
    return time.perf_counter() - begun


def nothing(client: httpx.Client, history: str, pause: float) -> float:
    """Return the seconds of a job that does nothing, asked for every `pause` seconds."""
    begun = time.perf_counter()
    until_ended(client, _started(client, history, NOTHING, {}), pause)
    return time.perf_counter() - begun


def _theirs(client: httpx.Client, notebook: Path) -> float:
    """As the predecessor's `run_script_job` does it: a new history, an upload that is awaited, the job, by polling."""
    begun = time.perf_counter()
    history = _json(client, "POST", "/api/histories", json={"name": "ml_analysis"})["id"]
    element = {"src": "pasted", "paste_content": notebook.read_text(), "name": "extracted_code", "ext": "txt"}
    payload = {"history_id": history, "targets": [{"destination": {"type": "hdas"}, "elements": [element]}]}
    sent = _json(client, "POST", "/api/tools/fetch", json=payload)
    until_ended(client, sent["jobs"][0]["id"], _POLL_SECONDS)
    script = {"src": "hda", "id": sent["outputs"][0]["id"]}
    until_ended(client, _started(client, history, "run_jupyter_job", {"select_file": script}), _POLL_SECONDS)
    return time.perf_counter() - begun


def _started(client: httpx.Client, history: str, tool: str, inputs: dict[str, Any]) -> str:
    asked = {"tool_id": tool, "history_id": history, "inputs": inputs}
    return str(_json(client, "POST", "/api/tools", json=asked)["jobs"][0]["id"])


def until_ended(client: httpx.Client, job: str, pause: float) -> None:
    """Poll every `pause` seconds until a job has ended; a failed job is an error, since its time means nothing."""
    while (state := _json(client, "GET", f"/api/jobs/{job}")["state"]) not in _ENDED:
        time.sleep(pause)
    if state != "ok":
        raise RuntimeError(f"job {job} ended in state {state}")


def _json(client: httpx.Client, method: str, path: str, **options: Any) -> Any:
    return client.request(method, path, **options).raise_for_status().json()
