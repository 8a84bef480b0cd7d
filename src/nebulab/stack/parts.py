"""The parts of a stack, a process each: its command, its address, its health check; runs on one machine."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from nebulab import contract
from nebulab.door import serve as door_process
from nebulab.files import private_folder, write_private
from nebulab.galaxy import looks
from nebulab.stack.embedded import accounts, container_jobs, worker
from nebulab.stack.proxy import gx_it_proxy
from nebulab.stack.running.ports import HOST
from nebulab.stack.settings import StackSettings

_ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    Attributes
    ----------
    name, title
        What commands and people call it.
    address
        Where people and programs reach it.
    answers
        The health check: whether the part answers now.
    prepare
        Called before each start.
    silent_seconds
        Seconds without an answer after which it counts as hanging.
    needed
        Whether the stack fails if it can't be started; else it is restarted again and again while the others run.
    after_galaxy
        Whether it is started only when Galaxy answers and has its accounts, which also leaves Galaxy the processors.
    awaited
        Whether the stack counts as ready only when this part answers.
    start_seconds
        Seconds that it may take to its first answer.
    stop_seconds
        Seconds between SIGTERM and SIGKILL.
    """

    name: str
    title: str
    command: tuple[str | Path, ...]
    address: str
    answers: Callable[[aiohttp.ClientSession], Awaitable[bool]]
    folder: Path
    log: Path
    prepare: Callable[[], None] = lambda: None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    start_seconds: float = 30
    stop_seconds: float = 10
    # A busy Galaxy may not answer for a while; only a hanging one is worth losing its running jobs.
    silent_seconds: float = 90
    needed: bool = True
    after_galaxy: bool = False
    awaited: bool = True


def by_http(address: str) -> Callable[[aiohttp.ClientSession], Awaitable[bool]]:
    """Return a health check: whether `address` answers over HTTP, with any status."""

    async def answers(client: aiohttp.ClientSession) -> bool:
        try:
            async with client.get(address, timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS)):
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False

    return answers


def galaxy(settings: StackSettings, configuration: Path, port: int) -> Part:
    """Return Galaxy, as its own web server runs it."""
    programs = settings.environment("galaxy") / "bin"
    path = os.pathsep.join((str(settings.bin_dir), str(programs), os.environ.get("PATH", os.defpath)))
    return Part(
        name="galaxy",
        title="Galaxy",
        # As `galaxy-web`, started sooner and with our plug-in for the figures of jobs. Not localhost, which some
        # machines resolve to ::1 alone.
        command=(
            *(programs / "python", "-P", container_jobs.rules_folder(settings) / "web.py"),
            *("-c", configuration, "-b", f"{HOST}:{port}"),
        ),
        address=f"http://localhost:{port}",
        answers=lambda client: looks.answers(client, f"http://{HOST}:{port}"),
        folder=settings.galaxy_dir,
        log=settings.log("galaxy"),
        # Job scripts call a bare `python`, which must be Galaxy's.
        environment={
            "PATH": path,
            "VIRTUAL_ENV": str(worker.python_home(settings)),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(container_jobs.rules_folder(settings)),
        },
        start_seconds=600,
        stop_seconds=30,
    )


def proxy(settings: StackSettings, galaxy_url: str, port: int) -> Part:
    """Return the interactive tools proxy that the settings ask for."""
    if settings.proxy == "gx-it-proxy":
        command = gx_it_proxy.command(settings, port)
    else:
        command = (
            *(sys.executable, "-m", "nebulab.stack.proxy.server", "--port", str(port)),
            *("--sessions", settings.sessions_map, "--galaxy-url", galaxy_url),
            *("--galaxy-database", settings.database),
        )
    return Part(
        name="proxy",
        title="The proxy",
        command=command,
        address=f"http://localhost:{port}",
        # Both proxies answer 404 here, which is an answer.
        answers=by_http(f"http://{HOST}:{port}/"),
        folder=settings.run_dir,
        log=settings.log("proxy"),
        environment={"PYTHONUNBUFFERED": "1"},
    )


def door(settings: StackSettings, galaxy_port: int) -> Part:
    """Return the door, by which sessions in containers are entered, and reach Galaxy and the internet."""
    return Part(
        name="door",
        title="The door of sessions in containers",
        command=(
            *(sys.executable, "-m", "nebulab", "door", "--galaxy", f"{HOST}:{galaxy_port}"),
            *("--folder", settings.door_dir, "--tickets", settings.tickets_dir),
            *(option for text in settings.allow for option in ("--allow", text)),
        ),
        address=str(settings.door_dir),
        answers=lambda client: door_process.answers(settings.door_dir),
        folder=settings.run_dir,
        log=settings.log("door"),
        environment={"PYTHONUNBUFFERED": "1"},
    )


def portal(settings: StackSettings, galaxy_url: str, port: int, *, session: str, gpus: bool, awaited: bool) -> Part:
    """Return the portal, where people apply for GPUs; on Galaxy's host name, since it shares Galaxy's login.

    `session` is what one session gets, for the page of resources, whose pool is this machine. With `gpus` a session
    that runs counts as one of them.
    """
    address = f"http://localhost:{port}"

    def prepare() -> None:
        private_folder(settings.portal_dir)
        admin = accounts.load(settings.secrets_file).admin
        write_private(settings.portal_key_file, admin.key)
        if not settings.ticket_key_file.exists():
            write_private(settings.ticket_key_file, secrets.token_hex(32))

    return Part(
        name="portal",
        title="The access portal",
        command=(settings.environment("portal") / "bin" / "python", "-P", "-m", "nebulab", "portal"),
        address=address,
        answers=by_http(f"http://{HOST}:{port}/health"),
        folder=settings.run_dir,
        log=settings.log("portal"),
        prepare=prepare,
        # Its other settings, a mail server's among them, are those of whoever starts the stack.
        environment={
            "PYTHONUNBUFFERED": "1",
            contract.PORTAL_DIR: str(settings.portal_dir),
            contract.PORTAL_GALAXY: galaxy_url,
            contract.PORTAL_URL: address,
            contract.PORTAL_HOST: HOST,
            contract.PORTAL_PORT: str(port),
            contract.PORTAL_KEY_FILE: str(settings.portal_key_file),
            contract.PORTAL_TICKET_KEY_FILE: str(settings.ticket_key_file),
            contract.PORTAL_POOL: os.environ.get(contract.PORTAL_POOL, "machine"),
            contract.PORTAL_SESSION: session,
            contract.PORTAL_GALAXY_DATABASE: f"sqlite:///{settings.database}",
            contract.PORTAL_JOB_GPUS: "1" if gpus else "0",
        },
        start_seconds=120,
        needed=False,
        after_galaxy=True,
        awaited=awaited,
    )


def galaxys_worker(settings: StackSettings) -> Part:
    """Return the worker, which has imported Galaxy and forks for the programs that end jobs."""
    programs = settings.environment("galaxy") / "bin"
    return Part(
        name="worker",
        title="The worker",
        command=(
            *(programs / "python", "-m", "nebulab_worker.serve", "--folder", settings.worker_dir),
            *("--galaxy-root", settings.galaxy_dir, "--stuck-minutes", str(settings.stuck_minutes)),
        ),
        address=str(settings.worker_dir),
        answers=lambda client: worker.serves(settings),
        folder=settings.run_dir,
        log=settings.log("worker"),
        # At every start: its folder may have been deleted.
        prepare=lambda: worker.write(settings),
        environment={
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(worker.code(settings)),
            # As Galaxy's job scripts set it.
            "PYTHONWARNINGS": "ignore",
            # A process with threads can't be forked safely, and numpy's libraries start some.
            **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        },
        start_seconds=300,
        # Each job waits some seconds for one that hangs, and nothing is lost with it.
        silent_seconds=20,
        needed=False,
    )
