"""Kernels forked from the zygote, which has imported what they need, in place of a new Python each; runs in JupyterLab.

The zygote is `nebulab.kernel.zygote`. If it does not run, is not ready, is outdated or does not answer in time, the
kernel starts in the ordinary way, as those of every other kernelspec do. A forked kernel is JupyterLab's own child like
any other: the zygote may end at any time.
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
from nebulab.contract import LEGACY_KERAS, PRELOAD
from nebulab.session.kernels.adopted import Forked

LINGER_SECONDS = 60.0
"""Time for which the zygote stays after the last kernel; with preloaded libraries it stays for good."""

_KERNEL = ["-m", "ipykernel_launcher"]
_ZYGOTE = ["-m", "nebulab.kernel.zygote"]
# Padding of the zygote's command line, over which that of the kernel is written; no tool shows the blanks.
_PADDING = " " * 2048
# Variables that may differ: any other may have been read at an import, or by Python itself at its start.
_VARYING = frozenset({"JPY_SESSION_NAME"})
# Read when TensorFlow is imported: it may differ as long as nothing is preloaded.
_VARYING_UNLESS_PRELOADED = frozenset({LEGACY_KERAS})
_PAUSE_SECONDS = 2.0
"""Pause between the start of a kernel and that of the zygote, which would slow it down."""
_LOAD_POLL_SECONDS = 2.0
_LONGEST_LOAD_SECONDS = 30.0
_ANSWER_SECONDS = 3.0
_LISTEN_SECONDS = 5.0
_LISTEN_POLL_SECONDS = 0.01
_LOOPBACK = ("tcp", "127.0.0.1")
_IMPORT_SECONDS = 180.0
_CHUNK = 4096
_PARENT = "JPY_PARENT_PID"

log = logging.getLogger("nebulab")


class _Process:
    """A running zygote, and the socket to its standard input."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._socket, far = socket.socketpair()
        self._socket.setblocking(False)
        self._buffer = b""
        self._began = time.monotonic()
        self._ready = False
        with far:
            self._popen = subprocess.Popen(
                [python, *_ZYGOTE, _PADDING],
                stdin=far.fileno(),
                env=dict(environment),
                cwd="/",  # a folder without modules
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def runs(self) -> bool:
        return self._popen.poll() is None

    def kill(self) -> None:
        self._socket.close()
        self._popen.kill()
        self._popen.wait()

    def is_ready(self) -> bool:
        """Whether it has reported that its imports are done; does not wait.

        Raises
        ------
        TimeoutError
            Its imports take too long.
        ValueError
            It is unfit: a fork of it would not be a good kernel.
        OSError
            It has ended.
        """
        if not self._ready:
            try:
                self._append(self._socket.recv(_CHUNK))
            except BlockingIOError:
                if time.monotonic() - self._began > _IMPORT_SECONDS:
                    raise TimeoutError(f"it still imports after {_IMPORT_SECONDS:.0f} s") from None
            self._ready = b"\n" in self._buffer and "ready" in self._answer()
        return self._ready

    async def send(self, line: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, line + b"\n")

    async def receive(self) -> dict[str, Any]:
        """Return the next line that it sends."""
        loop = asyncio.get_running_loop()
        while b"\n" not in self._buffer:
            self._append(await loop.sock_recv(self._socket, _CHUNK))
        return self._answer()

    def _append(self, chunk: bytes) -> None:
        if not chunk:
            raise ConnectionError("it has ended")
        self._buffer += chunk

    def _answer(self) -> dict[str, Any]:
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer = dict(json.loads(line))
        if "unfit" in answer:
            raise ValueError(answer["unfit"])
        return answer


class Zygote:
    """JupyterLab's side of the zygote: starts it beforehand, and anew when it can't be used."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        self._python = python
        # JupyterLab becomes the kernels' parent, and ipykernel reads the parent's pid when it is imported.
        self._environment = {**environment, _PARENT: str(os.getpid())}
        self._process: _Process | None = None
        self._unfit = False
        self._lock = asyncio.Lock()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def pid(self) -> int | None:
        """Its pid while it runs."""
        return self._process.pid if self._process is not None and self._process.runs else None

    def start(self) -> None:
        """Start it, unless it runs; until it is ready kernels start in the ordinary way."""
        if self.pid is None and not self._unfit:
            self.stop()
            self._process = _Process(self._python, self._environment)

    def stop(self) -> None:
        """Kill it; the kernels that it has forked go on."""
        if self._process is not None:
            self._process.kill()
        self._process = None

    def leave_later(self) -> None:
        """Stop it LINGER_SECONDS after the last call."""
        if not self._environment.get(PRELOAD):
            self._schedule("stop", LINGER_SECONDS, self.stop)

    def close(self) -> None:
        """Stop it for good."""
        for timer in self._timers.values():
            timer.cancel()
        self.stop()

    async def fork(self, argv: Sequence[str], environment: Mapping[str, str], folder: str) -> Forked | None:
        """Return a fork that runs as `argv` would, or None if the kernel has to be started in the ordinary way."""
        async with self._lock:
            if not self._can_become(argv, environment, folder):
                return None
            self._schedule("start", _PAUSE_SECONDS, self.start)
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
                # A fork that it may have made waits for `go`, and ends with it.
                self.stop()
            return None

    async def is_ready(self) -> bool:
        """Whether the next kernel can be forked, as far as the zygote has reported."""
        async with self._lock:
            return self._process is not None and self._is_ready(self._process)

    def _is_ready(self, process: _Process) -> bool:
        try:
            return process.is_ready()
        except ValueError:
            # A new zygote would be unfit for the same reason.
            self._unfit = True
            raise

    @staticmethod
    async def _fork(process: _Process, request: bytes) -> int:
        # Subreaper until JupyterLab is the kernel's parent; at other times orphans are the guardian's.
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
        """Whether a fork equals what the command would start: the same Python, module and environment."""

        varying = _VARYING if self._environment.get(PRELOAD) else _VARYING | _VARYING_UNLESS_PRELOADED

        def fixed(variables: Mapping[str, str]) -> dict[str, str]:
            return {name: value for name, value in variables.items() if name not in varying}

        return (
            list(argv[:3]) == [self._python, *_KERNEL]
            and sum(len(os.fsencode(argument)) + 1 for argument in argv) < len(_PADDING)
            and fixed(environment) == fixed(self._environment)
            and Path(folder).is_dir()
        )

    def _schedule(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` after `seconds`; a timer of the same name that still runs is cancelled."""
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action)


def _absolute(folder: str | Path) -> str:
    return str(Path(folder).absolute())


_zygote: Zygote | None = None
_kernel_was_started = False


def begin(python: str, environment: Mapping[str, str]) -> Zygote:
    """Fork kernels of `python` from now on; called in JupyterLab's event loop.

    If a kernel was started before this, the zygote starts after the next one only, unless it is to preload libraries.
    """
    global _zygote
    _zygote = Zygote(python, environment)
    if not _kernel_was_started or environment.get(PRELOAD):
        _zygote.start()
    return _zygote


async def begin_when_calm(python: str, environment: Mapping[str, str]) -> None:
    """Begin when the machine has an idle processor, or after _LONGEST_LOAD_SECONDS.

    In a course many sessions start at once, and zygotes must not slow their start down.
    """
    deadline = time.monotonic() + _LONGEST_LOAD_SECONDS
    while _is_busy() and time.monotonic() < deadline:  # noqa: ASYNC110 - it tells no event
        await asyncio.sleep(_LOAD_POLL_SECONDS)
    begin(python, environment)


def _is_busy() -> bool:
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0])
    return running > len(os.sched_getaffinity(0))


class ForkingProvisioner(LocalProvisioner):
    """Jupyter's own provisioner of local kernels, which forks the kernel where that is possible."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork the kernel, or start it, and return once it listens.

        ZeroMQ retries a refused connection after 0.1 s and so misses a fast kernel's first status message, and
        JupyterLab asks for another only half a second later.
        """
        connection = await self._launch(cmd, **kwargs)
        address = (connection.get("transport"), connection.get("ip"), connection.get("iopub_port"))
        deadline = time.monotonic() + _LISTEN_SECONDS
        while await self.poll() is None and time.monotonic() < deadline:
            if address[:2] != _LOOPBACK or linux.listening(address[2]):
                break
            await asyncio.sleep(_LISTEN_POLL_SECONDS)
        return connection

    async def _launch(self, cmd: list[str], **kwargs: Any) -> Any:
        global _kernel_was_started
        _kernel_was_started = True
        # Any other argument is for `Popen`, and rules forking out.
        if _zygote is not None and kwargs.keys() <= {"env", "cwd", "extra_arguments", "kernel_id"}:
            environment = {**kwargs["env"], _PARENT: str(os.getpid())}
            folder = _absolute(kwargs.get("cwd") or "")
            forked = await _zygote.fork(cmd, environment, folder)
            if forked is not None:
                self.process = forked
                # The fork called setsid, as an ordinary kernel does.
                self.pid = self.pgid = forked.pid
                self.cwd = folder
                return self.connection_info
        return await super().launch_kernel(cmd, **kwargs)
