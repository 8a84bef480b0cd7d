"""The session's process from its start to its end; runs beside JupyterLab, as the main process of Galaxy's job.

Until JupyterLab's process is started this imports little, and from the standard library only: the user waits for it.
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
from collections.abc import Mapping

from nebulab import files
from nebulab.contract import CONTAINER_PORT, ENVIRONMENT_IN_USE
from nebulab.errors import NebulabError
from nebulab.session.inputs import job
from nebulab.session.lab import environment, server
from nebulab.session.outputs import mirror, results
from nebulab.session.prepare import prepare
from nebulab.session.prepared import Prepared
from nebulab.session.settings import SessionSettings
from nebulab.session.walls import guardian

_LARGEST_FILE_SHARE = 0.95
"""Of the session's disk space, what one file may take."""
ANYWHERE = "0.0.0.0"  # noqa: S104 - in a container of its own, whose port is published on loopback only


def run(settings: SessionSettings, inherited: Mapping[str, str]) -> int:
    """Run the session to its end and return the command's exit code.

    Raises
    ------
    NebulabError
        The session can't start.
    """
    if settings.kernels is not None:
        files.hold(settings.kernels / ENVIRONMENT_IN_USE)
    try:
        prepared = prepare(settings, inherited)
    except NebulabError as error:
        if settings.in_galaxy:
            _show(settings, error)
        raise
    bound = server.broker_socket()
    broker_token = secrets.token_urlsafe(32)
    port = CONTAINER_PORT if prepared.isolation == "container" else settings.page.port or server.free_port()
    process = _spawn(prepared, bound, broker_token, port)

    from nebulab.session.live import serve

    return serve(prepared, process, bound, broker_token, port)


def _show(settings: SessionSettings, error: NebulabError) -> None:
    """Have the history show why nothing ran, on one item in place of each declared output."""
    import asyncio

    import aiohttp

    from nebulab.galaxy.showing import Wanted, show_only

    notebook = results.NOTEBOOK if settings.mode == "job" else mirror.NOTEBOOK
    told = {notebook: {"info": f"{error.message} {error.hint}".strip(), "stdout": "", "stderr": ""}}
    files.replace(settings.layout.metadata, json.dumps(told).encode())

    async def show() -> None:
        wanted = Wanted([notebook], delete_others=True)
        async with aiohttp.ClientSession() as client:
            await show_only(client, settings.galaxy_url, settings.key, settings.job_id, wanted)

    asyncio.run(show())


def _spawn(prepared: Prepared, bound: socket.socket, broker_token: str, port: int) -> guardian.Guarded:
    """Start JupyterLab, or the notebook's execution where no browser is wanted."""
    from nebulab.session.kernels import overlay
    from nebulab.session.lab import config

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
        argv = [sys.executable, "-P", "-m", "nebulab", "run", prepared.first.page, "--in-place"]
        argv += ["--failure", str(layout.failure)]
    else:
        # The door's connections are made from inside the container, to loopback.
        published = prepared.isolation == "container" and settings.door is None
        address = ANYWHERE if published else server.LOOPBACK
        page = settings.page
        argv = config.command(port, address=address, base_url=page.base_url, origin=page.origin)
        variables |= config.hand_over(settings.token, layout.runtime, password=page.password)
    argv, variables = prepared.sandboxed(argv, variables)
    # Below the limit: no file of holes alone, which takes nothing until it is filled, may be all that a session has.
    largest_file = settings.disk_bytes and int(settings.disk_bytes * _LARGEST_FILE_SHARE)
    return guardian.spawn(argv, variables, folder=layout.work, log=layout.server_log, largest_file=largest_file)
