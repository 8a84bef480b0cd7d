"""A running session: broker, mirror, watches and job watchdog beside JupyterLab, and the session's end; runs in the
session, from the moment JupyterLab's process exists."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from nebulab.errors import ServerError
from nebulab.files import create_empty
from nebulab.galaxy.showing import Wanted, show_only
from nebulab.session.ending import FAILURES, GALAXY_KNOWS, End, Soon
from nebulab.session.journal import log
from nebulab.session.lab import server
from nebulab.session.limits.disk import Disk
from nebulab.session.limits.watches import watches
from nebulab.session.outputs.collected import Lost, write_lost
from nebulab.session.outputs.mirroring import Mirroring
from nebulab.session.outputs.results import Results
from nebulab.session.resources.watch import Resources
from nebulab.session.walls import guardian, sealed
from nebulab.session.watches import hours, watchdog
from nebulab.session.watches.activity import IdleWatch, list_activity
from nebulab.session.watches.hours import HoursWatch
from nebulab.session.watches.idle import Idleness
from nebulab.session.watches.keeper import Keeper, Watch
from nebulab.session.watches.passing_on import PassingOn

if TYPE_CHECKING:
    import aiohttp

    from nebulab.session.prepared import Prepared

_THREADS = 4
_LONGEST_STOP_SECONDS = 20.0
_LONGEST_HARVEST_SECONDS = 25.0
_FIRST_FIGURES_SECONDS = 2.0
"""Until the first look at memory and GPUs: JupyterLab needs the processors to start."""
_ALL_RAN = "All cells ran. More of what they made may be hidden in this history: search it for visible:false"
_TABS_SAVE_SECONDS = {End.STOPPED: 0.4, End.DELETED: 0.4} | dict.fromkeys(
    (End.IDLE, End.GPU_IDLE, End.HOURS, End.LOST), 10.0
)
"""How long open tabs may take to save: Galaxy collects 0.7 s after it has stopped a session."""


def serve(prepared: Prepared, process: guardian.Guarded, bound: socket.socket, broker_token: str, port: int) -> int:
    """Look after the session until it ends, and return the command's exit code."""
    return asyncio.run(_Live(prepared, process, bound, broker_token, port).run())


def _started_threads() -> ThreadPoolExecutor:
    """Return a thread pool whose threads run already: at the limit of processes no thread can be started."""
    pool = ThreadPoolExecutor(_THREADS)
    barrier = threading.Barrier(_THREADS + 1)
    for _ in range(_THREADS):
        pool.submit(barrier.wait)
    barrier.wait()
    return pool


class _Live:
    def __init__(
        self, prepared: Prepared, process: guardian.Guarded, bound: socket.socket, broker_token: str, port: int
    ) -> None:
        self._prepared = prepared
        self._settings = prepared.settings
        self._journal = prepared.journal
        self._mirror = prepared.mirror
        self._process = process
        self._bound = bound
        self._broker_token = broker_token
        self._port = port
        self._idle = Idleness(self._settings.idle_minutes * 60)
        self._state = "starting"
        self._opened = False
        self._mirroring = Keeper(Mirroring(prepared.mirror), prepared.journal)
        self._passing_on = PassingOn(prepared.settings.layout.server_log, broker_token)
        self._job: watchdog.JobWatch | None = None
        self._resources: Resources | None = None
        self._hours: HoursWatch | None = None
        self._forwarders: list[asyncio.Server] = []
        self._end: asyncio.Future[End]
        self._tasks: set[asyncio.Task[None]] = set()

    def status(self) -> Mapping[str, object]:
        """Return the session's state for the Lab's page, with the time until it ends for idleness."""
        ends = min(self._ends(), default=None) if self._state == "running" else None
        return {
            "state": self._state,
            "idle_seconds": round(self._idle.seconds, 1),
            "ends_in_seconds": None if ends is None else round(ends.seconds, 1),
            "ends_for": None if ends is None else ends.why,
            "can_keep": ends is None or ends.can_keep,
            "remaining_seconds": round(self._idle.remaining, 1) if math.isfinite(self._idle.limit) else None,
            "kept_in": "history" if self._settings.in_galaxy else "folder",
            "messages": self._journal.messages(),
            "resources": None if self._resources is None else {**self._resources.summary(), **self._of_hours()},
        }

    def _ends(self) -> Iterator[Soon]:
        """Yield the ends of which the user is warned now."""
        if self._idle.ends_in is not None:
            yield Soon(self._idle.ends_in, "idle", can_keep=True)
        gpu = self._resources.idle_gpu if self._resources is not None else None
        if gpu is not None and gpu.ends_in is not None:
            yield Soon(gpu.ends_in, "gpu", can_keep=gpu.can_keep)
        if self._hours is not None and self._hours.ends_in is not None:
            yield Soon(self._hours.ends_in, "hours", can_keep=False)

    def _extend(self) -> None:
        self._idle.extend()
        if self._resources is not None:
            self._resources.idle_gpu.keep()

    def _of_hours(self) -> Mapping[str, object]:
        return {"hours": None if self._hours is None else self._hours.to_json()}

    def _figures(self) -> Mapping[str, object]:
        return {**self._resources.now(), **self._of_hours()} if self._resources is not None else {}

    def _last_hour(self) -> Mapping[str, object]:
        return self._resources.last_hour() if self._resources is not None else {}

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(_started_threads())
        self._end = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._finish, End.STOPPED)
        if self._settings.held:
            loop.add_reader(sys.stdin.fileno(), self._read_stdin)
        pidfd = os.pidfd_open(self._process.pid)
        loop.add_reader(pidfd, self._lab_ended)
        try:
            # Imported while JupyterLab starts, which takes longer.
            import aiohttp

            from nebulab.session.broker.server import Broker

            await self._start_forwarding()
            broker = Broker(
                self._settings.galaxy_url,
                self._settings.key,
                self._broker_token,
                status=self.status,
                extend=self._extend,
                further={"resources": self._figures, "resources/history": self._last_hour},
            )
            await broker.start(self._bound)
            try:
                async with aiohttp.ClientSession() as client:
                    self._watch(client)
                    end = await self._end
                    await self._save(end, client)
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(2):
                        await broker.stop()
        finally:
            loop.remove_reader(pidfd)
            os.close(pidfd)
            await asyncio.to_thread(self._process.stop, _LONGEST_STOP_SECONDS)
        return await self._conclude(end)

    def _watch(self, client: aiohttp.ClientSession) -> None:
        """Start the mirror and the watches and, unless a notebook runs as a job, open the session to its user."""
        self._begin(self._mirroring.keep())
        limits = list(watches(self._prepared, self._process.pid))
        for watch in limits:
            self._keep(watch)
        if self._prepared.job is not None:
            self._keep(self._passing_on)
        if self._prepared.request.run_it:
            self._state = "running"
        else:
            self._begin(self._open())
            (disk,) = (watch for watch in limits if isinstance(watch, Disk))
            self._resources = Resources(
                self._prepared,
                self._process.pid,
                disk,
                quiet_seconds=lambda: self._idle.seconds,
                end_for_gpu=lambda: self._finish(End.GPU_IDLE),
            )
            self._keep(self._resources, after=_FIRST_FIGURES_SECONDS)
            if self._settings.hours_ticket and self._settings.portal:
                self._hours = self._hours_watch(client)
                self._keep(self._hours, after=_FIRST_FIGURES_SECONDS)
            idle = self._idle_watch(client)
            self._keep(idle, after=idle.pause)
        if self._settings.in_galaxy:
            self._job = self._job_watch(client)
            self._keep(self._job, after=self._settings.watch_seconds)

    async def _save(self, end: End, client: aiohttp.ClientSession) -> None:
        # What tabs show, then the outputs, then the rest: Galaxy collects them a second after SIGTERM.
        self._state = "ending"
        await self._have_tabs_save(client, end)
        await self._mirroring.once()
        if end is End.STOPPED and self._prepared.job is not None:
            await self._harvest_stopped()
        with contextlib.suppress(OSError):
            self._settings.layout.kept.touch()
        if self._settings.in_galaxy and end not in {End.LOST, End.DELETED}:
            await self._tidy(end, client)
        if end not in GALAXY_KNOWS and self._job is not None:
            await self._job.outlast(self._galaxy_is_away)
        for task in self._tasks:
            task.cancel()
        if self._resources is not None:
            await self._resources.close()

    async def _tidy(self, end: End, client: aiohttp.ClientSession) -> None:
        """Have the history show what is worth it; of a failed training what it made, as outputs that are no failure."""
        settings, collected = self._settings, self._mirror
        saved = False
        if isinstance(collected, Results) and end is End.NOT_EXECUTED:
            saved = await self._recover(collected.made_before_failure())
            if saved:
                collected.forget()
        names = collected.worth_showing()
        if end is End.NOT_EXECUTED:
            collected.note(names[0], self._reason().partition("\n")[0])
        elif end is End.EXECUTED and self._prepared.job is not None:
            collected.note(names[0], _ALL_RAN)
        wanted = Wanted(names, collected.empty(), delete_others=saved)
        await show_only(client, settings.galaxy_url, settings.key, settings.job_id, wanted)

    async def _have_tabs_save(self, client: aiohttp.ClientSession, end: End) -> None:
        """Have open browser tabs save what they show, as far as JupyterLab is there and Galaxy waits."""
        if self._prepared.request.run_it or end not in _TABS_SAVE_SECONDS or not self._opened:
            return
        seconds = _TABS_SAVE_SECONDS[end]
        base_url = self._settings.page.base_url
        unsaved = await server.have_tabs_save(client, self._port, self._settings.token, seconds, base_url=base_url)
        if unsaved:
            self._journal.tell(unsaved)

    async def _start_forwarding(self) -> None:
        if self._settings.galaxy_socket is not None:
            await self._forward_to_galaxy(self._settings.galaxy_socket)
        if self._prepared.outward is not None:
            self._forwarders.append(await self._prepared.outward.serve())

    async def _forward_to_galaxy(self, socket: Path) -> None:
        """Forward the port of Galaxy's address on this container's loopback to Galaxy, through `socket`."""
        from nebulab import forwarding

        address = urlsplit(self._settings.galaxy_url)
        try:
            port = address.port or (443 if address.scheme == "https" else 80)
            self._forwarders.append(await forwarding.serve_port(server.LOOPBACK, port, socket))
        except OSError as error:
            self._journal.tell(f"Galaxy can't be reached from this container: {error.strerror}.")

    def _begin(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            error = task.exception()
            self._journal.tell(str(error) if isinstance(error, ServerError) else f"internal error: {error!r}")
            if isinstance(error, ServerError):
                self._finish(End.FAILED)

    def _finish(self, end: End) -> None:
        if not self._end.done():
            self._end.set_result(end)

    def _read_stdin(self) -> None:
        """End the session at EOF on standard input; any other input is ignored."""
        if not os.read(sys.stdin.fileno(), 4096):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._finish(End.STOPPED)

    def _lab_ended(self) -> None:
        if self._process.poll() is None:
            return
        succeeded = self._process.status == 0
        if self._prepared.request.run_it:
            self._finish(End.EXECUTED if succeeded else End.NOT_EXECUTED)
        else:
            self._finish(End.SHUT_DOWN if succeeded else End.DIED)

    async def _open(self) -> None:
        base_url = self._settings.page.base_url
        await server.wait_until_ready(
            self._port, self._settings.token, self._process, self._settings.layout.server_log, base_url=base_url
        )
        self._state = "running"
        self._opened = True
        if self._settings.runtime_report is not None and self._prepared.isolation != "container":
            server.report(self._settings.runtime_report, self._port)
        if self._settings.door is not None:
            self._begin(sealed.let_in(self._settings.door, self._settings.ticket, self._port))
        log(f"JupyterLab answers after {time.monotonic() - self._prepared.began:.1f} s")
        if not self._settings.in_galaxy:
            log(f"Open http://127.0.0.1:{self._port}{base_url}nebulab/start?token={self._settings.token}")

    async def _harvest_stopped(self) -> None:
        """Interrupt the training, and wait until its variables are harvested."""
        create_empty(self._settings.layout.stop_file)
        deadline = time.monotonic() + _LONGEST_HARVEST_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:  # noqa: ASYNC110 - it sets no event
            await asyncio.sleep(0.1)
        await self._mirroring.once()

    def _keep(self, watch: Watch, *, after: float = 0) -> None:
        self._begin(Keeper(watch, self._journal).keep(after=after))

    def _idle_watch(self, client: aiohttp.ClientSession) -> IdleWatch:
        address = f"http://{server.LOOPBACK}:{self._port}{self._settings.page.base_url}api"
        return IdleWatch(
            self._idle,
            lambda: list_activity(client, address, self._settings.token),
            journal=self._journal,
            is_running=lambda: self._state == "running",
            finish=self._finish,
        )

    def _hours_watch(self, client: aiohttp.ClientSession) -> HoursWatch:
        settings, outward = self._settings, self._prepared.outward
        is_near = urlsplit(settings.portal).hostname in {"localhost", server.LOOPBACK}
        proxy = outward.variables["http_proxy"] if outward is not None and not is_near else None
        return HoursWatch(
            lambda: hours.ask(client, settings.portal, settings.hours_ticket, proxy),
            ends=settings.hours_then == "end" and bool(self._prepared.gpus.look.usable),
            journal=self._journal,
            finish=self._finish,
        )

    def _job_watch(self, client: aiohttp.ClientSession) -> watchdog.JobWatch:
        settings = self._settings
        return watchdog.JobWatch(
            lambda: watchdog.ask(client, settings.galaxy_url, settings.job_id, settings.key),
            settings.watch_seconds,
            finish=self._finish,
            lost=self._galaxy_lost_the_job,
        )

    async def _galaxy_lost_the_job(self) -> None:
        if self._prepared.job is None:
            self._finish(End.LOST)
            return
        self._journal.tell(
            "Galaxy lost track of this job. The job goes on, and puts its results into your history when it is done."
        )
        await self._recover(self._sign_of_life())

    def _galaxy_is_away(self) -> None:
        self._journal.tell(
            "The session is over, and Galaxy does not answer. Your work is put into your history as soon as it does."
        )

    async def _conclude(self, end: End) -> int:
        if self._prepared.job is not None:
            self._passing_on.pass_on()
        # A notebook that runs by itself has no session that its user knows of.
        if not self._prepared.request.run_it or end not in {End.EXECUTED, End.NOT_EXECUTED}:
            self._journal.tell(f"The session ends: {end.value}.")
        is_lost = self._job is not None and self._job.is_lost
        if is_lost and end is not End.DELETED:
            await self._recover(self._mirror.lost())
        if end in {End.DIED, End.NOT_EXECUTED}:
            # Last on the error stream, where a user looks for the reason.
            print(self._reason(), file=sys.stderr, flush=True)
        return 1 if end in FAILURES else 0

    def _reason(self) -> str:
        layout = self._settings.layout
        failure = server.written_inside(layout.failure)
        return failure or f"It ended with exit code {self._process.status}. {server.last_lines(layout.server_log)}"

    def _sign_of_life(self) -> list[Lost]:
        """Return the log as a dataset whose name says that the training goes on, lest its user repeats it."""
        name = f"{self._prepared.first.page}: lost by Galaxy, goes on; its log until now"
        element = {
            "ext": "txt",
            "filename": str(self._settings.layout.server_log.relative_to(self._settings.layout.root)),
        }
        return [Lost(name, [element], is_collection=False)]

    async def _recover(self, lost: Sequence[Lost]) -> bool:
        """Upload the outputs through the API, in a process of its own: its libraries take much memory.

        Returns
        -------
        bool
            Whether all of them are in the history.
        """
        settings = self._settings
        write_lost(lost, settings.layout)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "nebulab.session.outputs.recovery",
            settings.galaxy_url,
            settings.history_id,
            str(settings.layout.root),
            stdin=asyncio.subprocess.PIPE,
        )
        await process.communicate(settings.key.encode())
        return process.returncode == 0
