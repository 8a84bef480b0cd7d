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
from nebulab.session.inputs import repository
from nebulab.session.inputs.staging import keep_raw, stage
from nebulab.session.journal import Journal, log
from nebulab.session.kinds import Place, kind_of
from nebulab.session.lab import environment
from nebulab.session.outputs.elements import Datatypes
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
    kind = kind_of(settings)
    for folder in (layout.home, layout.runtime, layout.cache):
        folder.mkdir(parents=True, exist_ok=True)
    isolation = sandbox.available(settings.isolation)
    log(f"Nebulab session: isolation {isolation}")
    sources = stage(kind.request, layout)
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

    laid_out = kind.lay_out(Place(settings, isolation, _datatypes(settings.datatypes), journal, clone))
    sources += laid_out.sources
    laid_out.collected.begin(laid_out.first.notebook)
    gpus = asked.seen(_DRIVER_SECONDS)
    tell = journal.tell if gpus.serious else log
    tell(caps.describe(gpus, settings.gpu_memory_mb))
    return Prepared(
        settings=settings,
        isolation=isolation,
        inherited=inherited,
        request=kind.request,
        sources=sources,
        first=laid_out.first,
        mirror=laid_out.collected,
        journal=journal,
        gpus=gpus,
        job=kind.program,
        outward=outward,
        began=began,
    )


def _datatypes(path: Path | None) -> Datatypes:
    if path is None:
        return Datatypes(("ipynb", "txt", "csv", "tabular", "json", "h5", "onnx", "png", "jpg", "pdf", "html", "zip"))
    return Datatypes(json.loads(path.read_text(encoding="utf-8")))
