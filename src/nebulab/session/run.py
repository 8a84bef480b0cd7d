"""One session from its start to its end; runs beside JupyterLab, as the process that Galaxy's job is.

Until JupyterLab's process is started this uses the standard library only, and not much of it: that time is the user's.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nebulab.accelerators import asking, caps
from nebulab.accelerators.diagnosis import Seen
from nebulab.session import environment, guardian, job, repository, sandbox, sealed, server, standalone, start
from nebulab.session.collected import Collected
from nebulab.session.journal import Journal, log
from nebulab.session.mirror import Mirror
from nebulab.session.outputs import Datatypes
from nebulab.session.results import Results
from nebulab.session.settings import CONTAINER_PORT, SessionSettings
from nebulab.session.staging import Request, keep_raw, read_request, stage

_DRIVER_SECONDS = 15.0
"""A GPU's driver that does not answer until then does not answer; one that has to wake up takes a second a GPU."""
ANYWHERE = "0.0.0.0"  # noqa: S104 - in a container of its own, whose port is published on loopback only


@dataclass
class Prepared:
    """A session whose files are laid out."""

    settings: SessionSettings
    isolation: str
    inherited: Mapping[str, str]
    request: Request
    sources: tuple[Path, ...]
    first: start.Start
    mirror: Collected
    journal: Journal
    gpus: Seen
    job: job.Program | None
    """The notebook or script, if this is a job and nobody's session."""
    outward: sealed.Outward | None
    """The way out of a container without network."""
    began: float
    """Time of the monotonic clock at the session's first line, in seconds."""

    def sandboxed(self, argv: Sequence[str], variables: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """Wrap a command so that it sees what a notebook of this session may see."""
        return _sandboxed(self.settings, self.isolation, self.sources, argv, variables)


def run(settings: SessionSettings, inherited: Mapping[str, str]) -> int:
    """Run the session to its end and return the command's exit code.

    Raises
    ------
    NebulabError
        The session can't start.
    """
    prepared = prepare(settings, inherited)
    bound = server.broker_socket()
    broker_token = secrets.token_urlsafe(32)
    port = CONTAINER_PORT if prepared.isolation == "container" else settings.port or server.free_port()
    process = _spawn(prepared, bound, broker_token, port)

    from nebulab.session.live import serve

    return serve(prepared, process, bound, broker_token, port)


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
                sandboxed=lambda argv, variables: _sandboxed(settings, isolation, sources, argv, variables),
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
        mirror = standalone.Kept(layout, datatypes, journal.tell, settings.max_outputs)
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


def _sandboxed(
    settings: SessionSettings,
    isolation: str,
    sources: Sequence[Path],
    argv: Sequence[str],
    variables: Mapping[str, str],
) -> tuple[list[str], dict[str, str]]:
    layout = settings.layout
    wrapped, made = sandbox.command(
        argv,
        isolation=isolation,
        writable=(layout.work, layout.own, layout.results),
        readable=(*sources, *(sandbox.interpreter_folders(settings.kernels) if settings.kernels else ())),
        hidden=(layout.job, *settings.hide) if settings.in_galaxy else settings.hide,
        environment=variables,
        cwd=layout.work,
        memory_mb=settings.memory_mb,
    )
    return list(wrapped), dict(made)


def _spawn(prepared: Prepared, bound: socket.socket, broker_token: str, port: int) -> guardian.Guarded:
    """Start JupyterLab, or the notebook's execution where no browser is wanted."""
    from nebulab.session import overlay, server_config

    settings = prepared.settings
    layout = settings.layout
    python = overlay.create(layout.overlay, settings.kernels)
    variables = environment.make(
        settings,
        inherited=prepared.inherited,
        gpus=prepared.gpus,
        broker="http://{}:{}".format(*bound.getsockname()[:2]),
        broker_token=broker_token,
        kernelspecs=overlay.kernelspec(layout.runtime, python),
        start_page=prepared.first.page,
    )
    if prepared.job is not None:
        argv = job.command(prepared.job, settings)
    elif prepared.request.run_it:
        argv = [sys.executable, "-m", "nebulab", "run", prepared.first.page, "--in-place"]
        argv += ["--failure", str(layout.failure)]
    else:
        # Where the door lets people in, they come from inside.
        published = prepared.isolation == "container" and settings.door is None
        address = ANYWHERE if published else server.LOOPBACK
        page = settings.page
        argv = server_config.command(port, address=address, base_url=page.base_url, origin=page.origin)
        variables |= server_config.hand_over(settings.token, layout.runtime, password=page.password)
    argv, variables = prepared.sandboxed(argv, variables)
    largest_file = settings.disk_mb and settings.disk_mb * 2**20
    return guardian.spawn(argv, variables, folder=layout.work, log=layout.server_log, largest_file=largest_file)
