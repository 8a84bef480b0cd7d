"""Galaxy's answers about a training, as the panel shows them; runs in JupyterLab's process."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any

STATES = {
    "new": "queued",
    "upload": "queued",
    "waiting": "queued",
    "queued": "queued",
    "resubmitted": "queued",
    "running": "running",
    "ok": "done",
    "error": "failed",
    "failed": "failed",
    "paused": "paused",
    "deleting": "cancelled",
    "deleted": "cancelled",
    "stopped": "cancelled",
    "stop": "cancelled",
    "skipped": "cancelled",
}
ENDED = frozenset({"done", "failed", "cancelled"})
_EMPTY_ZIP_BYTES = 22
OUTPUTS = (
    *("executed_notebook", "onnx_models", "model_cards", "figures", "tables", "native_models", "files"),
    *("outfile_output_arrays", "outfile_output_zip", "harvest_report", "run_log"),
)
"""The tool's outputs, what people look for first; Galaxy names the elements of its collections among them."""


def row(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the list of jobs tells of one: its id, its state as the panel names it, when it was sent."""
    return {
        "id": str(job["id"]),
        "state": STATES.get(str(job["state"]), "queued"),
        "created": _milliseconds(job.get("create_time")),
        "changed": _milliseconds(job.get("update_time")),
    }


def request(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for: the parameters, GPUs and time limit, out of a job's whole description."""
    run = _decoded((job.get("params") or {}).get("run"))
    run = run if isinstance(run, dict) else {}
    parameters = _decoded(run.get("parameters"))
    return {
        "parameters": parameters if isinstance(parameters, dict) else {},
        "gpus": _whole(run.get("gpus")),
        "minutes": _number(run.get("time_limit")),
        "packages": [line for line in str(run.get("requirements") or "").splitlines() if line.strip()],
    }


def times(job: Mapping[str, Any], metrics: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return when it began and ended, in milliseconds since 1970, by Galaxy's core metrics; None where not known."""
    core = {entry.get("name"): entry.get("raw_value") for entry in metrics if entry.get("plugin") == "core"}
    begun, ended = _number(core.get("start_epoch")), _number(core.get("end_epoch"))
    return {
        "begun": None if begun is None else int(begun * 1000),
        "ended": None if ended is None else int(ended * 1000),
    }


def output(name: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return an output, a dataset or a collection with its elements."""
    is_collection = "collection_type" in shown
    elements = [_element(element) for element in shown.get("elements") or ()]
    return {
        "output": name,
        "id": str(shown["id"]),
        "name": str(shown.get("name") or name),
        "kind": "collection" if is_collection else "dataset",
        "state": str(shown.get("populated_state" if is_collection else "state") or ""),
        "ext": str(shown.get("extension") or shown.get("file_ext") or ""),
        "size": shown.get("file_size"),
        "elements": elements,
    }


def in_order(outputs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the outputs that hold something, what people look for first."""
    places = {name: place for place, name in enumerate(OUTPUTS)}
    held = [each for each in outputs if each["elements"] or (each["kind"] == "dataset" and not _is_empty(each))]
    return sorted(held, key=lambda each: places.get(each["output"], len(places)))


def _is_empty(dataset: Mapping[str, Any]) -> bool:
    """Whether it is the zip file of no files, which the tool makes in any case."""
    return dataset["output"] == "outfile_output_zip" and (dataset["size"] or 0) <= _EMPTY_ZIP_BYTES


def messages(job: Mapping[str, Any]) -> str:
    """Return what a failed job says: what the program wrote in the end, or Galaxy's own words."""
    written = str(job.get("tool_stderr") or job.get("stderr") or "").strip()
    galaxys = [str(message.get("desc") or "") for message in job.get("job_messages") or ()]
    return written or "\n".join(message for message in galaxys if message)


def _element(element: Mapping[str, Any]) -> dict[str, Any]:
    shown = element.get("object") or {}
    return {
        "name": str(element.get("element_identifier") or shown.get("name") or ""),
        "id": str(shown.get("id") or ""),
        "ext": str(shown.get("file_ext") or shown.get("extension") or ""),
        "state": str(shown.get("state") or ""),
    }


def _milliseconds(time: Any) -> int | None:
    try:
        read = datetime.datetime.fromisoformat(str(time))
    except ValueError:
        return None
    # Galaxy's times are UTC and don't say so.
    return int((read if read.tzinfo else read.replace(tzinfo=datetime.UTC)).timestamp() * 1000)


def _decoded(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return None


def _whole(given: Any) -> int | None:
    number = _number(given)
    return None if number is None else int(number)


def _number(given: Any) -> float | None:
    try:
        return float(given)
    except (TypeError, ValueError):
        return None
