"""A session's start up to the moment when Galaxy could collect: folders, inputs, notebooks, GPUs; runs in the session.

It uses the standard library only, and not much of it: that time is the user's.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

from nebulab.accelerators import asking, caps
from nebulab.session import standalone
from nebulab.session.inputs import job, repository, start
from nebulab.session.inputs.staging import Request, keep_raw, read_request, stage
from nebulab.session.journal import Journal, log
from nebulab.session.lab import environment
from nebulab.session.outputs.collected import Collected
from nebulab.session.outputs.elements import Datatypes
from nebulab.session.outputs.kept import Kept
from nebulab.session.outputs.mirror import Mirror
from nebulab.session.outputs.results import Results
from nebulab.session.prepared import Prepared, sandboxed
from nebulab.session.settings import SessionSettings
from nebulab.session.walls import sandbox, sealed

_DRIVER_SECONDS = 15.0
"""A GPU's driver that does not answer until then does not answer; one that has to wake up takes a second a GPU."""


def prepare(settings: SessionSettings, inherited: Mapping[str, str]) -> Prepared:
    """Lay out folders, inputs and notebooks; from here on Galaxy could collect."""
    began = time.monotonic()
    outward = sealed.Outward(settings.egress) if settings.egress else None
    if outward is not None:
        inherited = {**inherited, **outward.variables}
    asked = asking.ask(inherited)
    layout = settings.layout
    journal = Journal()
    program = None
    if settings.inputs and settings.mode == "job":
        request, program = job.read_request(settings.inputs)
    else:
        request = read_request(settings.inputs) if settings.inputs else Request(mode=settings.mode or "scratch")
    collected = (layout.outputs, layout.mirror)
    for folder in (layout.home, layout.runtime, layout.cache, *(() if settings.standalone else collected)):
        folder.mkdir(parents=True, exist_ok=True)
    isolation = sandbox.available(settings.isolation)
    log(f"Nebulab session: isolation {isolation}")
    sources = stage(request, layout)
    if settings.inputs:
        keep_raw(settings.inputs, layout)
    passed = environment.passed_on(inherited) | {"PATH": settings.path, "HOME": str(layout.home), "LC_ALL": "C.UTF-8"}

    def clone(address: str, reference: str, into: Path) -> Path:
        with outward.helped() if outward is not None else contextlib.nullcontext():
            return repository.clone(
                address,
                reference,
                into,
                schemes=settings.clone_schemes,
                seconds=settings.clone_seconds,
                environment=passed,
                sandboxed=lambda argv, variables: sandboxed(settings, isolation, sources, argv, variables),
            )

    datatypes = _datatypes(settings.datatypes)
    mirror: Collected
    if program is not None:
        sources += job.lay_out(program, layout)
        first = start.Start(program.name, (layout.work / program.name).read_bytes())
        mirror = Results(
            layout,
            datatypes,
            journal.tell,
            datasets=settings.outputs,
            max_outputs=settings.max_outputs,
            name=program.name,
            job_id=settings.job_id,
        )
    elif settings.standalone:
        first = start.in_own_folder(layout)
        mirror = Kept(layout, datatypes, journal.tell, settings.max_outputs)
        for trouble in standalone.troubles(layout, isolation):
            journal.tell(trouble)
    else:
        first = start.prepare(request, layout, clone)
        if first.problem:
            journal.tell(first.problem)
        mirror = Mirror(
            layout,
            datatypes,
            journal.tell,
            notebook_output=settings.notebook_output,
            max_outputs=settings.max_outputs,
        )
    mirror.begin(first.notebook)
    gpus = asked.seen(_DRIVER_SECONDS)
    tell = journal.tell if gpus.serious else log
    tell(caps.describe(gpus, settings.gpu_memory_mb))
    return Prepared(
        settings, isolation, inherited, request, sources, first, mirror, journal, gpus, program, outward, began
    )


def _datatypes(path: Path | None) -> Datatypes:
    if path is None:
        return Datatypes(("ipynb", "txt", "csv", "tabular", "json", "h5", "onnx", "png", "jpg", "pdf", "html", "zip"))
    return Datatypes(json.loads(path.read_text(encoding="utf-8")))
