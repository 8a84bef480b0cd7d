"""The run of a pipeline on Galaxy as an RO-Crate: Galaxy's own export of the invocation, and where a Galaxy makes none
(it needs Celery), a crate of the same profile made here; runs in a terminal."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nebulab.errors import GalaxyError
from nebulab.files import matching, replacing
from nebulab.galaxy.connection import Galaxy
from nebulab.galaxy.waiting import wait_until
from nebulab.pipelines.model import Pipeline
from nebulab.pipelines.running import file_names
from nebulab.pipelines.workflow import make

_SECONDS = 600.0
_REFUSED = 403
_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILES = (
    "https://w3id.org/ro/wfrun/process/0.5",
    "https://w3id.org/ro/wfrun/workflow/0.5",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0",
)
_WORKFLOW = "workflow.ga"


@dataclass(frozen=True)
class Done:
    """A run that is over."""

    pipeline: Pipeline
    workflow_id: str
    invocation_id: str
    folder: Path
    """Of its logs and executed notebooks."""


def export(galaxy: Galaxy, run: Done, target: Path) -> str:
    """Write workflow, inputs and outputs of a run into the zip file `target`; return who made it: Galaxy or Nebulab.

    Raises
    ------
    GalaxyError
        Galaxy did not make it within ten minutes, or does not answer.
    """
    wish = {
        "model_store_format": "rocrate.zip",
        "include_files": True,
        "include_deleted": False,
        "include_hidden": True,
    }
    try:
        asked = galaxy.post(f"invocations/{run.invocation_id}/prepare_store_download", wish)["storage_request_id"]
    except GalaxyError as error:
        if error.status != _REFUSED:
            raise
        with replacing(target) as part:
            _make(galaxy, run, part)
        return "Nebulab"
    if not wait_until(lambda: galaxy.get(f"short_term_storage/{asked}/ready") or None, _SECONDS):
        raise GalaxyError("Galaxy has not made the RO-Crate within ten minutes.", "Export the invocation in its page.")
    answer = galaxy.request("GET", f"short_term_storage/{asked}")
    with replacing(target) as part:
        part.write_bytes(answer.content)
    return "Galaxy"


def _make(galaxy: Galaxy, run: Done, part: Path) -> None:
    pipeline = run.pipeline
    workflow = galaxy.get(f"workflows/{run.workflow_id}/download")
    invocation = galaxy.get(f"invocations/{run.invocation_id}")
    given = {one.path.relative_to(pipeline.folder).as_posix() for one in make(pipeline).inputs}
    made = {name for node in pipeline.nodes for output in node.makes for name in matching(pipeline.folder, output)}
    kept = {f"{run.folder.name}/{stem}{end}" for stem in file_names(pipeline).values() for end in (".ipynb", ".log")}
    made |= {name for name in kept if (pipeline.folder / name).is_file()}
    own = pipeline.path.name
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        archive.writestr(_WORKFLOW, json.dumps(workflow, indent=1))
        files = [_file(archive, pipeline.folder, name) for name in sorted({own, *given, *made})]
        graph = _graph(run, galaxy.get("version"), invocation, given=given, made=made)
        metadata = {"@context": f"{_CRATE}/context", "@graph": [*graph, *files]}
        archive.writestr("ro-crate-metadata.json", json.dumps(metadata, indent=1))


def _file(archive: zipfile.ZipFile, folder: Path, name: str) -> dict[str, Any]:
    """Add a file to the archive, and return what the metadata tells of it."""
    archive.write(folder / name, name)
    with (folder / name).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kind = "application/x-ipynb+json" if name.endswith(".ipynb") else mimetypes.guess_type(name)[0] or "text/plain"
    size = str((folder / name).stat().st_size)
    return {"@id": name, "@type": "File", "name": name, "contentSize": size, "encodingFormat": kind, "sha256": digest}


def _graph(
    run: Done, version: dict[str, Any], invocation: dict[str, Any], *, given: set[str], made: set[str]
) -> list[dict[str, Any]]:
    pipeline = run.pipeline
    inputs, outputs = [{"@id": name} for name in sorted(given)], [{"@id": name} for name in sorted(made)]
    parts = [{"@id": _WORKFLOW}, {"@id": pipeline.path.name}, *inputs, *outputs]
    license_text = "The files' own; none was given with the pipeline."
    return [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": _CRATE}, {"@id": _PROFILES[2]}],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": pipeline.name,
            "description": pipeline.description or f"A run of the pipeline {pipeline.path.name} on Galaxy.",
            "datePublished": datetime.now(UTC).isoformat(timespec="seconds"),
            "license": license_text,
            "conformsTo": [{"@id": profile} for profile in _PROFILES],
            "hasPart": parts,
            "mainEntity": {"@id": _WORKFLOW},
            "mentions": {"@id": "#run"},
        },
        *({"@id": profile, "@type": "CreativeWork", "name": profile} for profile in _PROFILES),
        {
            "@id": _WORKFLOW,
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": pipeline.name,
            "programmingLanguage": {"@id": "#galaxy"},
            "encodingFormat": "application/json",
        },
        {
            "@id": "#galaxy",
            "@type": "ComputerLanguage",
            "name": "Galaxy",
            "identifier": {"@id": "https://galaxyproject.org/"},
            "url": {"@id": "https://galaxyproject.org/"},
            "version": str(version.get("version_major") or ""),
        },
        {
            "@id": "#run",
            "@type": "CreateAction",
            "name": f"Run of {pipeline.name}",
            "instrument": {"@id": _WORKFLOW},
            "description": f"The pipeline {pipeline.path.name} as a workflow of jobs in Galaxy.",
            "startTime": _time(invocation.get("create_time")),
            "endTime": _time(invocation.get("update_time")),
            "object": inputs,
            "result": outputs,
        },
    ]


def _time(galaxys: object) -> str:
    """Return a time of Galaxy's, which is in UTC and does not say so, as ISO 8601 with its zone."""
    moment = datetime.fromisoformat(str(galaxys))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="seconds")
