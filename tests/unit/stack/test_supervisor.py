"""The supervisor keeps parts (here small web servers) running, tells why one does not start, leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from nebulab.errors import AlreadyRunning, StackError
from nebulab.files import private_folder
from nebulab.stack.embedded import accounts
from nebulab.stack.parts import Part, by_http
from nebulab.stack.running import ports, processes, state
from nebulab.stack.running.state import PartState
from nebulab.stack.settings import StackSettings
from nebulab.stack.supervisor import Supervisor

BROKEN = "import sys; print('no such option: --colour'); sys.exit(4)"


class Small(Supervisor):
    """A supervisor of two web servers in place of Galaxy and the proxy."""

    broken = False

    def _prepare(self) -> tuple[Part, Part]:
        kept = accounts.load(self.settings.secrets_file)
        accounts.save(
            self.settings.secrets_file,
            replace(kept, admin=replace(kept.admin, key="a"), user=replace(kept.user, key="b")),
        )
        numbers = ports.choose(self.settings.data_dir / "ports.json", {"galaxy": None, "proxy": None})
        galaxy, proxy = (self._part(name, port) for name, port in numbers.items())
        self.state.parts += [PartState(part.name, "starting", part.address) for part in (galaxy, proxy)]
        self._write()
        return galaxy, proxy

    def _part(self, name: str, port: int) -> Part:
        command: tuple[str, ...] = (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1")
        if self.broken and name == "galaxy":
            command = (sys.executable, "-c", BROKEN)
        address = f"http://127.0.0.1:{port}"
        log = self.settings.log(name)
        return Part(name, f"The {name}", command, address, by_http(address), self.settings.run_dir, log)


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    settings = StackSettings(tmp_path / "data", tmp_path / "environments", tmp_path)
    private_folder(settings.logs_dir)
    return settings


async def _until(probe: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not probe():
            await asyncio.sleep(0.05)


async def test_a_killed_part_is_started_again_and_told(settings: StackSettings) -> None:
    ready = []
    supervisor = Small(settings, lambda: ready.append(True))
    running = asyncio.create_task(supervisor.run())
    await _until(lambda: bool(ready))
    galaxy = supervisor.state.part("galaxy")
    killed = galaxy.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await _until(lambda: galaxy.restarts == 1)
    await _until(lambda: galaxy.state == "running")
    assert galaxy.pid != killed
    assert ready == [True]
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert [part.state for part in supervisor.state.parts] == ["stopped"] * 3
    assert processes.carrying(supervisor.state.stack_id) == []
    assert not state.is_locked(settings.data_dir)


# As Galaxy does: a job that waited is started at the last moment, with an environment of its own.
LATE = """
import http.server, os, signal, subprocess, sys, time
def stop(*_):
    job = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env={}, start_new_session=True)
    open(sys.argv[2], "w").write(str(job.pid))
    time.sleep(1)
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


async def test_a_job_that_galaxy_starts_as_it_ends_is_ended_too(settings: StackSettings, tmp_path: Path) -> None:
    class Late(Small):
        def _part(self, name: str, port: int) -> Part:
            part = super()._part(name, port)
            command = (sys.executable, "-c", LATE, str(port), str(tmp_path / "job"))
            return replace(part, command=command) if name == "galaxy" else part

    ready = asyncio.Event()
    running = asyncio.create_task(Late(settings, ready.set).run())
    await asyncio.wait_for(ready.wait(), 20)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 30)
    job = int((tmp_path / "job").read_text())
    assert not psutil.pid_exists(job) or not processes.is_running(psutil.Process(job))


async def test_a_stack_can_be_without_a_part_that_it_does_not_need(settings: StackSettings) -> None:
    class Beside(Small):
        def _prepare(self) -> tuple[Part, Part]:
            both = super()._prepare()
            part = replace(self._part("worker", 1), command=(sys.executable, "-c", BROKEN), needed=False)
            self._beside.append(part)
            self.state.parts.append(PartState(part.name, "starting", part.address))
            return both

    ready = asyncio.Event()
    supervisor = Beside(settings, ready.set)
    running = asyncio.create_task(supervisor.run())
    await asyncio.wait_for(ready.wait(), 20)
    worker = supervisor.state.part("worker")
    assert (worker.state, worker.message) == ("restarting", "exited with code 4")
    assert supervisor.state.part("galaxy").state == "running"
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 30)
    assert worker.state == "stopped"


async def test_a_part_waits_for_galaxy_and_the_start_for_it_where_it_must(settings: StackSettings) -> None:
    """The portal needs an administrator's key, and leaves Galaxy the processors; a gate without a portal is none."""

    class WithPortal(Small):
        awaited = False

        def _prepare(self) -> tuple[Part, Part]:
            galaxy, proxy = super()._prepare()
            port = ports.choose(self.settings.data_dir / "more.json", {"portal": None})["portal"]
            self._beside.append(
                replace(self._part("portal", port), prepare=self.look, after_galaxy=True, awaited=self.awaited)
            )
            self.state.parts.append(PartState("portal", "starting", "x"))
            return galaxy, proxy

        def look(self) -> None:
            self.seen = self.state.part("galaxy").state, self.state.ready

    for awaited in (False, True):
        ready = asyncio.Event()
        supervisor = WithPortal(settings, ready.set)
        supervisor.awaited = awaited
        running = asyncio.create_task(supervisor.run())
        await asyncio.wait_for(ready.wait(), 20)
        portal = supervisor.state.part("portal")
        if awaited:
            assert portal.state == "running"
            assert supervisor.seen == ("running", False)
        await _until(lambda part=portal: part.state == "running")  # type: ignore[misc]
        assert supervisor.seen[0] == "running"
        os.kill(os.getpid(), signal.SIGTERM)
        await running


async def test_what_can_not_be_prepared_is_told_and_tried_again(settings: StackSettings) -> None:
    tries = []

    def prepare() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no room")

    class Full(Small):
        def _part(self, name: str, port: int) -> Part:
            part = super()._part(name, port)
            return replace(part, prepare=prepare) if name == "galaxy" else part

    ready = asyncio.Event()
    supervisor = Full(settings, ready.set)
    running = asyncio.create_task(supervisor.run())
    # Its parts are known once it runs.
    await _until(lambda: len(supervisor.state.parts) == 3 and "no room" in supervisor.state.part("galaxy").message)
    await asyncio.wait_for(ready.wait(), 20)
    assert len(tries) == 2
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(running, 30)


async def test_one_folder_has_one_supervisor(settings: StackSettings) -> None:
    ready = asyncio.Event()
    first = asyncio.create_task(Small(settings, ready.set).run())
    await asyncio.wait_for(ready.wait(), 20)
    before = (settings.run_dir / "state.json").read_text()
    with pytest.raises(AlreadyRunning):
        await Small(settings).run()
    assert (settings.run_dir / "state.json").read_text() == before
    os.kill(os.getpid(), signal.SIGTERM)
    await first


async def test_a_part_that_does_not_start_is_told_with_its_own_words(settings: StackSettings) -> None:
    supervisor = Small(settings)
    supervisor.broken = True
    with pytest.raises(StackError, match="no such option: --colour") as failure:
        await supervisor.run()
    assert "galaxy.log" in failure.value.hint
    kept = state.read(settings.data_dir)
    assert kept is not None
    assert "--colour" in kept.failure
    assert {part.name: part.state for part in kept.parts} == {
        "supervisor": "stopped",
        "galaxy": "failed",
        "proxy": "stopped",
    }
    assert processes.carrying(supervisor.state.stack_id) == []


async def test_a_stack_whose_folder_is_deleted_ends(settings: StackSettings) -> None:
    ready = asyncio.Event()
    supervisor = Small(settings, ready.set)
    running = asyncio.create_task(supervisor.run())
    await asyncio.wait_for(ready.wait(), 20)
    shutil.rmtree(settings.data_dir)
    with pytest.raises(StackError, match="deleted"):
        await asyncio.wait_for(running, 20)
    assert processes.carrying(supervisor.state.stack_id) == []
