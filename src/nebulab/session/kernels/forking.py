"""Kernels forked from a process that has imported what they need, in place of a new Python each; runs in JupyterLab.

`nebulab.kernel.zygote` is that process. Wherever it is not there, not ready, not fresh or not quick, the kernel starts
in the ordinary way, as those of every other kernelspec do. A forked kernel is JupyterLab's own child like any other: it
does not depend on the zygote, which comes and goes.
"""

# Jupyter's classes carry no types.
# mypy: disable-error-code="misc"

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from nebulab import linux
from nebulab.contract import PRELOAD
from nebulab.session.kernels.adopted import Forked

LINGER_SECONDS = 60.0
"""How long the zygote stays after the last kernel: then an idle session's memory is worth more. With what was
preloaded it stays for good."""

_KERNEL = ["-m", "ipykernel_launcher"]
_ZYGOTE = ["-m", "nebulab.kernel.zygote"]
# The kernel's command is written over the zygote's, and must find room there. Blanks show nowhere.
_ROOM = " " * 2048
# All else in the environment may have been read at an import, or by Python itself at its start.
_VARYING = frozenset({"JPY_SESSION_NAME"})
_PAUSE_SECONDS = 2.0
"""The zygote's own start waits so long after a kernel, which shall have the processor for itself."""
_LOOK_SECONDS = 2.0
_LONGEST_STORM_SECONDS = 30.0
_ANSWER_SECONDS = 3.0
_LISTEN_SECONDS = 5.0
_LISTEN_LOOK_SECONDS = 0.01
_LOOPBACK = ("tcp", "127.0.0.1")
_IMPORT_SECONDS = 180.0
_PIECE = 4096
_PARENT = "JPY_PARENT_PID"

log = logging.getLogger("nebulab")


class _Process:
    """A zygote that was started, and the line to it."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._line, far = socket.socketpair()
        self._line.setblocking(False)
        self._read = b""
        self._begun = time.monotonic()
        self._ready = False
        with far:
            self._popen = subprocess.Popen(
                [python, *_ZYGOTE, _ROOM],
                stdin=far.fileno(),
                env=dict(environment),
                cwd="/",  # nothing to import there
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

    def end(self) -> None:
        self._line.close()
        self._popen.kill()
        self._popen.wait()

    def is_ready(self) -> bool:
        """Whether it has said that it has imported everything; nothing is waited for.

        Raises
        ------
        TimeoutError
            It should have, long since.
        ValueError
            It can't be forked.
        OSError
            It has ended.
        """
        if not self._ready:
            try:
                self._take(self._line.recv(_PIECE))
            except BlockingIOError:
                if time.monotonic() - self._begun > _IMPORT_SECONDS:
                    raise TimeoutError(f"it still imports after {_IMPORT_SECONDS:.0f} s") from None
            self._ready = b"\n" in self._read and "ready" in self._answer()
        return self._ready

    async def send(self, line: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._line, line + b"\n")

    async def receive(self) -> dict[str, Any]:
        """Return the next line that it sends."""
        loop = asyncio.get_running_loop()
        while b"\n" not in self._read:
            self._take(await loop.sock_recv(self._line, _PIECE))
        return self._answer()

    def _take(self, piece: bytes) -> None:
        if not piece:
            raise ConnectionError("it has ended")
        self._read += piece

    def _answer(self) -> dict[str, Any]:
        line, _, self._read = self._read.partition(b"\n")
        answer = dict(json.loads(line))
        if "unfit" in answer:
            raise ValueError(answer["unfit"])
        return answer


class Zygote:
    """The process that forks kernels, from JupyterLab's side: started beforehand, and anew when it can't be used."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._python = python
        # JupyterLab is the parent of what is forked, and ipykernel reads at its import who that is.
        self._environment = {**environment, _PARENT: str(os.getpid())}
        self._process: _Process | None = None
        self._spoilt = False
        self._one_at_a_time = asyncio.Lock()
        self._later: dict[str, asyncio.TimerHandle] = {}

    @property
    def pid(self) -> int | None:
        """Its number while it runs."""
        return self._process.pid if self._process is not None and self._process.runs else None

    def start(self) -> None:
        """Start it, unless it runs; until it is ready kernels start in the ordinary way."""
        if self.pid is None and not self._spoilt:
            self.stop()
            self._process = _Process(self._python, self._environment)

    def stop(self) -> None:
        """End it; the kernels that it has forked go on."""
        if self._process is not None:
            self._process.end()
        self._process = None

    def leave_later(self) -> None:
        """End it when no kernel was asked for in a while."""
        if not self._environment.get(PRELOAD):
            self._have("stop", LINGER_SECONDS, self.stop)

    def close(self) -> None:
        """End it for good."""
        for timer in self._later.values():
            timer.cancel()
        self.stop()

    async def fork(self, argv: Sequence[str], environment: Mapping[str, str], folder: str) -> Forked | None:
        """Return a kernel forked to be what `argv` would start, or None if it has to be started in the ordinary way."""
        async with self._one_at_a_time:
            if not self._can_become(argv, environment, folder):
                return None
            self._have("start", _PAUSE_SECONDS, self.start)
            self.leave_later()
            if self._process is None:
                return None
            request = {"argv": list(argv), "environment": dict(environment), "folder": folder}
            try:
                if self._is_ready(self._process):
                    async with asyncio.timeout(_ANSWER_SECONDS):
                        return Forked(await self._fork(self._process, json.dumps(request).encode()), argv)
            except (TimeoutError, OSError, ValueError) as error:
                reason = str(error) or "no answer in time"
                log.warning("A kernel was not forked, and starts in the ordinary way: %s", reason)
                # What it may have forked has not had the word to go on, and ends with it.
                self.stop()
            return None

    async def is_ready(self) -> bool:
        """Whether the next kernel can be forked, as far as is known here."""
        async with self._one_at_a_time:
            return self._process is not None and self._is_ready(self._process)

    def _is_ready(self, process: _Process) -> bool:
        try:
            return process.is_ready()
        except ValueError:
            # Another one would be no better.
            self._spoilt = True
            raise

    @staticmethod
    async def _fork(process: _Process, request: bytes) -> int:
        # For as long as it takes to become the kernel's parent; what loses its parent otherwise is the guardian's.
        linux.adopt_orphans()
        try:
            await process.send(request)
            pid = int((await process.receive())["pid"])
        finally:
            linux.adopt_orphans(adopt=False)
        if linux.parent(pid) != os.getpid():
            raise ValueError(f"kernel {pid} has another parent")
        await process.send(b"go")
        return pid

    def _can_become(self, argv: Sequence[str], environment: Mapping[str, str], folder: str) -> bool:
        """Whether a fork is what the command would start: the same Python, module and environment."""

        def fixed(variables: Mapping[str, str]) -> dict[str, str]:
            return {name: value for name, value in variables.items() if name not in _VARYING}

        return (
            list(argv[:3]) == [self._python, *_KERNEL]
            and sum(len(os.fsencode(one)) + 1 for one in argv) < len(_ROOM)
            and fixed(environment) == fixed(self._environment)
            and Path(folder).is_dir()
        )

    def _have(self, what: str, seconds: float, done: Callable[[], None]) -> None:
        """Have something done so much later, counted from the last time that it was asked for."""
        if what in self._later:
            self._later[what].cancel()
        self._later[what] = asyncio.get_running_loop().call_later(seconds, done)


def _absolute(folder: str | Path) -> str:
    return str(Path(folder).absolute())


_zygote: Zygote | None = None
_asked_before = False


def begin(python: str, environment: Mapping[str, str]) -> Zygote:
    """Have kernels of `python` forked from now on; called in JupyterLab's event loop.

    The first kernel is waited for as long as it takes its user to open a notebook. Where it was quicker than this, the
    zygote comes with the next one.
    """
    global _zygote
    _zygote = Zygote(python, environment)
    if not _asked_before or environment.get(PRELOAD):
        _zygote.start()
    return _zygote


async def begin_when_calm(python: str, environment: Mapping[str, str]) -> None:
    """Begin when the machine has a processor to spare, and in the end all the same.

    In a course many sessions start at once, and none of them shall become slower by what all of them do beforehand.
    """
    deadline = time.monotonic() + _LONGEST_STORM_SECONDS
    while _is_busy() and time.monotonic() < deadline:  # noqa: ASYNC110 - it tells no event
        await asyncio.sleep(_LOOK_SECONDS)
    begin(python, environment)


def _is_busy() -> bool:
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return running > len(os.sched_getaffinity(0))


class ForkingProvisioner(LocalProvisioner):
    """Jupyter's own provisioner of local kernels, with a quicker start where that is possible."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork the kernel, or start it, and return once it listens.

        Whoever connects before is connected again after a tenth of a second, too late for the first word of a kernel
        that is quick, and JupyterLab asks for another one only half a second later.
        """
        connection = await self._launch(cmd, **kwargs)
        at = (connection.get("transport"), connection.get("ip"), connection.get("iopub_port"))
        deadline = time.monotonic() + _LISTEN_SECONDS
        while await self.poll() is None and time.monotonic() < deadline:
            if at[:2] != _LOOPBACK or linux.listening(at[2]):
                break
            await asyncio.sleep(_LISTEN_LOOK_SECONDS)
        return connection

    async def _launch(self, cmd: list[str], **kwargs: Any) -> Any:
        global _asked_before
        _asked_before = True
        # Any further argument is one of `Popen`'s.
        if _zygote is not None and kwargs.keys() <= {"env", "cwd", "extra_arguments", "kernel_id"}:
            environment = {**kwargs["env"], _PARENT: str(os.getpid())}
            folder = _absolute(kwargs.get("cwd") or "")
            forked = await _zygote.fork(cmd, environment, folder)
            if forked is not None:
                self.process = forked
                # It leads a session and a group of its own, as an ordinary one does.
                self.pid = self.pgid = forked.pid
                self.cwd = folder
                return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)
