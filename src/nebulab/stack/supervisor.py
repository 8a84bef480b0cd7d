"""The supervisor: starts the parts of a stack, restarts them and stops them in order; one process a running stack.

`nebulab up` runs it in the foreground; `nebulab up --detach` starts this module as a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import aiohttp
import psutil

from nebulab.errors import AlreadyRunning, NebulabError, StackError
from nebulab.files import locked, private_folder
from nebulab.stack import isolation, parts
from nebulab.stack.embedded import accounts, configuration, container_jobs, gate, lost_jobs, sessions
from nebulab.stack.parts import Part
from nebulab.stack.running import guard, ports, processes, state
from nebulab.stack.running.state import PartState, StackState
from nebulab.stack.settings import StackSettings

_POLL_STARTING = 0.2
_POLL_RUNNING = 3.0
_LONGEST_BACK_OFF = 30.0
_STEADY_SECONDS = 60
_TRIES_AT_FIRST = 2
_SESSIONS_SECONDS = 60
_LEFTOVERS_SECONDS = 10
_TAIL_LINES = 12

# Its full name also where this module is the program, so that one handler takes all that the project logs.
log = logging.getLogger("nebulab.stack.supervisor")


class Supervisor:
    """One run of the stack with `settings`; `on_ready` is called once, when all parts answer."""

    def __init__(self, settings: StackSettings, on_ready: Callable[[], None] = lambda: None) -> None:
        self.settings = settings
        self.on_ready = on_ready
        self.state = StackState(
            stack_id=uuid.uuid4().hex,
            supervisor=os.getpid(),
            started=psutil.Process().create_time(),
            parts=[PartState("supervisor", "running", pid=os.getpid())],
        )
        self._isolation: isolation.Isolation | None = None
        self._beside: list[Part] = []
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._answered: dict[str, asyncio.Event] = {}
        self._has_accounts = asyncio.Event()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; a second one skips waiting for the sessions.

        Raises
        ------
        AlreadyRunning
            Another supervisor works on the same data folder.
        StackError
            A part could not be started.
        """
        private_folder(self.settings.data_dir)
        private_folder(self.settings.run_dir)
        with locked(state.lock_file(self.settings.data_dir), wait=False) as free:
            if not free:
                raise AlreadyRunning(f"A stack runs on {self.settings.data_dir} already.", "`nebulab status` shows it.")
            try:
                await self._run()
            except NebulabError as error:
                self.state.failure, self.state.hint = error.message, error.hint
                raise
            finally:
                for part in self.state.parts:
                    part.state, part.pid = "failed" if part.state == "failed" else "stopped", None
                self._write()

    async def _run(self) -> None:
        self._end_leftovers()
        self._handle_signals()
        galaxy, proxy = self._prepare()
        # In the order in which they are stopped.
        kept = [proxy, galaxy, *self._beside]
        with self._guarded():
            async with self._without_leftovers(), aiohttp.ClientSession(trust_env=False) as client:
                self._answered = {part.name: asyncio.Event() for part in kept}
                work = [asyncio.create_task(self._keep(part, client)) for part in kept]
                work.append(asyncio.create_task(self._finish_start(galaxy, kept)))
                work.append(asyncio.create_task(self._watch_folder()))
                work.append(asyncio.create_task(lost_jobs.LostJobs(self.settings).keep()))
                stopping = asyncio.create_task(self._stop.wait())
                try:
                    # Work ends by an error alone.
                    done, _ = await asyncio.wait((*work, stopping), return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                finally:
                    stopping.cancel()
                    await self._shut_down(galaxy, kept, work)

    def _prepare(self) -> tuple[Part, Part]:
        settings = self.settings
        chosen = isolation.choose(settings.isolation, settings.image, settings.data_dir, settings.network)
        self._isolation = chosen
        self.state.isolation = chosen.explanation
        log.info("sessions' isolation: %s", chosen.explanation)
        numbers = ports.choose(
            settings.data_dir / "ports.json",
            {"galaxy": settings.galaxy_port, "proxy": settings.proxy_port, "portal": settings.portal_port},
        )
        secrets = accounts.load(settings.secrets_file)
        limits = configuration.one_session(settings)
        path = configuration.write(settings, secrets, chosen, numbers, stack_id=self.state.stack_id, limits=limits)
        galaxy = parts.galaxy(settings, path, numbers["galaxy"])
        proxy = parts.proxy(settings, galaxy.address, numbers["proxy"])
        gated = gate.is_on(settings)
        session = configuration.in_words(settings, limits)
        self._beside.append(
            parts.portal(
                *(settings, galaxy.address, numbers["portal"]), session=session, gpus=bool(limits.gpus), awaited=gated
            )
        )
        if settings.worker:
            self._beside.append(parts.galaxys_worker(settings))
        if chosen.kind == "container":
            self._beside.append(parts.door(settings, numbers["galaxy"]))
        self.state.parts += [PartState(part.name, "starting", part.address) for part in (galaxy, proxy, *self._beside)]
        self._write()
        return galaxy, proxy

    @contextlib.asynccontextmanager
    async def _without_leftovers(self) -> AsyncIterator[None]:
        """Remove containers that the last run left behind, and at the end those of this one."""
        if self._isolation is None or self._isolation.kind != "container":
            yield
            return
        await asyncio.to_thread(container_jobs.remove, self.settings, self._isolation)
        try:
            yield
        finally:
            left = await asyncio.to_thread(container_jobs.remove, self.settings, self._isolation)
            if left:
                log.info("removed %d containers that sessions left behind", left)

    async def _keep(self, part: Part, client: aiohttp.ClientSession) -> None:
        """Run `part` for ever: start it, watch it, start it again when it ends or hangs."""
        shown = self.state.part(part.name)
        failures = 0
        if part.after_galaxy:
            await self._has_accounts.wait()
        while True:
            started = time.monotonic()
            reason = await self._run_once(part, client)
            failures = 1 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
            if not self._answered[part.name].is_set() and failures >= _TRIES_AT_FIRST:
                if part.needed:
                    shown.state, shown.message = "failed", reason
                    raise StackError(
                        f"{part.title} {reason}, {failures} times. It says last:\n{_tail(part.log)}",
                        f"The whole log is {part.log}. `nebulab up --reinstall` makes the environments anew.",
                    )
                # The others wait for it no longer.
                self._answered[part.name].set()
            pause = min(_LONGEST_BACK_OFF, 0.5 * 2**failures)
            shown.state, shown.pid, shown.message = "restarting", None, reason
            shown.restarts += 1
            self._write()
            log.warning("%s %s; starting it again in %.0f s", part.title, reason, pause)
            await asyncio.sleep(pause)

    async def _run_once(self, part: Part, client: aiohttp.ClientSession) -> str:
        """Start `part` and watch it; return, in words, how its process ended."""
        try:
            part.prepare()
            process = await processes.start(
                part.command,
                stack_id=self.state.stack_id,
                environment=part.environment,
                folder=part.folder,
                log=part.log,
            )
        except OSError as error:
            return f"could not be started ({error})"
        self._running[part.name] = process
        self.state.part(part.name).pid = process.pid
        self._write()
        return await self._watch(part, process, client)

    async def _watch(self, part: Part, process: asyncio.subprocess.Process, client: aiohttp.ClientSession) -> str:
        """Watch `process` until it exits, terminating one that hangs; return, in words, how it ended."""
        shown = self.state.part(part.name)
        exited = asyncio.create_task(process.wait())
        try:
            answered = False
            heard = time.monotonic()
            while not exited.done():
                if await part.answers(client):
                    heard = time.monotonic()
                    if not answered and not exited.done():
                        answered = True
                        self._answered[part.name].set()
                        shown.state, shown.message = "running", ""
                        self._write()
                        log.info("%s answers at %s", part.title, part.address)
                elif time.monotonic() - heard > (part.silent_seconds if answered else part.start_seconds):
                    await self._end(part)
                    return "no longer answered" if answered else f"did not answer within {part.start_seconds:.0f} s"
                await asyncio.wait((exited,), timeout=_POLL_RUNNING if answered else _POLL_STARTING)
            return _how_it_ended(process.returncode or 0)
        finally:
            exited.cancel()

    async def _finish_start(self, galaxy: Part, kept: list[Part]) -> None:
        """Create the accounts and set `ready` once all parts answer; never returns, since that would end the stack."""
        for part in kept:
            if not part.after_galaxy:
                await self._answered[part.name].wait()
        await asyncio.to_thread(accounts.create_missing, self.settings.secrets_file, galaxy.address)
        self._has_accounts.set()
        for part in kept:
            if part.awaited:
                await self._answered[part.name].wait()
        self.state.ready = True
        self._write()
        self.on_ready()
        await asyncio.Event().wait()

    async def _watch_folder(self) -> None:
        """Raise when the stack's folder is deleted, which ends the stack: no command would find it any more."""
        while await asyncio.to_thread(self.settings.run_dir.exists):  # noqa: ASYNC110 - there is nothing to set an event
            await asyncio.sleep(_POLL_RUNNING)
        raise StackError(f"The stack's folder {self.settings.data_dir} was deleted.", "`nebulab up` makes a new one.")

    async def _shut_down(self, galaxy: Part, kept: list[Part], work: list[asyncio.Task[None]]) -> None:
        """Stop in order: the sessions, whose outputs Galaxy still has to collect, the `kept` parts, what is left."""
        was_ready, self.state.ready = self.state.ready, False
        for part in self.state.parts:
            part.state = "failed" if part.state == "failed" else "stopping"
        self._write()
        # From here on a part that ends is not started again.
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        if was_ready and self.settings.secrets_file.exists():
            await self._end_sessions(galaxy)
        orphans = await self._end_all(kept)
        # Galaxy, which has ended, collects nothing any more.
        self.state.uncollected = sorted(filter(None, map(processes.session_folder, orphans)))
        await asyncio.to_thread(processes.end, orphans, grace=_LEFTOVERS_SECONDS)
        left = await asyncio.to_thread(processes.end_all, self.state.stack_id, grace=_LEFTOVERS_SECONDS)
        if left or orphans:
            log.info("ended %d processes that the parts left behind", left + len(orphans))

    async def _end_all(self, kept: list[Part]) -> list[psutil.Process]:
        """End the parts in order, and return what they had started and left.

        Galaxy starts jobs until it ends, and without its environment: once it is gone, nothing tells whose they are.
        """

        async def one_by_one() -> None:
            for part in kept:
                await self._end(part)

        ending = asyncio.create_task(one_by_one())
        seen: set[psutil.Process] = set()
        while not ending.done():
            seen.update(await asyncio.to_thread(processes.carrying, self.state.stack_id))
            await asyncio.wait((ending,), timeout=_POLL_STARTING)
        ending.result()
        return [process for process in seen if processes.is_running(process)]

    async def _end_sessions(self, galaxy: Part) -> None:
        admin = accounts.load(self.settings.secrets_file).admin
        ending = asyncio.create_task(sessions.end_all(galaxy.address, admin.key, seconds=_SESSIONS_SECONDS))
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((ending, hurry), return_when=asyncio.FIRST_COMPLETED)
        for task in (ending, hurry):
            task.cancel()
        outcomes = await asyncio.gather(ending, hurry, return_exceptions=True)
        if isinstance(outcomes[0], NebulabError):
            log.warning("the sessions could not be ended in order: %s", outcomes[0].message)

    async def _end(self, part: Part) -> None:
        process = self._running.get(part.name)
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), part.stop_seconds)
        except TimeoutError:
            log.warning("%s did not end within %.0f s; killed", part.title, part.stop_seconds)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _end_leftovers(self) -> None:
        """Terminate the processes of the last run, whose supervisor and guard were both killed."""
        last = state.read(self.settings.data_dir)
        if last is not None:
            left = processes.end_all(last.stack_id, grace=_LEFTOVERS_SECONDS)
            if left:
                log.warning("ended %d processes of the last run", left)

    def _handle_signals(self) -> None:
        def on_signal() -> None:
            if self._stop.is_set():
                self._hurry.set()
            self._stop.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, on_signal)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Run the guard, a process that terminates the stack's processes if this one is killed."""
        reading, writing = os.pipe()
        watcher = subprocess.Popen(
            [sys.executable, "-m", guard.__name__, str(reading), self.state.stack_id],
            pass_fds=(reading,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(reading)
        try:
            yield
            os.write(writing, guard.FAREWELL)
        finally:
            os.close(writing)
            watcher.wait()

    def _write(self) -> None:
        # The folder may be deleted, which ends the stack: it must still end in order.
        with contextlib.suppress(FileNotFoundError):
            state.write(self.settings.data_dir, self.state)


def _how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"exited with code {code}"


def _tail(path: Path) -> str:
    if not path.exists():
        return "nothing"
    return "\n".join(path.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


def keep_log(path: Path, *others: logging.Handler) -> None:
    """Append what this project logs to `path`, and give it to the handlers `others` too."""
    os.close(processes.open_log(path))
    file = logging.FileHandler(path)
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    project = logging.getLogger("nebulab")
    project.setLevel(logging.INFO)
    for handler in (file, *others):
        project.addHandler(handler)


def main() -> None:
    """Supervise the stack whose settings are in the file that is named on the command line."""
    settings = StackSettings.from_json(Path(sys.argv[1]).read_text())
    keep_log(settings.log("supervisor"))

    async def supervise() -> None:
        await Supervisor(settings).run()

    try:
        asyncio.run(supervise())
    except NebulabError as error:
        log.error("%s", error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
